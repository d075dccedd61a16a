// The pictures of the documentation, from real records. They are taken at every run, and written into docs/images when
// INDELIBLE_SCREENSHOTS is set.

import { join, resolve } from 'node:path';

import { expect, proof, rows, signIn, test } from './test';

function target(name: string): string {
  return process.env.INDELIBLE_SCREENSHOTS === undefined
    ? test.info().outputPath(name)
    : join(resolve(import.meta.dirname, '../../docs/images'), name);
}

test.use({ deviceScaleFactor: 1, viewport: { width: 1440, height: 960 } });

for (const [colorScheme, name] of [
  ['light', 'events.png'],
  ['dark', 'events-dark.png'],
] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });

    test('events of CloudTrail, one of them open and verified', async ({ page }) => {
      // The minute in which the attack made its user, and the key to it.
      const range = 'since=2023-07-10T12:20:00Z&until=2023-07-10T12:25:04Z';
      await signIn(page, `/?tenant=cloud&q=-Describe*&${range}&tz=UTC`);
      await expect(rows(page)).toHaveCount(25);
      await expect(page.getByText('events in all')).toBeVisible();
      await rows(page).filter({ hasText: 'CreateUser' }).first().getByRole('button').click();
      await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
      await page.evaluate(() => window.scrollTo({ top: 0 }));
      await page.mouse.move(0, 0);
      await page.screenshot({ path: target(name) });
    });
  });
}
