// Schedules: made with the next times in sight, run at once, delivered by a real SMTP server, and what that answered.

import { Part } from './part';
import { PASSWORD, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, test } from './test';

let smtp: Part<{ host: string; port: number }>;
let hosted: Server;

test.beforeAll(async () => {
  smtp = await Part.start('smtp-server.mjs');
  const { host, port } = smtp.ready;
  hosted = await Server.start({
    known: true,
    settings: { smtp_host: host, smtp_port: String(port), smtp_tls: 'none', mail_from: 'Audit trail <audit@example.com>' },
  });
  await hosted.createUser('ada', PASSWORD);
});

test.afterAll(async () => {
  await hosted.stop();
  await smtp.stop();
});

test('a schedule is made, runs at once, mails its file, and is switched off', async ({ page }) => {
  await signInAs(page, `${hosted.url}/reports/new?kind=deletions`, 'ada');
  await page.getByLabel('Name').fill('Deletions');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Deletions', level: 1 })).toBeVisible();

  await page.getByRole('navigation', { name: 'Deletions' }).getByRole('link', { name: 'Schedules' }).click();
  await expect(page.getByText('No schedules yet.')).toBeVisible();
  await page.getByRole('button', { name: 'New schedule' }).click();
  const dialog = page.getByRole('dialog', { name: 'New schedule' });
  await dialog.getByLabel('Name').fill('Monthly');
  await dialog.getByLabel('When').fill('every day at 06:00');
  await expect(dialog.getByRole('status').getByRole('listitem')).toHaveCount(5);
  await dialog.getByLabel('When').fill('at the full moon');
  await expect(dialog.getByLabel('When')).toHaveAttribute('aria-invalid', 'true');
  await dialog.getByLabel('Often used').selectOption({ label: 'Every day at 06:00' });
  await dialog.getByLabel('Recipients').fill('ada@example.com');
  await dialog.getByLabel('Recipients').press('Enter');
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Save' }).click();

  await page.getByRole('button', { name: 'Run now: Monthly' }).click();
  await page.getByRole('button', { name: 'History of Monthly' }).click();
  const run = page.getByRole('table', { name: 'History of Monthly' }).getByRole('row').nth(1);
  await expect(run).toContainText('Completed');
  await expect(run).toContainText('Sent');
  await run.getByRole('button', { name: 'Details of Deletions' }).click();
  await expect(page.getByRole('dialog').getByRole('region', { name: 'E-mails' })).toContainText('ada@example.com');
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  const { mail } = await smtp.tell<{ mail: { envelope: { to: string[] } } | null }>({ take: 'mail' });
  expect(mail?.envelope.to).toEqual(['ada@example.com']);

  await page.getByRole('switch', { name: 'Monthly enabled' }).click();
  await expect(page.getByRole('switch', { name: 'Monthly enabled' })).not.toBeChecked();
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
  await page.getByRole('button', { name: 'Delete Monthly' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('No schedules yet.')).toBeVisible();
});
