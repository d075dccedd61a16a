// The chart over the results, the figures below them, and the investigation of a user.
//
// Ranges are absolute and lie before today: what the server records about these tests is none of their events.

import { type Locator, type Page } from '@playwright/test';

import { detail, expect, expectAccessible, rowOf, rows, server, signIn, test } from './test';

/** An hour with an event every minute, a failure every nine of them; a bar is a minute. */
const HOUR = '/?q=-indelible&tenant=pages&tz=UTC&since=2026-11-10T11:00:00Z&until=2026-11-10T12:01:00Z';
const DAYS = 'since=2026-11-16T00:00:00Z&until=2026-11-21T00:00:00Z&tz=UTC';

function slider(page: Page): Locator {
  return page.getByRole('slider', { name: 'Choose a time range' });
}

/** The range in the address. */
function range(page: Page): (string | null)[] {
  const params = new URL(page.url()).searchParams;
  return [params.get('since'), params.get('until')];
}

test('the bars are counted by the clock of the zone, and say what they have', async ({ page }) => {
  await signIn(page, HOUR);
  await expect(slider(page)).toHaveAttribute('aria-valuetext', '2026-11-10 12:00 to 12:01: 1 event; Failure 1');
  const chart = page.getByRole('region', { name: 'Events over time' });
  await expect(chart).toContainText('a bar is 1 minute');
  await expect(chart.getByRole('list', { name: 'Legend' }).getByRole('listitem')).toHaveText([/Success\s*53/, /Failure\s*7/]);
  await slider(page).hover({ position: { x: 300, y: 60 } });
  await expect(chart.getByText('1 event', { exact: true })).toBeVisible();
});

test('a range is brushed by keyboard', async ({ page }) => {
  await signIn(page, HOUR);
  await slider(page).focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+PageUp');
  await page.keyboard.press('Shift+ArrowLeft');
  await expect(slider(page)).toHaveAttribute('aria-valuetext', /^Selected 2026-11-10 11:01 to 11:11: 10 events; Success 9, Failure 1/);
  // What is let go of changes nothing.
  await page.keyboard.press('Escape');
  await expect(slider(page)).toHaveAttribute('aria-valuetext', /^2026-11-10 11:10/);
  expect(range(page)).toEqual(['2026-11-10T11:00:00Z', '2026-11-10T12:01:00Z']);

  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+PageUp');
  await page.keyboard.press('Shift+ArrowLeft');
  await page.keyboard.press('Enter');
  await expect(rows(page)).toHaveCount(10);
  expect(range(page)).toEqual(['2026-11-10T11:01:00Z', '2026-11-10T11:11:00Z']);
  await expect(slider(page)).toBeFocused();
  await page.goBack();
  await expect(rows(page)).toHaveCount(25);
});

test('a range is brushed by mouse, and zoomed out of', async ({ page }) => {
  await signIn(page, HOUR);
  await expect(slider(page)).toBeVisible();
  const box = await slider(page).boundingBox();
  if (box === null) throw new Error('the chart has no place');
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 40, { steps: 3 });
  await page.mouse.move(box.x + box.width * 0.4, box.y + 40, { steps: 3 });
  await page.mouse.up();
  await expect.poll(() => range(page)[0]).not.toBe('2026-11-10T11:00:00Z');
  const [since, until] = range(page);
  expect(since).toMatch(/^2026-11-10T11:2\d:00Z$/);
  expect(until).toMatch(/^2026-11-10T11:3\d:00Z$/);
  const minutes = (Date.parse(until ?? '') - Date.parse(since ?? '')) / 60_000;
  await expect(rows(page)).toHaveCount(Math.min(minutes, 25));
  await page.getByRole('button', { name: 'Zoom out' }).click();
  await expect.poll(() => range(page)[0]).not.toBe(since);
  const [wider, later] = range(page).map((token) => Date.parse(token ?? ''));
  expect((later ?? 0) - (wider ?? 0)).toBe(minutes * 2 * 60_000);
});

