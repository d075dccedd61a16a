// Days on which the clock is changed, on both halves of the earth: the table, typed ranges, the gap, presets, the calendar.

import type { Page } from '@playwright/test';

import { atMoment, tenantWith } from './arrange';
import { expect, rows, server, signIn, test } from './test';

/** Two events an hour apart at the same time of the clock, and one of a plain day. */
const DOUBLED = [
  { zone: 'Europe/Paris', tenant: 'dst-paris', first: '2026-10-25T00:30:00Z', second: '2026-10-25T01:30:00Z', clock: '2026-10-25 02:30', offsets: ['+02:00', '+01:00'] },
  { zone: 'America/New_York', tenant: 'dst-york', first: '2026-11-01T05:30:00Z', second: '2026-11-01T06:30:00Z', clock: '2026-11-01 01:30', offsets: ['-04:00', '-05:00'] },
  { zone: 'Australia/Sydney', tenant: 'dst-sydney', first: '2026-04-04T15:30:00Z', second: '2026-04-04T16:30:00Z', clock: '2026-04-05 02:30', offsets: ['+11:00', '+10:00'] },
] as const;

function params(page: Page): URLSearchParams {
  return new URL(page.url()).searchParams;
}

function panel(page: Page) {
  return page.getByRole('dialog', { name: 'Date range' });
}

async function openPanel(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Date range/ }).click();
  await expect(panel(page)).toBeVisible();
}

for (const { zone, tenant, first, second, clock, offsets } of DOUBLED) {
  test(`the hour that comes twice in ${zone} is told apart, typed and applied again`, async ({ page, request }) => {
    await tenantWith(request, tenant, [
      { time: first, action: 'First of the two' },
      { time: second, action: 'Second of the two' },
      { time: '2026-06-15T10:00:00Z', action: 'Plain day' },
    ]);
    await signIn(page, `/?tenant=${tenant}&application=${tenant}&since=ever&tz=${zone}`);
    const all = rows(page);
    await expect(all.filter({ hasText: 'First of' })).toContainText(`${clock}:00 ${offsets[0]}`);
    await expect(all.filter({ hasText: 'Second of' })).toContainText(`${clock}:00 ${offsets[1]}`);
    await expect(all.filter({ hasText: 'Plain day' })).not.toContainText(/[+-]\d\d:00/);
    // Nothing of it is cut off.
    const cut = await page.locator('td.time').evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length);
    expect(cut).toBe(0);

    // From the second one on: the first is out, and applying what the panel shows changes nothing.
    await page.goto(`${server.url}/?tenant=${tenant}&application=${tenant}&since=${second}&tz=${zone}`);
    const label = `${clock} ${offsets[1]}`;
    await expect(page.getByRole('button', { name: `Date range: Since ${label}`, exact: true })).toBeVisible();
    await expect(all).toHaveCount(1 + (second < '2026-06-15' ? 1 : 0));
    await openPanel(page);
    await expect(page.getByLabel('From')).toHaveValue(label);
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(panel(page)).toHaveCount(0);
    expect(params(page).get('since')).toBe(second);

    // Typed without an offset the first one is meant.
    await openPanel(page);
    await page.getByLabel('From').fill(clock);
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(() => params(page).get('since')).toBe(first);
    await expect(all.filter({ hasText: 'First of' })).toBeVisible();

    // A chip's form keeps the moment too.
    await page.goto(`${server.url}/?tenant=${tenant}&received_since=${second}&since=ever&tz=${zone}`);
    await page.getByRole('button', { name: /^Change Received.*02:30|^Change Received.*01:30/ }).click();
    await page.getByRole('textbox', { name: 'Value' }).press('Enter');
    await expect(page.getByRole('textbox', { name: 'Value' })).toHaveCount(0);
    expect(params(page).get('received_since')).toBe(second);
  });
}

