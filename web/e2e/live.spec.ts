// Live: what matches as it comes, at the top at once or behind a button; breaks, losses, and 200 events a second.

import { type APIRequestContext, type Locator, type Page } from '@playwright/test';

import { detail, expect, expectAccessible, rows, server, signIn, test } from './test';

let tenants = 0;

/** A tenant of one test, so that nothing else comes. */
async function tenantOf(request: APIRequestContext): Promise<string> {
  tenants += 1;
  const name = `live-${tenants}`;
  const made = await request.post(`${server.url}/v1/tenants`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: { name, parent: null, auditing: true },
  });
  expect(made.ok()).toBe(true);
  return name;
}

async function send(request: APIRequestContext, tenant: string, from: number, count = 1): Promise<void> {
  const now = new Date().toISOString();
  const events = Array.from({ length: count }, (_, index) => ({
    id: `${tenant}-${from + index}`,
    tenant,
    time: now,
    action: `Tick ${from + index}`,
    action_type: ['create', 'update', 'delete', 'view'][index % 4],
    actor: { type: 'user', username: `user${index % 7}` },
    outcome: { result: index % 9 === 0 ? 'failure' : 'success' },
  }));
  const answer = await request.post(`${server.url}/v1/events?events=false`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: events,
  });
  expect([200, 201]).toContain(answer.status());
}

async function goLive(page: Page, tenant: string): Promise<void> {
  await signIn(page, `/?q=-indelible&tenant=${tenant}&since=ever&tz=UTC`);
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(state(page, 'Live')).toBeVisible();
}

function state(page: Page, text: string): Locator {
  return page.locator('.live').getByRole('status').getByText(text, { exact: true });
}

test('brings new events to the top at once, and ends by the key that began it', async ({ page, request }) => {
  const tenant = await tenantOf(request);
  await send(request, tenant, 1);
  await signIn(page, `/?q=-indelible&tenant=${tenant}&since=ever&tz=UTC`);
  await expect(rows(page)).toHaveCount(1);
  await page.keyboard.press('l');
  await expect(state(page, 'Live')).toBeVisible();
  // The stream goes on where the result ended.
  await expect(rows(page)).toHaveCount(1);
  await send(request, tenant, 2, 2);
  await expect(rows(page)).toHaveCount(3);
  await expect(rows(page).first()).toContainText('Tick 3');
  await expect(page.getByText('2 new events so far')).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(page);
  await expect(page.getByRole('button', { name: 'Export 3 loaded' })).toBeVisible();
  // An event's own page has its neighbours among what came.
  await rows(page).first().getByRole('button').click();
  await detail(page).getByRole('link', { name: 'Open page' }).click();
  await expect(page.getByText('1 of 3')).toBeVisible();
  await page.goBack();
  await expect(state(page, 'Live')).toBeVisible();
  await page.keyboard.press('l');
  await expect(page.locator('.live')).toHaveCount(0);
});

test('holds new events back while one is open, while it is paused, and while the reader is further down', async ({ page, request }) => {
  const tenant = await tenantOf(request);
  await goLive(page, tenant);
  await send(request, tenant, 1, 60);
  await expect(rows(page)).toHaveCount(60);

  await rows(page).first().getByRole('button').click();
  await expect(detail(page)).toBeVisible();
  await send(request, tenant, 61, 37);
  const waiting = page.getByRole('button', { name: /^\d+ new events?$/ });
  await expect(waiting).toHaveText('37 new events');
  await expect(rows(page).first()).toContainText('Tick 60');
  await waiting.click();
  await expect(rows(page).first()).toContainText('Tick 97');
  await page.keyboard.press('Escape');
  // The pointer and the focus are in the rows still.
  await page.mouse.move(0, 0);
  await page.getByRole('heading', { level: 1 }).click({ force: true });

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await send(request, tenant, 98);
  await expect(waiting).toHaveText('1 new event');
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect(rows(page).first()).toContainText('Tick 98');

  await page.mouse.wheel(0, 1500);
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(600);
  await send(request, tenant, 99, 2);
  await expect(waiting).toHaveText('2 new events');
  await waiting.click();
  await expect(rows(page).first()).toContainText('Tick 100');
  await expect(rows(page).first()).toBeInViewport();

  await page.getByRole('button', { name: 'Clear rows' }).click();
  await expect(page.getByText('Waiting for events that match.')).toBeVisible();
  await send(request, tenant, 101);
  await expect(rows(page)).toHaveCount(1);
});

