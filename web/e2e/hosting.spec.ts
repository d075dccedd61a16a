// How the page is served: under a path prefix, with a strict policy, and small.

import { gzipSync } from 'node:zlib';

import { Server } from './server';
import { detail, expect, proof, rowOf, rows, server, signIn, test } from './test';

/** The bar of the viewer: 150 kB for everything that a fresh profile loads before its first rows. */
const FIRST_LOAD_MAX = 150_000;

test('works under a path prefix', async ({ page }) => {
  const hosted = await Server.start({ prefix: '/audit/trail' });
  try {
    await hosted.createTenant('acme');
    await hosted.send([{ id: 'one', tenant: 'acme', action: 'Hosted elsewhere' }]);
    await hosted.waitForCount('tenant=acme', 1);
    expect(hosted.url).toMatch(/\/audit\/trail$/);
    await signIn(page, '/', hosted.adminKey, hosted.url);
    await rowOf(page, 'Hosted elsewhere').getByRole('button').click();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await detail(page).getByRole('link', { name: 'Open page' }).click();
    await expect(page).toHaveURL(`${hosted.url}/events/one?tenant=acme`);
    await page.reload();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await page.getByRole('link', { name: 'All events' }).click();
    await expect(rowOf(page, 'Hosted elsewhere')).toBeVisible();
    expect(new URL(page.url()).pathname).toBe('/audit/trail/');
  } finally {
    await hosted.stop();
  }
});

test.describe('the policy', () => {
  test.use({ provokesBreach: true });

  test('allows no inline script or style but its own', async ({ page }) => {
    const response = await page.goto(server.url);
    const policy = response?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toMatch(/script-src 'self' 'sha256-/);
    expect(policy).toContain("frame-ancestors 'none'");
    // The guard of every test (test.ts) sees to it that the page keeps to it; this is its counter-check.
    const refused = await page.evaluate(() => {
      const breach = new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), { once: true });
      });
      const style = document.createElement('div');
      style.innerHTML = '<p style="color: red">x</p>';
      return breach;
    });
    expect(refused).toMatch(/^style-src/);
  });
});

test('a first visit loads less than 150 kB, gzipped', async ({ page }) => {
  const loaded = new Map<string, number>();
  const bodies: Promise<void>[] = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/v1/')) return;
    bodies.push(
      response.body().then((body) => {
        loaded.set(pathname, gzipSync(body, { level: 9 }).length);
      }),
    );
  });
  await signIn(page);
  await expect(rows(page).first()).toBeVisible();
  await Promise.all(bodies);
  const total = [...loaded.values()].reduce((sum, size) => sum + size, 0);
  expect([...loaded.keys()].filter((path) => path.endsWith('.js')).length).toBeGreaterThan(3);
  console.log(`first load: ${(total / 1000).toFixed(1)} kB gzip in ${loaded.size} files`);
  expect(total).toBeLessThan(FIRST_LOAD_MAX);
});

test('files whose names carry their hash are kept for good, the page is asked for again', async ({ request }) => {
  const page = await request.get(`${server.url}/`);
  expect(page.headers()['cache-control']).toContain('no-cache');
  const script = /\/_app\/immutable\/entry\/start\.[^"]+\.js/.exec(await page.text())?.[0] ?? '';
  const file = await request.get(server.url + script);
  expect(file.headers()['cache-control']).toContain('immutable');
  expect(file.headers()['content-type']).toContain('javascript');
  const missing = await request.get(`${server.url}/_app/immutable/entry/start.gone.js`);
  expect(missing.status()).toBe(404);
});
