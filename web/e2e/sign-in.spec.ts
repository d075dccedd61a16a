// Signing in and out with a key: it stays in this tab, and is refused in words. People: people.spec.ts.

import { expect, rows, server, signIn, signOut, test } from './test';

test('a right key opens the trail, and is kept in this tab only', async ({ page, context }) => {
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  expect(page.url()).not.toContain(server.key);
  const kept = await page.evaluate(() => ({
    session: Object.values(sessionStorage),
    local: JSON.stringify(localStorage),
    cookies: document.cookie,
  }));
  expect(kept.session).toContain(server.key);
  expect(kept.local).not.toContain(server.key);
  expect(kept.cookies).toBe('');
  expect(await context.cookies()).toEqual([]);

  await page.reload();
  await expect(rows(page).first()).toBeVisible();

  await signOut(page);
  expect(await page.evaluate(() => JSON.stringify(Object.values(sessionStorage)))).not.toContain(server.key);
  await page.goBack().catch(() => null);
  await expect(rows(page)).toHaveCount(0);
});

test('a wrong key is refused', async ({ page }) => {
  await page.goto(server.url);
  await page.getByLabel('API key').fill('wrong-key-0123456789');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('The server does not accept this key.')).toBeVisible();
  await expect(page.getByLabel('API key')).toBeFocused();
  expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
});

test('a key that may only send is told what it lacks', async ({ page }) => {
  await page.goto(server.url);
  await page.getByLabel('API key').fill(server.senderKey);
  await page.getByLabel('API key').press('Enter');
  await expect(page.getByText('it lacks the permission audit.read')).toBeVisible();
});

test('a key that is revoked meanwhile leads back to signing in, at the same address', async ({ page, request }) => {
  const headers = { Authorization: `Bearer ${server.adminKey}` };
  const created = await request.post(`${server.url}/v1/keys`, {
    headers,
    data: { name: 'short-lived', permissions: ['audit.read'], reach: 'everything', expires: null },
  });
  expect(created.ok()).toBe(true);
  const { id, key } = (await created.json()) as { id: string; key: string };
  await signIn(page, '/?q=login', key);
  await expect(rows(page).first()).toBeVisible();
  // What is still being asked for would find out by itself.
  await page.waitForLoadState('networkidle');
  const revoked = await request.delete(`${server.url}/v1/keys/${id}`, { headers });
  expect(revoked.ok()).toBe(true);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('the server no longer accepts the key')).toBeVisible();
  await page.getByLabel('API key').fill(server.key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('login');
});

test('the key is sent in a header to this server alone', async ({ page }) => {
  const asked: { url: string; key: string | undefined }[] = [];
  page.on('request', (request) => asked.push({ url: request.url(), key: request.headers()['authorization'] }));
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  expect(asked.length).toBeGreaterThan(3);
  for (const { url, key } of asked) {
    expect(url.startsWith(server.url), url).toBe(true);
    expect(url).not.toContain(server.key);
    expect(key === undefined || new URL(url).pathname.startsWith('/v1/'), url).toBe(true);
  }
});
