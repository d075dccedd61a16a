// Names and values that are markup, that reorder what stands around them, or that can't be seen: they are shown as text,
// isolated, wherever they come to, and nothing in them is done.

import type { Locator, Page } from '@playwright/test';

import { PASSWORD, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, rowOf, rows, test } from './test';

const MARKUP = '<img src=x onerror="window.hacked=1">';
const SVG = '"><svg onload=window.hacked=2>';
const BIDI = 'admin\u202Etxt.exe';
const HEBREW = '\u05D0\u05D3\u05DE\u05D9\u05DF';
const ZERO = 'ad\u200Bmin';
const BELL = 'be\u0007ll';
const ENDLESS = 'W'.repeat(190);
/** Each with how it is shown. */
const HOSTILE: readonly (readonly [string, string])[] = [
  [MARKUP, MARKUP],
  [SVG, SVG],
  [BIDI, 'adminU+202Etxt.exe'],
  [HEBREW, HEBREW],
  [ZERO, 'adU+200Bmin'],
  [BELL, 'beU+0007ll'],
  [ENDLESS, 'WWWWWWWWWW'],
];

const LIST = '/?application=hostile&since=ever&tz=UTC';

let hosted: Server;
/** What the API took, by kind. */
const taken: Record<'tenants' | 'users' | 'keys' | 'roles', string[]> = { tenants: [], users: [], keys: [], roles: [] };

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('plain');
  await hosted.createUser('boss', PASSWORD);
  for (const [index, [name, shown]] of HOSTILE.entries()) {
    await tried('tenants', shown, () => hosted.createTenant(name));
    await tried('users', shown, () => hosted.call('POST', '/v1/users', { username: `u${index}`, first_name: name, roles: [] }));
    await tried('keys', shown, () => hosted.createKey({ name, permissions: ['audit.read'], reach: 'everything' }));
    await tried('roles', shown, () => hosted.call('POST', '/v1/roles', { name, permissions: ['audit.read'], reach: 'tenant' }));
  }
  await hosted.send(HOSTILE.map(([value], index) => event(`hostile-${index}`, value, `Step ${index}`)));
  await hosted.waitForCount('application=hostile', HOSTILE.length);
});

test.afterAll(async () => {
  await hosted.stop();
});

function event(id: string, value: string, action: string): Record<string, unknown> {
  return {
    id,
    tenant: 'plain',
    time: '2026-11-20T10:00:00Z',
    source: { application: 'hostile', component: value },
    actor: { type: 'user', username: value, tenant: value },
    client: { host: value },
    action: `${action} ${value}`,
    outcome: { result: 'failure', reason: value },
    targets: [{ type: value, id: value, name: value, tenant: value }],
  };
}

async function tried(kind: keyof typeof taken, shown: string, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
    taken[kind].push(shown);
  } catch (error) {
    // The API may refuse such a name; anything else is a failure.
    if (!/: 400 /.test(String(error))) throw error;
  }
}

/** Nothing was done, nothing became a part of the page, and nothing pushes it apart. */
async function expectHarmless(page: Page): Promise<void> {
  expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked)).toBeUndefined();
  await expect(page.locator('img[src="x"], svg[onload], [onerror]')).toHaveCount(0);
  // Signs that can't be seen are nowhere as themselves.
  expect(await page.locator('body').innerText()).not.toMatch(/[\u202A-\u202E\u2066\u2067\u200B\u0007]/);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow).toBeLessThanOrEqual(0);
}

/** Text that runs the other way keeps to itself. */
async function expectIsolated(within: Locator): Promise<void> {
  const loose = await within.evaluate((root, text) => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const found: string[] = [];
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!(node.textContent ?? '').includes(text) || parent === null || parent.closest('.visually-hidden') !== null) continue;
      // By the element, by a style that does the same, or as a line of a list of its own.
      const isolated = parent.closest('bdi, [dir=auto], input, option') !== null || getComputedStyle(parent).unicodeBidi.includes('isolate');
      if (!isolated) found.push(parent.outerHTML);
    }
    return found;
  }, HEBREW);
  expect(loose).toEqual([]);
}