test('comes back after a break, without missing or repeating anything', async ({ page, request }) => {
  const tenant = await tenantOf(request);
  await send(request, tenant, 1);
  let streams = 0;
  const positions: (string | null)[] = [];
  await page.route('**/v1/tail?*', async (route) => {
    streams += 1;
    positions.push(new URL(route.request().url()).searchParams.get('after'));
    if (streams > 1) return route.continue();
    // A stream that ends at once, and a server that is not there for a moment.
    return route.fulfill({ contentType: 'text/event-stream', body: ': gone\n\n' });
  });
  await signIn(page, `/?q=-indelible&tenant=${tenant}&since=ever&tz=UTC`);
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(state(page, 'Connection lost, trying again')).toBeVisible();
  await send(request, tenant, 2, 3);
  await expect(state(page, 'Live')).toBeVisible();
  await expect(rows(page)).toHaveCount(4);
  expect(positions[0]).not.toBeNull();
  expect(positions[1]).toBe(positions[0]);
});

test('says what the server dropped, and fetches it', async ({ page, request }) => {
  const tenant = await tenantOf(request);
  await page.route('**/v1/tail?*', async (route) => {
    const params = new URL(route.request().url()).searchParams;
    const event = { id: 'd1', tenant, tenant_seq: 1, time: '2026-11-20T10:00:00Z', received_at: '2026-11-20T10:00:00Z', time_source: 'event', action: 'Passed over', action_type: 'other' };
    if (params.get('before') === 'cursor-2') {
      const body = `id: x\ndata: ${JSON.stringify(event)}\n\nevent: end\ndata: {"reason":"complete"}\n\n`;
      return route.fulfill({ contentType: 'text/event-stream', body });
    }
    if (params.get('after') === 'cursor-2') return route.fulfill({ status: 503, body: '' });
    return route.fulfill({
      contentType: 'text/event-stream',
      body: 'id: cursor-2\nevent: dropped\ndata: {"count":1,"after":"cursor-1","before":"cursor-2"}\n\n',
    });
  });
  await signIn(page, `/?q=-indelible&tenant=${tenant}&since=ever`);
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(page.getByText('the server passed over 1 event.')).toBeVisible();
  await page.getByRole('button', { name: 'Fetch them' }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page).first()).toContainText('Passed over');
  await expect(page.getByText('the server passed over')).toHaveCount(0);
});

test('takes 200 events a second without freezing, and within bounds', async ({ page, request }) => {
  test.setTimeout(120_000);
  const tenant = await tenantOf(request);
  await goLive(page, tenant);
  // The longest time between two frames.
  await page.evaluate(() => {
    const measured = window as unknown as { longestFrame: number };
    measured.longestFrame = 0;
    let last = performance.now();
    const frame = (now: number): void => {
      measured.longestFrame = Math.max(measured.longestFrame, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const PER_BATCH = 20;
  const BATCHES = 60;
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const next = Date.now() + 100;
    await send(request, tenant, 1 + batch * PER_BATCH, PER_BATCH);
    await new Promise((done) => setTimeout(done, Math.max(0, next - Date.now())));
  }
  await expect(page.getByText('1,200 new events so far')).toBeVisible({ timeout: 30_000 });
  await expect(rows(page).first()).toContainText('Tick 1200');
  expect(await page.evaluate(() => (window as unknown as { longestFrame: number }).longestFrame)).toBeLessThan(1000);
  await expect(page.getByText('The newest 1,000 are kept here; 200 older ones were let go.')).toBeVisible();
  // A hundred are drawn; the rest is a click away.
  await expect(rows(page)).toHaveCount(100);
  await page.getByRole('button', { name: 'Show older rows (900)' }).click();
  await expect(rows(page)).toHaveCount(200);
});
