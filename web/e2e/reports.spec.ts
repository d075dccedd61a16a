// Reports: ready-made ones, the editor with its preview, and running them.

import { PASSWORD, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, signIn, test } from './test';

let hosted: Server;

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.send([
    { id: 'one', tenant: 'acme', time: '2026-11-20T10:00:00Z', action: 'Delete user', actor: { type: 'user', id: '1', username: 'ada' } },
    { id: 'two', tenant: 'acme', time: '2026-11-20T10:01:00Z', action: '<style>p{}</style><img src=x onerror=alert(1)>' },
  ]);
  await hosted.waitForCount('tenant=acme&application=!indelible', 2);
  await hosted.createUser('ada', PASSWORD);
});

test.afterAll(async () => {
  await hosted.stop();
});

test('a ready-made report is looked at, changed, saved and run', async ({ page }) => {
  await signInAs(page, `${hosted.url}/reports`, 'ada');
  const ready = page.getByRole('region', { name: 'Ready-made reports' });
  await expect(ready.getByRole('link')).toHaveCount(7);
  await expectAccessible(page);
  await ready.getByRole('link').first().click();

  await page.getByLabel('Name').fill('Deletions at acme');
  await page.getByLabel('Events').fill('tenant:acme since:2026-11-01');
  await page.getByLabel('Columns', { exact: true }).selectOption({ label: 'Chosen' });
  const first = page.getByRole('list', { name: 'Chosen columns, in order' }).getByRole('listitem').first();
  const before = await first.innerText();
  await first.getByRole('button').first().focus();
  await page.keyboard.press('Alt+ArrowDown');
  await expect(first).not.toHaveText(before);
  await page.getByRole('button', { name: 'Preview', exact: true }).click();
  const frame = page.frameLocator('iframe');
  // What an event says is text there, and what is styled is styled: nothing breaches the policy of the page.
  await expect(frame.locator('body')).toContainText('onerror=alert(1)');
  await expectAccessible(page);

  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Deletions at acme', level: 1 })).toBeVisible();
  for (const format of ['csv', 'xlsx', 'pdf', 'html']) {
    await page.getByRole('button', { name: 'Run…' }).click();
    await page.getByRole('dialog').getByLabel('Format').selectOption(format);
    await page.getByRole('dialog').getByRole('button', { name: 'Run', exact: true }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }
  const runs = page.getByRole('table', { name: 'Runs' }).getByRole('row');
  await expect(runs.filter({ hasText: 'Completed' })).toHaveCount(4);
  const downloading = page.waitForEvent('download');
  await runs.filter({ hasText: 'HTML' }).getByRole('button', { name: 'Download Deletions at acme' }).click();
  expect((await downloading).suggestedFilename()).toMatch(/\.html$/);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
});

test('a range of the calendar is refused where it is typed', async ({ page }) => {
  await signInAs(page, `${hosted.url}/reports/new`, 'ada');
  await page.getByLabel('Events').fill('since:today');
  await expect(page.getByText(/It cannot begin with today/).first()).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByLabel('Events')).toBeFocused();
});

test('are not for a reader without the permission', async ({ page }) => {
  const { key } = await hosted.createKey({ name: 'Reader', permissions: ['audit.read'], reach: 'everything' });
  await signIn(page, '/reports', key, hosted.url);
  await expect(page.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
});

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });
  test('the editor needs no sideways scrolling', async ({ page }) => {
    await signInAs(page, `${hosted.url}/reports/new`, 'ada');
    await expect(page.getByLabel('Events')).toBeVisible();
    await expectAccessible(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
