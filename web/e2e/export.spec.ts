// Export: what is loaded, as CSV, under the name of the moment.

import { readFileSync } from 'node:fs';

import { type Page } from '@playwright/test';

import { MANY } from './events';
import { expect, rowOf, rows, server, signIn, test } from './test';

interface Exported {
  name: string;
  text: string;
  lines: string[];
}

async function exported(page: Page): Promise<Exported> {
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: /^Export \d+ loaded/ }).click();
  const download = await downloading;
  const text = readFileSync(await download.path(), 'utf8');
  return { name: download.suggestedFilename(), text, lines: text.split('\r\n').slice(0, -1) };
}

/** The minute in a zone, as the file's name has it; also the one before, which it may have been. */
function minutes(zone: string): string[] {
  return [Date.now(), Date.now() - 60_000].map((instant) => {
    const parts = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    }).formatToParts(instant);
    const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? '';
    return `audit-log-complete-${part('year')}-${part('month')}-${part('day')}-${part('hour')}${part('minute')}.csv`;
  });
}

test('has every column, hidden ones too, and every parameter in a column of its own', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&since=ever&tz=Asia/Tokyo');
  await expect(rowOf(page, 'Update user')).toBeVisible();
  const { name, lines, text } = await exported(page);
  expect(minutes('Asia/Tokyo')).toContain(name);
  expect(lines).toHaveLength((await rows(page).count()) + 1);
  const head = (lines[0] ?? '').replace('\ufeff', '').split(',');
  expect(head.slice(0, 16)).toEqual([
    'Timestamp', 'Action', 'Action Name', 'Outcome', 'Affected User', 'Affected Domain', 'Object', 'By User', 'By Domain',
    'IP Address', 'Tenant', 'Application', 'Severity', 'Reason', 'Summary', 'Event Id',
  ]);
  expect(head.filter((column) => !column.startsWith('Parameter: '))).toHaveLength(16);
  for (const column of ['Parameter: Recording Id', 'Parameter: Limit', 'Parameter: Serial', 'Parameter: Nested']) {
    expect(head).toContain(column);
  }
  const update = lines.find((line) => line.includes('acme-update')) ?? '';
  expect(update.startsWith('2026-11-20T19:10:00.000000+09:00,Modify/Update,Update user,Success,user100,customer.com,subscriber,admin1,company.com,198.51.100.7,acme,')).toBe(true);
  expect(update).toContain('c333d58a,25,12345678901234567890,"{""a"":[1,2]}"');
  expect(text.startsWith('\ufeffTimestamp')).toBe(true);
  await expect(page.getByText(/^Exported \d+ events$/)).toBeVisible();
});

test('takes all loaded pages, in their order', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever&limit=10&tz=UTC');
  await expect(rows(page)).toHaveCount(10);
  const ids = ({ lines }: Exported): string[] => lines.slice(1).flatMap((line) => /pages-\d\d/.exec(line)?.[0] ?? []);
  expect(ids(await exported(page))).toEqual(MANY.slice(0, 10).map(({ id }) => id));
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await expect(rows(page).first()).toContainText('Step 10');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await expect(rows(page).first()).toContainText('Step 20');
  expect(ids(await exported(page))).toEqual(MANY.slice(0, 30).map(({ id }) => id));
  await page.getByRole('button', { name: 'Previous', exact: true }).click();
  await expect(rows(page).first()).toContainText('Step 10');
  expect(ids(await exported(page))).toEqual(MANY.slice(0, 30).map(({ id }) => id));
});

test('is harmless to a spreadsheet', async ({ page, request }) => {
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: {
      id: 'umbrella-formula',
      tenant: 'umbrella',
      time: '2026-11-13T10:00:00Z',
      action: '=HYPERLINK("http://evil.example","formula")',
      actor: { type: 'user', username: '@SUM(A1:A9)' },
      parameters: { '+cmd': '-2+3', Balance: -5, Lines: 'a\r\nb' },
    },
  });
  expect([200, 201]).toContain(sent.status());
  await expect(async () => {
    await signIn(page, '/?tenant=umbrella&q=formula&since=ever&tz=UTC');
    await expect(rows(page)).toHaveCount(1, { timeout: 1000 });
  }).toPass();
  const { text } = await exported(page);
  const record = text.slice(text.indexOf('\r\n') + 2);
  expect(record).toContain(`"'=HYPERLINK(""http://evil.example"",""formula"")"`);
  expect(record).toContain("'@SUM(A1:A9)");
  expect(record).toContain(`'-2+3,-5,"a\r\nb"`);
  expect(text).toContain('Parameter: +cmd,Parameter: Balance,Parameter: Lines\r\n');
});

test('has nothing to do where nothing was found', async ({ page }) => {
  await signIn(page, '/?q=nothing-at-all-like-that&tenant=acme&since=ever');
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Export', exact: true })).toBeDisabled();
});
