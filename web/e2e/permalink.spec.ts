// An event's own page: opens whatever the filters, and says so when there is none.

import { detail, expect, proof, rowOf, rows, server, signIn, test } from './test';

test('a link opens the event and its proof', async ({ page, context, browser }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, '/?q=-indelible&tenant=acme&tz=America/New_York');
  await rowOf(page, 'Update user').getByRole('button').click();
  await detail(page).getByRole('button', { name: 'Copy link', exact: true }).click();
  await expect(page.getByText('Copied link')).toBeVisible();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(link).toBe(`${server.url}/events/acme-update?tenant=acme&tz=America/New_York`);

  const other = await browser.newContext();
  const fresh = await other.newPage();
  await signIn(fresh, link.slice(server.url.length));
  await expect(fresh.getByRole('heading', { level: 1 })).toContainText('acme-update');
  await expect(detail(fresh)).toContainText('2026-11-20 05:10:00.000000 -05:00 America/New_York');
  await expect(proof(fresh).getByText('Verified', { exact: true })).toBeVisible();
  await expect(fresh).toHaveTitle('Event acme-update · Indelible');
  await fresh.getByRole('link', { name: 'All events' }).click();
  await expect(fresh.getByRole('table')).toBeVisible();
  await other.close();
});

test('an event that does not exist is not found', async ({ page }) => {
  await signIn(page, '/events/no-such-event?tenant=acme');
  await expect(page.getByRole('heading', { name: 'No such event' })).toBeVisible();
  await expect(page.getByText('There is no event no-such-event within your reach.')).toBeVisible();
});

test('loading and errors have their own states', async ({ page }) => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/v1/events/acme-update?*', async (route) => {
    await held;
    await route.fulfill({
      status: 500,
      contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Broken', status: 500, code: 'internal', instance: 'req-2' }),
    });
  });
  await signIn(page, '/events/acme-update?tenant=acme');
  await expect(page.getByText('Loading the event')).toBeAttached();
  release();
  await expect(page.getByRole('alert')).toContainText('Broken');
  await expect(page.getByRole('alert')).toContainText('req-2');
  await page.unroute('**/v1/events/acme-update?*');
  await page.getByRole('button', { name: 'Retry' }).click();
  await expect(detail(page)).toContainText('user100');
});

test('an id with odd signs has a link too', async ({ page, request }) => {
  const id = 'odd?id#with%signs&more=1.html';
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: { id, tenant: 'umbrella', action: 'Odd id' },
  });
  expect([200, 201]).toContain(sent.status());
  await expect(async () => {
    const found = await request.get(`${server.url}/v1/events?tenant=umbrella&q=odd`, {
      headers: { Authorization: `Bearer ${server.key}` },
    });
    expect(((await found.json()) as { data: unknown[] }).data.length).toBe(1);
  }).toPass();
  await signIn(page, '/?q=-indelible&tenant=umbrella');
  await rowOf(page, 'Odd id').getByRole('button').click();
  await detail(page).getByRole('link', { name: 'Open page' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText(id);
  await page.reload();
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
});

test('its values can be filtered by, its people investigated, and what is related found', async ({ page }) => {
  const link = '/events/acme-update?tenant=acme&tz=UTC';
  await signIn(page, link);
  await detail(page).getByRole('button', { name: 'customer.com', exact: true }).first().click();
  await page.getByRole('menuitem', { name: 'Filter for' }).click();
  await expect(page).toHaveURL(`${server.url}/?affected_tenant=customer.com&since=ever&tz=UTC`);
  await expect(rowOf(page, 'Update user')).toBeVisible();
  await page.goto(server.url + link);
  await detail(page).locator('summary', { hasText: 'Same session' }).click();
  await detail(page).getByRole('button', { name: /^Find all Same session/ }).click();
  await expect(page).toHaveURL(/\?session_id=session-1&since=ever/);
  await expect(rows(page)).toHaveCount(1);
  await page.goto(server.url + link);
  await detail(page).getByRole('button', { name: 'Investigate User user100' }).click();
  await expect(page).toHaveURL(`${server.url}/investigate?user=user100&tz=UTC`);
});

test('a reader who may see no proofs is told so, without a way to try again', async ({ page }) => {
  await page.route('**/v1/events/*/proof*', (route) =>
    route.fulfill({ status: 403, contentType: 'application/problem+json', json: { title: 'Forbidden', status: 403, code: 'forbidden' } }),
  );
  await signIn(page, '/events/acme-update?tenant=acme');
  await expect(proof(page)).toContainText('Proofs are not available to your role');
  await expect(proof(page).getByRole('button')).toHaveCount(0);
});