test('the numbers stand in a table behind it, and the chart stays as it was left', async ({ page }) => {
  await signIn(page, HOUR);
  await page.getByRole('button', { name: 'Show as table' }).click();
  const table = page.getByRole('table', { name: 'Events over time' });
  await expect(table.getByRole('row')).toHaveCount(62);
  await expect(table.getByRole('row').filter({ hasText: '12:00 to 12:01' }).getByRole('cell')).toHaveText(['1', '1', '0']);
  await table.getByRole('button', { name: 'Only 2026-11-10 11:30 to 11:31' }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('combobox', { name: 'Colours' }).selectOption('Action type');
  await page.reload();
  await expect(page.getByRole('table', { name: 'Events over time' }).getByRole('columnheader').first()).toHaveText('Timestamp');
  await expect(page.getByRole('combobox', { name: 'Colours' })).toHaveValue('action_type');
  await page.getByRole('button', { name: 'Events over time' }).click();
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await page.reload();
  await expect(rows(page)).toHaveCount(1);
  await expect(page.getByRole('button', { name: 'Events over time', expanded: false })).toBeVisible();
  expect(asked.filter((path) => path.endsWith('/v1/histogram'))).toEqual([]);
});

test('old bars stay until the new ones are here, and a failure can be tried again', async ({ page }) => {
  await signIn(page, HOUR);
  await expect(slider(page)).toBeVisible();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/v1/histogram?*', async (route) => {
    await held;
    await route.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Too busy', status: 503 }) });
  });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.locator('[aria-busy="true"]').filter({ has: slider(page) })).toBeVisible();
  release();
  await expect(page.getByText('The chart could not be loaded: Too busy')).toBeVisible();
  await page.unroute('**/v1/histogram?*');
  await page.getByRole('region', { name: 'Events over time' }).getByRole('button', { name: 'Retry' }).click();
  await expect(slider(page)).toBeVisible();
});

test('a day of 25 hours has the hour that comes twice twice', async ({ page }) => {
  await signIn(page, '/?tenant=pages&tz=Europe/Berlin&since=2026-10-24T22:00:00Z&until=2026-10-25T23:00:00Z');
  await expect(slider(page)).toBeVisible();
  await page.getByRole('button', { name: 'Show as table' }).click();
  const table = page.getByRole('table', { name: 'Events over time' });
  await expect(table.getByRole('rowheader').first()).toContainText('2026-10-25 00:00 +02:00');
  await expect(table.getByRole('rowheader').last()).toContainText('to 00:00 +01:00');
  await expect(table.getByRole('rowheader').filter({ hasText: ' 02:00 +02:00 to' })).not.toHaveCount(0);
  await expect(table.getByRole('rowheader').filter({ hasText: ' 02:00 +01:00 to' })).not.toHaveCount(0);
});

test('below the results stand the figures of the whole', async ({ page }) => {
  await signIn(page, HOUR);
  const bar = page.getByRole('region', { name: 'Statistics' });
  await expect(bar).toContainText('25 on this page');
  await expect(bar).toContainText('60 in all');
  await expect(bar).toContainText(/Unique users\s*7/);
  await expect(bar).toContainText(/Unique domains\s*0/);
  await expect(bar).toContainText(/Time zone\s*UTC/);
  await expect(bar).toContainText(/Complete up to\s*20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
});

test('a user is investigated from an event', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC&since=ever');
  await rowOf(page, 'Update user').getByRole('button').first().click();
  // Both are offered: the affected user first.
  const ways = detail(page).getByRole('button', { name: /^Investigate User/ });
  await expect(ways).toHaveText([/user100/, /admin1/]);
  await ways.last().click();
  await expect(page).toHaveURL(/\/investigate\?user=admin1/);
  expect(new URL(page.url()).searchParams.get('since')).toBeNull();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Investigate admin1');
  await expect(page.getByRole('button', { name: 'Date range: Last Year', exact: true })).toBeVisible();
  await expect(page.getByRole('link', { name: 'What they did: 2' })).toBeVisible();
  await page.goBack();
  await expect(detail(page)).toBeVisible();
});