for (const [zone, typed, taken, since] of [
  ['Europe/Paris', '2026-03-29 02:30', '2026-03-29 03:30:00 +02:00', '2026-03-29T01:30:00Z'],
  ['America/New_York', '2026-03-08 02:30', '2026-03-08 03:30:00 -04:00', '2026-03-08T07:30:00Z'],
  ['Australia/Sydney', '2026-10-04 02:30', '2026-10-04 03:30:00 +11:00', '2026-10-03T16:30:00Z'],
] as const) {
  test(`a time that the clock of ${zone} skips is said to be none, and which one is taken`, async ({ page }) => {
    await signIn(page, `/?tenant=acme&since=ever&tz=${zone}`);
    await openPanel(page);
    await page.getByLabel('From').fill(typed);
    await expect(
      panel(page).getByText(`${zone.replace('_', ' ')} has no ${typed}: its clock is put forward there. ${taken} is taken.`),
    ).toBeVisible();
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect.poll(() => params(page).get('since')).toBe(since);
    await openPanel(page);
    await expect(page.getByLabel('From')).toHaveValue(taken.slice(0, 16));
    await expect(panel(page).getByText('its clock is put forward')).toHaveCount(0);
  });
}

// What is asked of the server: days of the calendar, whatever their length; hours by the clock.
for (const [zone, now, today, day, hours, week] of [
  ['Europe/Paris', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z', '-1d 2026-10-24T11:00:00Z', '2026-10-24T12:00:00Z', '2026-10-18T22:00:00Z'],
  ['Europe/Paris', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z', '-1d 2026-03-28T13:00:00Z', '2026-03-28T12:00:00Z', '2026-03-22T23:00:00Z'],
  ['Australia/Sydney', '2026-04-05T02:00:00Z', '2026-04-04T13:00:00Z', '-1d 2026-04-04T01:00:00Z', '2026-04-04T02:00:00Z', '2026-03-29T13:00:00Z'],
  ['Australia/Sydney', '2026-10-04T02:00:00Z', '2026-10-03T14:00:00Z', '-1d 2026-10-03T03:00:00Z', '2026-10-03T02:00:00Z', '2026-09-27T14:00:00Z'],
] as const) {
  test(`presets on the day of change in ${zone} (${now.slice(0, 10)})`, async ({ page }) => {
    await atMoment(page, now);
    const [token = '', before = ''] = day.split(' ');
    for (const [since, expected] of [['today', today], [token, before], ['-24h', hours], ['week', week]] as const) {
      const asked = page.waitForRequest((request) => new URL(request.url()).pathname.endsWith('/v1/events'));
      if (page.url() === 'about:blank') await signIn(page, `/?tenant=acme&since=${since}&tz=${zone}`);
      else await page.goto(`${server.url}/?tenant=acme&since=${since}&tz=${zone}`);
      expect([since, new URL((await asked).url()).searchParams.get('since')]).toEqual([since, expected]);
    }
  });
}

test('a day by the calendar is whole, 25 hours of it', async ({ page, request }) => {
  await tenantWith(request, 'dst-day', [
    { time: '2026-10-24T21:59:59Z', action: 'Evening before' },
    { time: '2026-10-24T22:00:00Z', action: 'Begin of the day' },
    { time: '2026-10-25T22:59:59Z', action: 'End of the day' },
    { time: '2026-10-25T23:00:00Z', action: 'Next day' },
  ]);
  await signIn(page, '/?tenant=dst-day&application=dst-day&since=ever&tz=Europe/Paris');
  await openPanel(page);
  await page.getByLabel('First day').fill('2026-10-25');
  await page.getByLabel('Last day, included').fill('2026-10-25');
  await expect(page.getByLabel(/^To/)).toHaveValue('2026-10-25');
  await expect(panel(page).getByText('2026-10-25 00:00 to 24:00')).toBeVisible();
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(rows(page)).toHaveText([/End of the day/, /Begin of the day/]);
  expect([params(page).get('since'), params(page).get('until')]).toEqual(['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z']);
  await expect(page.getByRole('button', { name: 'Date range: 2026-10-25 00:00 to 24:00', exact: true })).toBeVisible();
  await openPanel(page);
  await expect(page.getByLabel(/^To/)).toHaveValue('2026-10-25');
});
