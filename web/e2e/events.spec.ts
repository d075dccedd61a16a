// Finding events: newest first, filters, range, zone, pages, and the URL as the state of it all.
//
// The server records who looked at what: where a test wants the events that were sent, it asks for `-indelible`.

import { MANY } from './events';
import { expect, rowOf, rows, server, signIn, test } from './test';

test('shows the latest events of everything, newest first', async ({ page }) => {
  await signIn(page, '/?since=ever');
  await expect(rows(page)).toHaveCount(25);
  await expect(page.getByRole('status').filter({ hasText: '25 events on this page' })).toContainText('more available');
  const times = await rows(page).locator('.toggle').evaluateAll((toggles) =>
    toggles.map((toggle) => toggle.getAttribute('title') ?? ''),
  );
  expect([...times].sort().reverse()).toEqual(times);
});

test('searches text on Enter, and says so in the URL', async ({ page }) => {
  await signIn(page, '/?since=ever');
  const box = page.getByRole('searchbox', { name: 'Search' });
  await box.fill('"Nightly clean"');
  expect(new URL(page.url()).search).toBe('?since=ever');
  await box.press('Enter');
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Nightly clean-up')).toBeVisible();
  expect(new URL(page.url()).searchParams.get('q')).toBe('"Nightly clean"');
});

test('filters by tenant, alone and with text', async ({ page }) => {
  await signIn(page, '/?since=ever');
  await page.getByRole('combobox', { name: 'Tenant' }).fill('umbrella');
  await page.getByRole('searchbox').fill('hive -indelible');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Open the hive')).toBeVisible();
  await page.getByRole('searchbox').fill('recording');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  await page.locator('.empty').getByRole('button', { name: 'Remove Tenant: umbrella' }).click();
  await expect(rowOf(page, 'Delete recording')).toBeVisible();
});

test('Back undoes one step, a link brings it all back', async ({ page, browser }) => {
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(page.getByRole('article', { name: 'Event' })).toBeVisible();
  await page.getByRole('searchbox').fill('clean');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(rows(page)).toHaveCount(1);
  await page.goBack();
  await expect(page.getByRole('searchbox')).toHaveValue('-indelible');
  await expect(page.getByRole('article', { name: 'Event' })).toBeVisible();
  const link = page.url();
  await page.goBack();
  await expect(page.getByRole('article', { name: 'Event' })).toHaveCount(0);
  await page.goForward();
  await expect(page.getByRole('article', { name: 'Event' })).toBeVisible();

  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, link.slice(server.url.length));
  await expect(other.getByRole('article', { name: 'Event' })).toContainText('user100');
  await expect(other.getByRole('combobox', { name: 'Tenant' })).toHaveValue('acme');
  await context.close();
});

test('a linked event opens even where the results do not have it', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=umbrella&open=acme-update&in=acme');
  await expect(rows(page).first()).toBeVisible();
  await expect(page.getByText('This event is not on the page of results below.')).toBeVisible();
  await expect(page.getByRole('article', { name: 'Event' })).toContainText('user100');
  await page.getByRole('button', { name: 'Close' }).click();
  await expect(page.getByRole('article', { name: 'Event' })).toHaveCount(0);
  await page.goto(`${server.url}/?q=-indelible&tenant=umbrella&open=gone&in=acme`);
  await expect(page.getByText('not within your reach or does not exist')).toBeVisible();
});

test('an address that is none says so', async ({ page }) => {
  await signIn(page, '/no/such/page');
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await page.getByRole('link', { name: 'All events' }).click();
  await expect(rows(page).first()).toBeVisible();
});

test('limits to a typed range, in the zone chosen', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByLabel('From').fill('2026-11-20 10:10');
  await page.getByLabel(/^To/).fill('2026-11-20 10:15');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Update user')).toContainText('10:10:00');
  const params = new URL(page.url()).searchParams;
  expect(params.get('since')).toBe('2026-11-20T10:10:00Z');
  expect(params.get('until')).toBe('2026-11-20T10:15:00Z');

  // Another zone shows the same events at another time, and the range with them.
  await page.getByRole('button', { name: 'Time zone: UTC' }).click();
  await page.getByRole('combobox', { name: 'Time zone' }).fill('tokyo');
  await page.getByRole('option', { name: 'Asia/Tokyo' }).click();
  await expect(rowOf(page, 'Update user')).toContainText('19:10:00');
  await expect(page.getByRole('button', { name: 'Date range: 2026-11-20 19:10 to 19:15', exact: true })).toBeVisible();
  expect(new URL(page.url()).searchParams.get('tz')).toBe('Asia/Tokyo');
});