test('an investigation counts both sides, and every number leads to its events', async ({ page }) => {
  await signIn(page, `/investigate?user=admin1&${DAYS}`);
  await expect(page.getByRole('link', { name: 'In all: 2' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'What was done to them: 0' })).toBeVisible();
  await expect(page.locator('time').filter({ hasText: '2026-11-19 09:00:00' }).first()).toBeVisible();
  const events = page.getByRole('region', { name: 'Did and was done to them' });
  await expect(events.getByRole('listitem')).toHaveCount(2);
  await page.getByRole('button', { name: 'Two columns' }).click();
  await expect(page.getByRole('region', { name: 'What they did' }).getByRole('listitem')).toHaveCount(2);
  await expect(page.getByRole('region', { name: 'What was done to them' })).toContainText('Nothing in this time');
  await expect(page).toHaveURL(/columns=2/);
  await page.getByRole('link', { name: 'What they did: 1 failed' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Delete recording')).toBeVisible();
  await page.goBack();
  await page.getByRole('link', { name: 'Modify/Update: 1' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Update user')).toBeVisible();
});

test('an investigation opens its events in place, and all of a column as results', async ({ page }) => {
  await signIn(page, `/investigate?user=admin1&${DAYS}`);
  const events = page.getByRole('region', { name: 'Did and was done to them' });
  const toggle = events.getByRole('button', { name: /Show event: Update user/ });
  await toggle.click();
  await expect(detail(page)).toContainText('customer.com');
  expect(new URL(page.url()).pathname).toBe('/investigate');
  await expectAccessible(page);
  await detail(page).getByRole('button', { name: 'Close' }).press('Enter');
  await expect(detail(page)).toHaveCount(0);
  await expect(events.getByRole('button', { name: /Show event: Update user/ })).toBeFocused();
  await page.keyboard.press('Enter');
  await detail(page).getByRole('button', { name: 'customer.com', exact: true }).first().click();
  await page.getByRole('menuitem', { name: 'Filter for' }).click();
  await expect(page).toHaveURL(/user=admin1&affected_tenant=customer\.com/);
  await expect(rows(page)).toHaveCount(1);
  await page.goBack();
  await events.getByRole('link', { name: /^Open as results/ }).click();
  await expect(page).toHaveURL(/\/\?user=admin1/);
  await expect(rows(page)).toHaveCount(2);
});

test('an investigation shows sign-ins by address', async ({ page }) => {
  await signIn(page, `/investigate?user=ADA&${DAYS}`, server.acmeKey);
  const table = page.getByRole('table', { name: 'Sign-ins by address' });
  const row = table.getByRole('row').filter({ hasText: '203.0.113.9' });
  await expect(row.getByRole('cell')).toHaveText(['1', '1', '2026-11-20 10:15:04', '2026-11-20 10:15:04']);
  await row.getByRole('link', { name: 'Failed, 203.0.113.9: 1' }).click();
  await expect(rows(page)).toHaveCount(1);
});

test('the heat map is counted in the zone, and looked at by keyboard', async ({ page }) => {
  await signIn(page, `/investigate?user=admin1&${DAYS.replace('UTC', 'Asia/Kathmandu')}`);
  const map = page.getByRole('grid', { name: 'Events by weekday and hour in Asia/Kathmandu' });
  await expect(map.getByRole('gridcell')).toHaveCount(168);
  // Friday 10:10 and Thursday 09:00 in UTC.
  await expect(map.getByRole('gridcell', { name: 'Friday 15:00 to 16:00: 1 event' })).toBeVisible();
  await expect(map.getByRole('gridcell', { name: 'Thursday 14:00 to 15:00: 1 event' })).toBeVisible();
  await map.focus();
  for (const key of ['Home', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowDown', 'End']) await page.keyboard.press(key);
  const active = await map.getAttribute('aria-activedescendant');
  await expect(page.locator(`[id="${active}"]`)).toHaveAttribute('aria-label', 'Friday 23:00 to 00:00: 0 events');
  await expect(page.getByText('Friday 23:00 to 00:00: 0 events')).toBeVisible();
  // A cell is no range.
  const address = page.url();
  await map.click({ position: { x: 200, y: 60 } });
  expect(page.url()).toBe(address);
  await page.getByRole('region', { name: 'Active when', exact: true }).getByRole('button', { name: 'Show as table' }).click();
  const row = page.getByRole('table', { name: 'Active when' }).getByRole('row').filter({ hasText: 'Friday' });
  await expect(row.getByRole('cell').nth(15)).toHaveText('1');
});

test('whom nobody knows has nothing, and hostile names are harmless', async ({ page }) => {
  await signIn(page, '/investigate?user=%3Cimg+src%3Dx+onerror%3Dwindow.hacked%3D7%3E%E2%80%AEx');
  await expect(page.getByRole('heading', { name: 'Nothing about this user' })).toBeVisible();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('<img src=x onerror=window.hacked=7>U+202Ex');
  await expect(page.locator('main img')).toHaveCount(0);
  await page.getByRole('textbox', { name: 'User' }).fill('wesker');
  await page.getByRole('button', { name: 'Investigate', exact: true }).click();
  await expect(page).toHaveURL(/user=wesker/);
});

test('an investigation has what its reader reaches, and no more', async ({ page }) => {
  await signIn(page, `/investigate?user=wesker&${DAYS}`, server.acmeKey);
  await expect(page.getByRole('heading', { name: 'Nothing about this user' })).toBeVisible();
});

const STATES: Record<string, (page: Page) => Promise<void>> = {
  'the chart by outcome': async (page) => {
    await signIn(page, HOUR);
    await slider(page).focus();
    await page.keyboard.press('Shift+ArrowLeft');
  },
  'the chart by action type': async (page) => {
    await signIn(page, HOUR);
    await page.getByRole('combobox', { name: 'Colours' }).selectOption('Action type');
    await expect(page.getByRole('list', { name: 'Legend' })).toContainText('Modify/Update');
    await expect(page.getByRole('region', { name: 'Statistics' })).toContainText('60 in all');
  },
  'the table behind the chart': async (page) => {
    await signIn(page, HOUR);
    await page.getByRole('button', { name: 'Show as table' }).click();
    await expect(page.getByRole('table', { name: 'Events over time' })).toBeVisible();
  },
  'an investigation': async (page) => {
    await signIn(page, `/investigate?user=ada&${DAYS}`, server.acmeKey);
    await expect(page.getByRole('gridcell').first()).toBeVisible();
    await expect(page.getByRole('table', { name: 'Sign-ins by address' })).toContainText('2026-11-20');
    await expect(page.getByRole('region', { name: 'Did and was done to them' }).getByRole('listitem').first()).toBeVisible();
  },
  'an investigation in two columns, the hours as a table': async (page) => {
    await signIn(page, `/investigate?user=admin1&${DAYS}&columns=2`, server.acmeKey);
    await page.getByRole('region', { name: 'Active when', exact: true }).getByRole('button', { name: 'Show as table' }).click();
    await expect(page.getByRole('region', { name: 'What they did' }).getByRole('listitem').first()).toBeVisible();
  },
  'an investigation without events': async (page) => {
    await signIn(page, '/investigate?user=nobody-at-all');
    await expect(page.getByRole('heading', { name: 'Nothing about this user' })).toBeVisible();
  },
  'an investigation that failed': async (page) => {
    await page.route('**/v1/stats?*', (route) => route.fulfill({ status: 503, body: '' }));
    await signIn(page, '/investigate?user=ada');
    await expect(page.getByRole('alert')).toBeVisible();
  },
  'a chart and figures that failed': async (page) => {
    for (const part of ['histogram', 'stats']) await page.route(`**/v1/${part}?*`, (route) => route.fulfill({ status: 503, body: '' }));
    await signIn(page, HOUR);
    await expect(page.getByRole('region', { name: 'Events over time' }).getByRole('button', { name: 'Retry' })).toBeVisible();
    await expect(page.getByRole('region', { name: 'Statistics' })).toBeVisible();
  },
  'nobody to investigate': async (page) => {
    await signIn(page, '/investigate');
    await expect(page.getByText('Enter whom to investigate')).toBeVisible();
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const [name, show] of Object.entries(STATES)) {
      test(`${name} has no violation`, async ({ page }) => {
        await show(page);
        await expectAccessible(page);
      });
    }
  });
}

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });
  for (const [name, show] of Object.entries(STATES)) {
    test(`${name} has no violation and needs no sideways scrolling`, async ({ page }) => {
      await show(page);
      await expectAccessible(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    });
  }
});
