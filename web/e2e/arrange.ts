// What a test adds to the server for itself, and the moment that it takes for now.

import type { APIRequestContext, Page } from '@playwright/test';

import { expect, server } from './test';

const ADMIN = { Authorization: `Bearer ${server.adminKey}` };

/** A tenant with these events in it, all of them found. `application` tells them from what the server itself records. */
export async function tenantWith(request: APIRequestContext, tenant: string, events: Record<string, unknown>[]): Promise<void> {
  const made = await request.post(`${server.url}/v1/tenants`, { headers: ADMIN, data: { name: tenant, parent: null, auditing: true } });
  // There already: a test of this file failed, and what it arranges is arranged once more.
  if (made.status() === 409) return;
  expect(made.ok(), await made.text()).toBe(true);
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: ADMIN,
    data: events.map((event, index) => ({ id: `${tenant}-${index}`, tenant, source: { application: tenant }, ...event })),
  });
  expect(sent.status(), await sent.text()).toBe(201);
  await expect(async () => {
    const found = await request.get(`${server.url}/v1/events?tenant=${tenant}&application=${tenant}&limit=1&total=true`, { headers: ADMIN });
    expect(((await found.json()) as { total: number }).total).toBe(events.length);
  }).toPass();
}

/** Has this moment be now, for the browser and for the server whose clock the page goes by. Before the first visit. */
export async function atMoment(page: Page, instant: string): Promise<void> {
  await page.clock.setFixedTime(instant);
  await page.route('**/v1/**', async (route) => {
    try {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), date: new Date(instant).toUTCString() } });
    } catch (error) {
      // The page was left before it had its answer: nobody waits for it.
      if (!/disposed|closed/.test(String(error))) throw error;
    }
  });
}