test('a first week by the calendar has its last day in it, by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC&since=ever');
  await page.getByRole('button', { name: /^Date range/ }).focus();
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog', { name: 'Date range' });
  await panel.getByLabel('From').focus();
  await page.keyboard.press('Tab');
  await expect(panel.getByLabel('First day')).toBeFocused();
  // Typed digits are in the order of the browser's own language, which tests don't know.
  await panel.getByLabel('First day').fill('2026-11-14');
  await panel.getByLabel('Last day, included').fill('2026-11-20');
  await expect(panel.getByText('2026-11-14 00:00 to 2026-11-20 24:00')).toBeVisible();
  await panel.getByRole('button', { name: 'Apply' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Date range: 2026-11-14 00:00 to 2026-11-20 24:00', exact: true })).toBeVisible();
  const params = new URL(page.url()).searchParams;
  expect([params.get('since'), params.get('until')]).toEqual(['2026-11-14T00:00:00Z', '2026-11-21T00:00:00Z']);
  await expect(rowOf(page, 'Login')).toBeVisible();
});

test('keeps a relative range relative, and refuses what is no time', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByLabel('From').fill('some day');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByText('Not a time.')).toBeVisible();
  await page.getByLabel('From').fill('-3d');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('button', { name: 'Date range: Since 3d ago', exact: true })).toBeVisible();
  expect(new URL(page.url()).searchParams.get('since')).toBe('-3d');
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name: 'Last 7 Days' }).click();
  await expect(page.getByRole('button', { name: 'Date range: Last 7 Days', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page.getByRole('button', { name: 'Date range: Last 24 Hours', exact: true })).toBeVisible();
  expect(new URL(page.url()).search).toBe('');
});

test('says how many events lie outside an empty range', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=2001-01-01T00:00:00Z&until=2002-01-01T00:00:00Z');
  await expect(page.getByText(`${MANY.length} events match outside the time range.`)).toBeVisible();
  await page.getByRole('button', { name: 'Show all time' }).click();
  await expect(rows(page)).toHaveCount(25);
});

test('turns pages by cursor, and earlier pages come back', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&limit=10');
  const pager = page.getByRole('navigation', { name: 'Pages' });
  await expect(rows(page).first()).toContainText('Step 0');
  await expect(pager.getByRole('button', { name: 'Previous' })).toBeDisabled();
  const seen: string[] = [];
  for (let number = 1; number <= 6; number += 1) {
    await expect(pager).toContainText(`Page ${number}`);
    await expect(rows(page).first()).toContainText(`Step ${(number - 1) * 10}`);
    seen.push(...(await rows(page).locator('.action .ellipsis').allInnerTexts()));
    if (number < 6) {
      await expect(pager).toContainText('more available');
      await pager.getByRole('button', { name: 'Next' }).click();
    }
  }
  expect(seen).toEqual(MANY.map((event) => event.action));
  await expect(pager.getByRole('button', { name: 'Next' })).toBeDisabled();

  // A link to a later page is that page.
  await page.reload();
  await expect(pager).toContainText('Page 6');
  await expect(rows(page).first()).toContainText('Step 50');
  await pager.getByRole('button', { name: 'Previous' }).click();
  await expect(rows(page).first()).toContainText('Step 40');
  await page.goBack();
  await expect(rows(page).first()).toContainText('Step 50');
});

