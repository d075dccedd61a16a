// Saved views, short links, and what the page opens with; ranges that are not allowed.

import type { Page } from '@playwright/test';

import { PASSWORD, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, rows, signOut, test } from './test';

let hosted: Server;

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.send([
    { id: 'one', tenant: 'acme', time: '2026-11-20T10:00:00Z', action: 'Delete user' },
    { id: 'two', tenant: 'acme', time: '2026-11-20T10:01:00Z', action: 'Update user' },
  ]);
  await hosted.waitForCount('tenant=acme&application=!indelible', 2);
  await hosted.createUser('ada', PASSWORD);
  await hosted.createUser('grace', PASSWORD);
});

test.afterAll(async () => {
  await hosted.stop();
});

async function save(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: 'Views', exact: true }).click();
  await page.getByRole('button', { name: 'Save this view' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill(name);
}

test('a view is saved, opens what it was saved of, and is what the page begins with', async ({ page }) => {
  await signInAs(page, `${hosted.url}/?action_type=delete&tenant=acme&since=ever&columns=time,action,by`, 'ada');
  await expect(rows(page)).toHaveCount(1);
  await save(page, 'Deletions');
  await expectAccessible(page);
  await page.getByLabel('Open the events with this view').check();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved Deletions')).toBeVisible();

  await page.goto(`${hosted.url}/`);
  await expect(page).toHaveURL(/action_type=delete/);
  await expect(rows(page)).toHaveCount(1);
  // What an address says goes before it.
  await page.goto(`${hosted.url}/?tenant=acme&since=ever&application=!indelible`);
  await expect(rows(page)).toHaveCount(2);
  // And so does who clears everything.
  await page.getByRole('button', { name: 'Clear', exact: true }).first().click();
  await expect(page).toHaveURL(/since=-24h/);

  await page.getByRole('button', { name: 'Views', exact: true }).click();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Deletions', exact: true }).click();
  await expect(rows(page)).toHaveCount(1);
});

test('a view that is shared is seen by others with their own reach, and changed by its owner only', async ({ page }) => {
  await signInAs(page, `${hosted.url}/?action_type=update&tenant=acme&since=ever`, 'ada');
  await save(page, 'Updates');
  await page.getByLabel('Shared with').selectOption({ label: 'Everybody' });
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved Updates')).toBeVisible();
  await signOut(page);

  await signInAs(page, `${hosted.url}/views`, 'grace');
  await expect(page.getByRole('link', { name: 'Updates' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Change Updates' })).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Updates' }).click();
  await expect(rows(page)).toHaveCount(1);
  await signOut(page);

  await signInAs(page, `${hosted.url}/views`, 'ada');
  await page.getByRole('button', { name: 'Change Updates' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Changes');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('link', { name: 'Changes' })).toBeVisible();
  await page.getByRole('button', { name: 'Delete Changes' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('link', { name: 'Changes' })).toHaveCount(0);
});

test('a short link leads to what was in sight, and one that is none says so', async ({ page }) => {
  await signInAs(page, `${hosted.url}/?action_type=delete&tenant=acme&since=ever`, 'ada');
  await page.getByRole('button', { name: 'Views', exact: true }).click();
  const making = page.waitForResponse((response) => response.url().endsWith('/v1/links'));
  await page.getByRole('button', { name: 'Copy short link' }).click();
  const { slug } = (await (await making).json()) as { slug: string };
  await page.goto(`${hosted.url}/s/${slug}`);
  await expect(page).toHaveURL(/\/\?action_type=delete/);
  await expect(rows(page)).toHaveCount(1);
  await page.goto(`${hosted.url}/s/nothing`);
  await expect(page.getByRole('heading', { name: 'No such link' })).toBeVisible();
  await expectAccessible(page);
});

test('a role with a limit sees what it may ask for, and is offered that', async ({ page }) => {
  const made = await hosted.call<{ name: string }>('POST', '/v1/roles', {
    name: 'Short memory',
    permissions: ['audit.read'],
    reach: 'everything',
    range: { back: 'P1Y', span: 'P3M' },
  });
  await hosted.createUser('kim', PASSWORD, [made.name]);
  await signInAs(page, `${hosted.url}/?since=ever&tz=UTC`, 'kim');
  const show = page.getByRole('alert').getByRole('button', { name: /^Show / });
  await expect(show).toBeVisible();
  await expectAccessible(page);
  await show.click();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await page.getByRole('button', { name: /^Date range/ }).first().click();
  const beyond = page.getByRole('button', { name: 'Last Year' });
  await expect(beyond).toHaveAttribute('aria-disabled', 'true');
  await expect(page.getByText('You may look 1 year back, and at 3 months at a time.')).toBeVisible();
  await expectAccessible(page);

  // Days are counted where the reader is: in Auckland they begin earlier than for the server.
  const asking = page.waitForRequest((request) => request.url().includes('/v1/events?'));
  await page.goto(`${hosted.url}/?since=-3mo&tz=Pacific/Auckland`);
  expect(new URL((await asking).url()).searchParams.get('tz')).toBe('Pacific/Auckland');
  await expect(rows(page).first()).toBeVisible();

  await page.goto(`${hosted.url}/investigate?user=ada&tz=UTC`);
  await show.click();
  await expect(page.getByRole('alert')).toHaveCount(0);
  await expect(page).toHaveURL(/since=2026-/);
});
