// Exports in the background: from the dialog over the events to the file; their history; "Download audit logs".

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { Download, Page } from '@playwright/test';

import { PASSWORD, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, rows, signIn, test } from './test';

let hosted: Server;

const EVENTS = Array.from({ length: 60 }, (_, at) => ({
  id: `export-${at}`,
  tenant: 'acme',
  time: `2026-11-20T10:${String(at).padStart(2, '0')}:00Z`,
  action: at % 2 === 0 ? 'Delete user' : 'Update user',
  source: { application: at % 3 === 0 ? 'PBX' : 'Web' },
  actor: { type: 'user', id: '1', username: 'ada', first_name: 'Ada', last_name: 'Li', tenant: 'acme' },
}));

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.createTenant('umbrella');
  await hosted.send(EVENTS);
  await hosted.waitForCount('tenant=acme&application=!indelible', 60);
  await hosted.createUser('ada', PASSWORD);
  await hosted.createUser('rea', PASSWORD, ['Tenant Auditor']).catch(() => undefined);
});

test.afterAll(async () => {
  await hosted.stop();
});

async function textOf(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8');
}

/** Opens the dialog over the events of a query. */
async function ask(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Export', exact: true }).click();
  await page.getByRole('button', { name: 'All results in the background' }).click();
  await expect(page.getByRole('dialog', { name: 'Export all results' })).toBeVisible();
}

test('exports all that match, not the page only, and hands over the file with its hash', async ({ page }) => {
  await signInAs(page, `${hosted.url}/?action_type=delete&tenant=acme&since=ever&limit=10&tz=UTC`, 'ada');
  await expect(rows(page)).toHaveCount(10);
  await ask(page);
  const dialog = page.getByRole('dialog', { name: 'Export all results' });
  await expect(dialog.getByText('30 events will be in it.')).toBeVisible();
  await expectAccessible(page);
  await dialog.getByLabel('Name').fill('Deletions');
  await dialog.getByLabel('Columns', { exact: true }).selectOption({ label: 'Chosen' });
  await dialog.getByLabel('Add a column').selectOption({ label: 'Event Id' });
  await dialog.getByRole('button', { name: 'Start export' }).click();
  const started = page.getByRole('dialog', { name: 'Export started' });
  await expect(started.getByText('Completed').first()).toBeVisible();
  await expectAccessible(page);
  await started.getByRole('link', { name: 'Open the Export History' }).click();

  await expect(page.getByRole('heading', { name: 'Export History', level: 1 })).toBeVisible();
  const row = page.getByRole('row', { name: /^Deletions/ });
  await expect(row).toContainText('Completed');
  await expect(row).toContainText('30 events');
  const downloading = page.waitForEvent('download');
  await row.getByRole('button', { name: 'Download Deletions' }).click();
  const text = await textOf(await downloading);
  expect(text.split('\r\n').filter((line) => line !== '')).toHaveLength(31);
  expect(text.split('\r\n')[0]?.endsWith('Event Id')).toBe(true);

  await row.getByRole('button', { name: 'Details of Deletions' }).click();
  const details = page.getByRole('dialog', { name: 'Deletions' });
  await expect(details.getByText(createHash('sha256').update(text).digest('hex'))).toBeVisible();
  await expectAccessible(page);
  await details.getByRole('link', { name: 'Show these events' }).click();
  await expect(rows(page)).toHaveCount(25);
});

test('cancels, deletes files after a question, and makes addresses that need no sign-in', async ({ page, request }) => {
  await signInAs(page, `${hosted.url}/exports`, 'ada');
  const { id } = await hosted.call<{ id: string }>('POST', '/v1/exports', { name: 'Of the key', format: 'json', query: 'tenant=acme' });
  expect(id).not.toBe('');
  await page.goto(`${hosted.url}/?tenant=acme&since=ever`);
  await ask(page);
  await page.getByLabel('Name').fill('Short-lived');
  await page.getByLabel('Format').selectOption('ndjson');
  await page.getByRole('button', { name: 'Start export' }).click();
  await page.getByRole('link', { name: 'Open the Export History' }).click();
  const row = page.getByRole('row', { name: /^Short-lived/ });
  await expect(row).toContainText('Completed');
  // Somebody else's is among everybody's only.
  await expect(page.getByRole('row', { name: /^Of the key/ })).toHaveCount(0);
  await page.getByLabel('Whose').selectOption({ label: "Everybody's" });
  await expect(page.getByRole('row', { name: /^Of the key/ })).toBeVisible();

  const making = page.waitForResponse((response) => response.url().endsWith('/link'));
  await row.getByRole('button', { name: 'Copy link to Short-lived' }).click();
  const { url } = (await (await making).json()) as { url: string };
  const file = await request.get(new URL(url, hosted.url).href);
  expect((await file.text()).trim().split('\n')[0]).toContain('"id"');

  await row.getByRole('button', { name: 'Delete file of Short-lived' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete file' }).click();
  await expect(row).toContainText('Expired');
  expect((await request.get(new URL(url, hosted.url).href)).ok()).toBe(false);
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
});

test('downloads audit logs of some applications with the basic columns', async ({ page }) => {
  await signInAs(page, `${hosted.url}/admin/audit-trail`, 'ada');
  const part = page.getByRole('region', { name: 'Download audit logs' });
  if ((await part.count()) === 0) {
    await page.getByRole('checkbox', { name: 'Audit every tenant from its first event on' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Switch on for good' }).click();
  }
  await part.getByLabel('Tenant').selectOption('acme');
  await part.getByRole('button', { name: /^Date range/ }).click();
  await page.getByRole('button', { name: 'All time' }).click();
  await part.getByRole('checkbox', { name: /^PBX/ }).check();
  const downloading = page.waitForEvent('download');
  await part.getByRole('button', { name: 'Download', exact: true }).click();
  const lines = (await textOf(await downloading)).replace('\ufeff', '').split('\r\n').filter((line) => line !== '');
  expect(lines[0]).toBe(
    'Application Id,Timestamp (Server Time Zone),Username,First name,Last name,Tenant,Action,Client IP,IAS Node,Details',
  );
  expect(lines).toHaveLength(21);
  expect(lines[1]).toContain('PBX,');
  await expectAccessible(page);
});

test('a key without the permission downloads what is loaded and nothing else', async ({ page }) => {
  const { key } = await hosted.createKey({ name: 'Reader', permissions: ['audit.read'], reach: 'everything' });
  await signIn(page, '/?tenant=acme&since=ever', key, hosted.url);
  await expect(page.getByRole('button', { name: /^Export \d+ loaded/ })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Export', exact: true })).toHaveCount(0);
  await page.goto(`${hosted.url}/exports`);
  await expect(page.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
});

test('a key with the permission downloads, too', async ({ page }) => {
  const { key } = await hosted.createKey({ name: 'Exporter', permissions: ['audit.read', 'audit.export'], reach: 'everything' });
  await signIn(page, '/?tenant=acme&since=ever', key, hosted.url);
  await ask(page);
  await page.getByRole('button', { name: 'Start export' }).click();
  const started = page.getByRole('dialog', { name: 'Export started' });
  const downloading = page.waitForEvent('download');
  await started.getByRole('button', { name: 'Download' }).click();
  expect(await textOf(await downloading)).toContain('Delete user');
});

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });
  test('the history needs no sideways scrolling', async ({ page }) => {
    await signInAs(page, `${hosted.url}/exports`, 'ada');
    await expect(page.getByRole('heading', { name: 'Export History', level: 1 })).toBeVisible();
    await expectAccessible(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });
});