test('page 1 is of the result of page 2, whatever came meanwhile', async ({ page, request }) => {
  await signIn(page, '/?tenant=umbrella&since=ever&limit=10');
  for (let sent = 0; sent < 11; sent += 1) {
    const answer = await request.post(`${server.url}/v1/events`, {
      headers: { Authorization: `Bearer ${server.adminKey}` },
      data: { tenant: 'umbrella', action: `Paged ${sent}` },
    });
    expect(answer.status()).toBe(201);
  }
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(rows(page).first()).toContainText('Paged 10', { timeout: 500 });
  }).toPass();
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await expect(rows(page).first()).toContainText('Paged 0');
  const late = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: { tenant: 'umbrella', action: 'Paged and late' },
  });
  expect(late.status()).toBe(201);
  await expect
    .poll(async () => {
      const found = await request.get(`${server.url}/v1/events?tenant=umbrella&q=late`, { headers: { Authorization: `Bearer ${server.key}` } });
      return ((await found.json()) as { data: unknown[] }).data.length;
    })
    .toBe(1);
  await page.reload();
  await expect(rows(page).first()).toContainText('Paged 0');
  await page.getByRole('button', { name: 'Previous', exact: true }).click();
  await expect(rows(page).first()).toContainText('Paged 10');
  await expect(rows(page)).toHaveCount(10);
  await expect(page.getByRole('button', { name: 'Previous', exact: true })).toBeDisabled();
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(rows(page).first()).toContainText('Paged and late');
});

test('changes the page size at once', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await expect(rows(page)).toHaveCount(25);
  await page.getByLabel('Per page').selectOption('50');
  await expect(rows(page)).toHaveCount(50);
  await page.getByLabel('Per page').selectOption('10');
  await expect(rows(page)).toHaveCount(10);
  expect(new URL(page.url()).searchParams.get('limit')).toBe('10');
});

test('counts exactly, at once where that is cheap', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await expect(page.getByText(`${MANY.length} events in all`)).toBeVisible();
  await expect(page.getByRole('button', { name: `Export 25 loaded of ${MANY.length}` })).toBeVisible();
  // What takes long is counted when it is asked for.
  await page.route('**/v1/stats?*', (route) => route.fulfill({ status: 503, body: '' }));
  await page.getByRole('searchbox').fill('Step');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Export 25 loaded', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'Count all' }).first().click();
  await page.unroute('**/v1/stats?*');
  await page.getByRole('button', { name: 'Counting failed. Try again' }).click();
  await expect(page.getByText(`${MANY.length} events in all`)).toBeVisible();
});

test('Refresh finds what was sent meanwhile', async ({ page, request }) => {
  await signIn(page, '/?q=freshly');
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: { tenant: 'umbrella', action: 'Freshly sent' },
  });
  expect(sent.status()).toBe(201);
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(rowOf(page, 'Freshly sent')).toBeVisible({ timeout: 500 });
  }).toPass();
});

test('old rows stay, dimmed, until new ones are here', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await expect(rows(page)).toHaveCount(25);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/v1/events?*', async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByRole('table')).toHaveAttribute('aria-busy', 'true');
  await expect(page.getByText('Updating')).toBeVisible();
  await expect(rows(page)).toHaveCount(25);
  release();
  await expect(page.getByRole('table')).toHaveAttribute('aria-busy', 'false');
});

test('an error shows title, request id and Retry', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await page.route('**/v1/events?*', (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Index unavailable', status: 503, code: 'unavailable', instance: 'req-1' }),
    }),
  );
  await page.getByRole('button', { name: 'Refresh' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('Index unavailable');
  await expect(alert).toContainText('503 unavailable');
  await expect(alert).toContainText('req-1');
  await page.unroute('**/v1/events?*');
  await page.getByRole('button', { name: 'Retry' }).click();
  await expect(rows(page)).toHaveCount(25);
});

test("the server's own refusals are told with its request id", async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&after=nonsense&page=2&at=2026-11-20T10:00:00.000Z');
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('400 invalid_cursor');
  await expect(alert).toContainText('Request id');
  await page.getByRole('button', { name: 'First page' }).click();
  await expect(rows(page)).toHaveCount(25);
});

test('says up to when events are searchable, if the index is behind', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&tz=UTC');
  await expect(rows(page)).toHaveCount(25);
  await expect(page.getByText('searchable up to')).toHaveCount(0);
  await page.route('**/v1/events?*', async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as Record<string, unknown>;
    await route.fulfill({ response, json: { ...answer, complete_through: '2026-11-20T10:00:00.000000Z', rebuilding: true } });
  });
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('searchable up to 2026-11-20 10:00:00 UTC')).toBeVisible();
});
