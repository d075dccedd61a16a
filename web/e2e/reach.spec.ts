// A key of one tenant sees nothing of the others: not in lists, counts, links or suggestions.

import { account, expect, preferring, rows, server, signIn, test } from './test';

test('sees its own tenant, and is told that it sees only that', async ({ page }) => {
  await preferring(page, { columns: ['time', 'action', 'tenant'] });
  await signIn(page, '/?q=-indelible', server.acmeKey);
  await expect(page.getByText('You see only what this key reaches: acme.')).toBeVisible();
  await expect(rows(page).first()).toBeVisible();
  const tenants = await rows(page).locator('td.tenant').allInnerTexts();
  expect(new Set(tenants)).toEqual(new Set(['acme']));
  await expect(page.getByText(/^\d events in all$/)).toBeVisible();
  await expect(page.getByRole('main')).not.toContainText('umbrella');
  const field = page.getByRole('combobox', { name: 'Tenant' });
  await field.fill('a');
  await expect(page.getByRole('listbox', { name: 'Suggestions for Tenant' }).getByRole('option')).toHaveText([/^acme/]);
  // Letters of another tenant's name lead to nothing: neither to the name, nor to a correction.
  await field.fill('umbrell');
  await field.press('Enter');
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  await expect(page.getByRole('button', { name: /instead of/ })).toHaveCount(0);
});

test('is told of the tenants below its own', async ({ page, request }) => {
  const headers = { Authorization: `Bearer ${server.adminKey}` };
  for (const [name, parent] of [['north', null], ['north-1', 'north'], ['north-2', 'north']] as const) {
    const made = await request.post(`${server.url}/v1/tenants`, { headers, data: { name, parent, auditing: true } });
    expect(made.ok(), name).toBe(true);
  }
  const created = await request.post(`${server.url}/v1/keys`, {
    headers,
    data: { name: 'north', permissions: ['audit.read'], reach: { tenants: ['north'] }, expires: null },
  });
  // The making of the key is told in the tenant's own chain.
  await signIn(page, '/?application=!indelible&since=-24h', ((await created.json()) as { key: string }).key);
  await expect(page.getByText('You see only what this key reaches: north and what is below, 3 tenants in all.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
});

for (const [name, path] of [
  ['by tenant', '/?tenant=umbrella'],
  ['by text', '/?q=hive+-indelible'],
  ['by tenant and range', '/?tenant=umbrella&since=2026-11-01T00:00:00Z'],
] as const) {
  test(`finds nothing of others ${name}`, async ({ page }) => {
    await signIn(page, path, server.acmeKey);
    await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
    await expect(page.getByText('Open the hive')).toHaveCount(0);
  });
}

test("another tenant's event is not found, like one that does not exist", async ({ page }) => {
  const texts: string[] = [];
  for (const id of ['umbrella-secret', 'does-not-exist']) {
    await page.goto('about:blank');
    await signInOnce(page, `/events/${id}?tenant=umbrella`);
    await expect(page.getByRole('heading', { name: 'No such event' })).toBeVisible();
    texts.push((await page.getByRole('main').innerText()).replaceAll(id, 'ID'));
  }
  expect(texts[0]).toBe(texts[1]);
});

async function signInOnce(page: Parameters<typeof signIn>[0], path: string): Promise<void> {
  await page.goto(server.url + path);
  const key = page.getByLabel('API key');
  await expect(key.or(account(page))).toBeVisible();
  if (await key.isVisible()) {
    await key.fill(server.acmeKey);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  }
}
