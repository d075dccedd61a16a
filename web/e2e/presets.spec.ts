// The guide's eight presets against the lists that they must give: their boundaries are of the zone chosen.

import { atMoment, tenantWith } from './arrange';
import { expect, rows, server, signIn, test } from './test';

/** A Friday, after clocks were put back on both sides of the Atlantic. */
const NOW = '2026-11-20T15:45:30Z';

const BOUNDARIES: Record<string, Record<string, string>> = {
  // This browser's own.
  'Europe/Paris': {
    Today: '2026-11-19T23:00:00Z',
    'This Week': '2026-11-15T23:00:00Z',
    'Last 7 Days': '2026-11-13T15:45:30Z',
    'Last 30 Days': '2026-10-21T14:45:30Z',
    'This Month': '2026-10-31T23:00:00Z',
    'Last 3 Months': '2026-08-20T14:45:30Z',
    'Last 6 Months': '2026-05-20T14:45:30Z',
    'Last Year': '2025-11-20T15:45:30Z',
  },
  'America/Los_Angeles': {
    Today: '2026-11-20T08:00:00Z',
    'This Week': '2026-11-16T08:00:00Z',
    'Last 7 Days': '2026-11-13T15:45:30Z',
    'Last 30 Days': '2026-10-21T14:45:30Z',
    'This Month': '2026-11-01T07:00:00Z',
    'Last 3 Months': '2026-08-20T14:45:30Z',
    'Last 6 Months': '2026-05-20T14:45:30Z',
    'Last Year': '2025-11-20T15:45:30Z',
  },
  'America/New_York': {
    Today: '2026-11-20T05:00:00Z',
    'This Week': '2026-11-16T05:00:00Z',
    'Last 7 Days': '2026-11-13T15:45:30Z',
    'Last 30 Days': '2026-10-21T14:45:30Z',
    'This Month': '2026-11-01T04:00:00Z',
    'Last 3 Months': '2026-08-20T14:45:30Z',
    'Last 6 Months': '2026-05-20T14:45:30Z',
    'Last Year': '2025-11-20T15:45:30Z',
  },
};

function second(instant: string, later: number): string {
  return new Date(Date.parse(instant) + later * 1000).toISOString().replace('.000Z', 'Z');
}

/** At each boundary of any zone, and a second before it. */
const TIMES = [...new Set(Object.values(BOUNDARIES).flatMap((zone) => Object.values(zone)))]
  .flatMap((boundary) => [boundary, second(boundary, -1)])
  .sort()
  .reverse();

test.beforeAll(async ({ playwright }) => {
  const request = await playwright.request.newContext();
  await tenantWith(request, 'presets', TIMES.map((time) => ({ time, action: `Step of ${time}` })));
  await request.dispose();
});

for (const [zone, boundaries] of Object.entries(BOUNDARIES)) {
  test(`give their lists in ${zone}`, async ({ page }) => {
    await atMoment(page, NOW);
    // Where the zone is this browser's it is not in the link.
    const tz = zone === 'Europe/Paris' ? '' : `&tz=${zone}`;
    await signIn(page, `/?tenant=presets&application=presets&since=ever&limit=50${tz}`);
    await expect(page.getByRole('button', { name: `Time zone: ${zone.replace('_', ' ')}` })).toBeVisible();
    await expect(rows(page)).toHaveCount(TIMES.length);
    for (const [label, boundary] of Object.entries(boundaries)) {
      await page.getByRole('button', { name: /^Date range: / }).click();
      await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name: label, exact: true }).click();
      await expect(page.getByRole('button', { name: `Date range: ${label}`, exact: true })).toBeVisible();
      const expected = TIMES.filter((time) => time >= boundary);
      await expect(rows(page), `${label} in ${zone}`).toHaveText(expected.map((time) => new RegExp(`Step of ${time}`)));
    }
  });
}

for (const [label, zone, first, last] of [
  ['US Eastern', 'America/New_York', '2026-11-20 10:45:30', '2026-11-13 10:45:30'],
  ['US Central', 'America/Chicago', '2026-11-20 09:45:30', '2026-11-13 09:45:30'],
  ['US Mountain', 'America/Denver', '2026-11-20 08:45:30', '2026-11-13 08:45:30'],
  ['US Pacific', 'America/Los_Angeles', '2026-11-20 07:45:30', '2026-11-13 07:45:30'],
  ['US Alaska', 'America/Anchorage', '2026-11-20 06:45:30', '2026-11-13 06:45:30'],
  ['US Hawaii', 'Pacific/Honolulu', '2026-11-20 05:45:30', '2026-11-13 05:45:30'],
] as const) {
  test(`the clock of ${label} is chosen, shown and typed in`, async ({ page }) => {
    await atMoment(page, NOW);
    await signIn(page, '/?tenant=presets&application=presets&since=ever&limit=50');
    // The reader's own zone until another one is chosen.
    await page.getByRole('button', { name: 'Time zone: Europe/Paris' }).click();
    await expect(page.getByRole('option', { name: 'Local: Europe/Paris' })).toBeVisible();
    await page.getByRole('option', { name: label }).click();
    await page.getByRole('button', { name: /^Date range/ }).click();
    await page.getByLabel('From').fill(last);
    await page.getByLabel(/^To/).fill(first);
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get('since')).toBe('2026-11-13T15:45:30Z');
    expect(new URL(page.url()).searchParams.get('until')).toBe(NOW);
    await expect(rows(page).last()).toContainText(last);
    await page.goto(`${server.url}/?tenant=presets&application=presets&since=ever`);
    await expect(page.getByRole('button', { name: `Time zone: ${zone.replace('_', ' ')}` })).toBeVisible();
  });
}
