// The questions of docs/viewer/cases.md, step by step as the guide has them, in the events of its pictures.

import { readFileSync } from 'node:fs';

import type { Locator, Page } from '@playwright/test';

import { startGuide } from './guide';
import { signInAs } from './people';
import type { Server } from './server';
import { detail, expect, rowOf, rows, test } from './test';

// Where the guide says "the last week", these say all time: the sample has its own days.
test.use({ viewport: { width: 1440, height: 1000 } });

let hosted: Server;

test.beforeAll(async () => {
  hosted = await startGuide();
});

test.afterAll(async () => {
  await hosted.stop();
});

test.beforeEach(async ({ page }) => {
  await signInAs(page, `${hosted.url}/?tz=UTC`, 'alex');
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
});

async function tick(page: Page, field: string, values: string[]): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^${field}: `) }).click();
  const list = page.getByRole('dialog', { name: field });
  for (const value of values) await list.getByRole('checkbox', { name: value, exact: true }).check();
  await list.getByRole('button', { name: 'Done' }).click();
}

async function type(page: Page, field: string, value: string): Promise<void> {
  await page.getByRole('combobox', { name: field, exact: true }).fill(value);
  await page.keyboard.press('Escape');
}

/** Counts at once, with all that was filled in. */
async function preset(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /^Date range: / }).click();
  await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name }).click();
}

async function text(page: Page, query: string): Promise<void> {
  await page.getByRole('group', { name: 'Filters as' }).getByRole('button', { name: 'Text' }).click();
  await page.getByRole('searchbox', { name: 'Search as text' }).fill(query);
  await page.getByRole('button', { name: 'Search', exact: true }).click();
}

async function openFirst(page: Page, action: string): Promise<void> {
  await rowOf(page, action).first().getByRole('button').first().click();
  await expect(detail(page)).toBeVisible();
}

function change(page: Page, field: string): Locator {
  return detail(page).getByRole('row').filter({ has: page.getByRole('rowheader', { name: field }) }).getByRole('cell');
}

async function pivot(page: Page, label: RegExp, way: string): Promise<void> {
  await page.getByRole('complementary', { name: 'Breakdown of these results' }).getByRole('button', { name: label }).click();
  await page.getByRole('menuitem', { name: way, exact: true }).click();
}

test('something stopped working, and a number changed', async ({ page }) => {
  await type(page, 'Affected domain', 'birch-dental.example');
  await tick(page, 'Objects', ['Dialing', 'Route']);
  await preset(page, 'All time');
  await expect(rows(page)).toHaveCount(2);
  await openFirst(page, 'Change dial plan');
  await expect(change(page, 'inbound_route')).toHaveText(['Reception, then voicemail', 'Closed announcement']);

  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await type(page, 'Affected user', '100');
  await tick(page, 'Objects', ['Phone Number', 'Subscriber']);
  await preset(page, 'All time');
  await page.getByRole('button', { name: 'Show who' }).click();
  await expect(rowOf(page, 'Change subscriber').locator('td.by').first()).toHaveText('kim.new');
  await openFirst(page, 'Change subscriber');
  await expect(change(page, 'phone_number')).toHaveText(['+1 555 010 0144', '+1 555 010 0199']);
});

test('who deleted it, and when a setting changed', async ({ page }) => {
  await tick(page, 'Action', ['Delete']);
  await type(page, 'Affected user', 'Reception');
  await preset(page, 'All time');
  await expect(rows(page)).toHaveCount(1);
  await openFirst(page, 'Delete call queue');
  await expect(detail(page).locator('.said')).toContainText('sam.north successfully deleted call queue Reception');
  await detail(page).getByText('Same session').first().click();
  await expect(detail(page).getByText(/sam\.north successfully logged in/)).toBeVisible();

  await text(page, 'field_changed:forward_to affected_tenant:acme.example since:ever');
  await expect(rows(page)).toHaveCount(2);
  await openFirst(page, 'Change answer rule');
  await expect(change(page, 'forward_to').last()).toHaveText('+1 900 555 0100');
});

test('failed sign-ins lead to those that worked, and to what was done then', async ({ page }) => {
  await tick(page, 'Action', ['Login']);
  await tick(page, 'Outcome', ['Failure', 'Denied']);
  await preset(page, 'All time');
  await page.getByRole('button', { name: 'Breakdown' }).click();
  await page.getByRole('button', { name: 'Performed by IP', exact: true }).click();
  await pivot(page, /203\.0\.113\.77: 6 events$/, 'Only this');
  await expect(rowOf(page, 'Create API key')).toBeVisible();
  await openFirst(page, 'Create API key');
  await detail(page).getByText('Same session').first().click();
  await detail(page).getByRole('button', { name: /^Find all Same session/ }).click();
  await expect(rows(page)).toHaveCount(4);

  await text(page, 'action_type:login -ip:192.0.2.0/24 -ip:198.51.100.0/24 since:ever');
  // The administrator's own sign-in is one, too.
  await expect(rowOf(page, 'Login').first()).toBeVisible();
});

test('what somebody did who leaves', async ({ page }) => {
  await type(page, 'Performed by user', 'lena');
  await preset(page, 'All time');
  await openFirst(page, 'Export recordings');
  await detail(page).getByRole('button', { name: 'Investigate User lena' }).click();
  await page.getByRole('button', { name: /^Date range: / }).click();
  await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name: 'All time' }).click();
  await expect(page.getByRole('table', { name: 'Sign-ins by address' })).toContainText('192.0.2.41');
  await page.getByRole('link', { name: 'Export/Upload: 1' }).click();
  await expect(rowOf(page, 'Export recordings')).toBeVisible();
});

test('new users as a file, and deletions by people', async ({ page }) => {
  await tick(page, 'Action', ['Add/Create']);
  await tick(page, 'Objects', ['Subscriber']);
  await page.getByLabel('Per page').selectOption('50');
  await preset(page, 'All time');
  await expect(rowOf(page, 'Add subscriber')).toHaveCount(4);
  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  await page.getByRole('button', { name: /^Loaded results/ }).click();
  const file = await saved;
  expect(file.suggestedFilename()).toMatch(/^audit-log-complete-\d{4}-\d\d-\d\d-\d{4}\.csv$/);
  const [head = ''] = readFileSync(await file.path(), 'utf8').split('\r\n');
  expect(head).toContain('Timestamp,Action,Action Name,Outcome,Affected User,Affected Domain,Object,By User,By Domain,IP Address,Tenant,Application,Severity,Reason,Summary,Event Id');
  expect(head).toContain('Parameter: Licence');

  await text(page, 'action_type:delete -filter:"actor.type eq system" -application:indelible since:ever');
  await expect(rows(page)).toHaveCount(2);
  await expect(rowOf(page, 'Remove old recordings')).toHaveCount(0);
});

test('who looked at the trail', async ({ page }) => {
  await text(page, 'application:indelible since:-1h');
  await expect(rowOf(page, 'Sign in').or(rowOf(page, 'Login')).first()).toBeVisible();
});