test('in the table, the cards and the detail', async ({ page }) => {
  await signInAs(page, hosted.url + LIST, 'boss');
  await expect(rows(page)).toHaveCount(HOSTILE.length);
  await page.getByRole('button', { name: 'Show who' }).click();
  for (const [, shown] of HOSTILE) await expect(rows(page).filter({ hasText: shown })).not.toHaveCount(0);
  await expectHarmless(page);
  await expectIsolated(page.getByRole('table').first());
  await page.keyboard.press('t');
  await expect(page.getByRole('table')).toHaveCount(0);
  await expect(page.getByRole('main')).toContainText(MARKUP);
  await expectHarmless(page);
  await expectIsolated(page.getByRole('main'));
});

test('in facets, chips and suggestions', async ({ page }) => {
  await signInAs(page, hosted.url + LIST, 'boss');
  await page.getByRole('button', { name: 'Breakdown' }).click();
  const facets = page.getByRole('complementary', { name: 'Breakdown of these results' });
  const users = facets.getByRole('region', { name: 'Performed by user', exact: true });
  await expect(users).toContainText(MARKUP);
  await expect(users).toContainText('adminU+202Etxt.exe');
  await expectHarmless(page);
  await expectIsolated(facets);
  await expectAccessible(page);

  // Asked for by a click it is a chip, and the filter means exactly it.
  for (const [value, shown] of [[MARKUP, MARKUP], [BIDI, 'adminU+202Etxt.exe'], [HEBREW, HEBREW]] as const) {
    await page.goto(`${hosted.url}${LIST}&actor=${encodeURIComponent(value)}&reason=${encodeURIComponent(value)}`);
    await expect(rows(page)).toHaveCount(1);
    await expect(page.locator('.chips')).toContainText(shown);
    await expectHarmless(page);
    await expectIsolated(page.locator('.chips'));
    await expectAccessible(page);
  }

  await page.goto(hosted.url + LIST);
  await expect(rows(page)).toHaveCount(HOSTILE.length);
  const field = page.getByRole('combobox', { name: 'Performed by domain', exact: true });
  await field.pressSequentially('<im');
  const offers = page.getByRole('listbox', { name: 'Suggestions for Performed by domain' });
  await expect(offers.getByRole('option')).toHaveCount(1);
  await expect(offers).toContainText(MARKUP);
  await expectHarmless(page);
  await field.fill('');
  await field.pressSequentially('admin');
  await expect(offers.getByRole('option')).toContainText('U+202E');
  await expectHarmless(page);
  await field.press('ArrowDown');
  await field.press('Enter');
  await field.press('Enter');
  await expect(rows(page)).toHaveCount(1);
});

test('in live rows', async ({ page }) => {
  await signInAs(page, hosted.url + LIST, 'boss');
  await expect(rows(page)).toHaveCount(HOSTILE.length);
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(page.locator('.live').getByRole('status').getByText('Live', { exact: true })).toBeVisible();
  await hosted.send(HOSTILE.map(([value], index) => event(`live-${index}`, value, `Live step ${index}`)));
  await expect(rowOf(page, 'Live step')).toHaveCount(HOSTILE.length);
  await expect(rowOf(page, 'Live step 0')).toContainText(MARKUP);
  await expect(rowOf(page, 'Live step 2')).toContainText('U+202E');
  await expectHarmless(page);
  await expectIsolated(page.getByRole('table').first());
});

for (const [kind, path] of [['tenants', '/admin/tenants'], ['users', '/admin/users'], ['keys', '/admin/keys'], ['roles', '/admin/roles']] as const) {
  for (const width of [1440, 360]) {
    test(`in the list of ${kind}, ${width} pixels wide`, async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      await signInAs(page, hosted.url + path, 'boss');
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      const main = page.getByRole('main');
      // Some of them the API takes; a test without any would show nothing.
      expect(taken[kind]).not.toEqual([]);
      for (const shown of taken[kind]) await expect(main).toContainText(shown);
      await expectHarmless(page);
      await expectIsolated(main);
      await expectAccessible(page);
    });
  }
}
