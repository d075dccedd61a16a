// Where the reader goes on by keyboard once what had the focus is gone.

import { type Locator, type Page } from '@playwright/test';

import { detail, expect, rowOf, rows, server, signIn, test } from './test';

const PAGES = '/?q=-indelible&tenant=pages&since=ever&limit=10&tz=UTC';

function toggle(page: Page, action: string): Locator {
  return rowOf(page, action).getByRole('button');
}

function results(page: Page): Locator {
  return page.getByRole('heading', { name: 'Results' });
}

test('Escape and Close in a detail lead back to its row', async ({ page }) => {
  await signIn(page, PAGES);
  await toggle(page, 'Step 3').click();
  await detail(page).getByRole('button', { name: 'Copy Details' }).focus();
  await page.keyboard.press('Escape');
  await expect(detail(page)).toHaveCount(0);
  await expect(toggle(page, 'Step 3')).toBeFocused();
  await page.keyboard.press('Enter');
  await detail(page).getByRole('button', { name: 'Close' }).press('Enter');
  await expect(toggle(page, 'Step 3')).toBeFocused();

  await page.getByRole('button', { name: 'Cards' }).click();
  const card = page.getByRole('list', { name: 'Events, newest first' }).locator('> li').nth(2);
  await card.locator('button[data-row]').press('Enter');
  await detail(page).getByRole('button', { name: 'Close' }).press('Enter');
  await expect(card.locator('button[data-row]')).toBeFocused();
});

test('turning a page leads to its beginning, and the last one takes no focus away', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever&limit=50&tz=UTC');
  const pager = page.getByRole('navigation', { name: 'Pages' });
  await pager.getByRole('button', { name: 'Next' }).press('Enter');
  await expect(rows(page)).toHaveCount(10);
  await expect(results(page)).toBeFocused();
  const next = pager.getByRole('button', { name: 'Next' });
  await expect(next).toBeDisabled();
  await next.focus();
  await page.keyboard.press('Enter');
  await expect(next).toBeFocused();
});

test('Retry and the ways out of an empty result lead to the results', async ({ page }) => {
  await page.route('**/v1/events?*', (route) => route.fulfill({ status: 502, body: '' }));
  await signIn(page, PAGES);
  const retry = page.getByRole('alert').getByRole('button', { name: 'Retry' });
  await expect(retry).toBeVisible();
  await page.unroute('**/v1/events?*');
  await retry.press('Enter');
  await expect(rows(page)).toHaveCount(10);
  await expect(results(page)).toBeFocused();

  await page.goto(`${server.url}/?q=-indelible&tenant=pages&action=nonsense&since=ever`);
  await page.locator('.empty').getByRole('button', { name: /^Remove .*nonsense/ }).press('Enter');
  await expect(rows(page)).toHaveCount(25);
  await expect(results(page)).toBeFocused();
});

test('a menu that scrolling closes gives the focus back', async ({ page }) => {
  await signIn(page, PAGES);
  await toggle(page, 'Step 3').click();
  const value = detail(page).getByRole('button', { name: 'Step 3', exact: true });
  await value.press('Enter');
  await expect(page.getByRole('menu')).toBeVisible();
  await page.mouse.wheel(0, 200);
  await expect(page.getByRole('menu')).toHaveCount(0);
  await expect(value).toBeFocused();
});

test('after filtering by a value of the table its button says what it is about', async ({ page }) => {
  await signIn(page, PAGES);
  await toggle(page, 'Step 4').focus();
  await page.keyboard.press('ArrowRight');
  const button = page.locator('.frame .pivot').getByRole('button').first();
  await expect(button).toHaveAccessibleName('Filter by Action: Add/Create');
  await expect(button).toBeFocused();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Filter out' }).press('Enter');
  await expect(page).toHaveURL(/action_type=!create/);
  // The value is gone with its row: the row in its place goes on.
  await expect(rows(page).filter({ hasText: 'Add/Create' })).toHaveCount(0);
  await expect(rows(page).locator('button:focus')).toHaveCount(1);
  await page.keyboard.press('Enter');
  await expect(detail(page)).toBeVisible();
});

test('/ goes to the search where it is typed with Shift', async ({ page }) => {
  await signIn(page, PAGES);
  await expect(rows(page)).toHaveCount(10);
  await page.evaluate(() => {
    document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '/', code: 'Digit7', shiftKey: true, bubbles: true, cancelable: true }));
  });
  await expect(page.getByRole('searchbox')).toBeFocused();
});

test('the rest of a breakdown opens and closes in its place', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever');
  await page.getByRole('button', { name: 'Breakdown', exact: true }).click();
  const actors = page.getByRole('region', { name: 'Performed by user' });
  await actors.getByRole('button', { name: /^Show more/ }).press('Enter');
  await expect(actors.getByRole('listitem')).toHaveCount(7);
  await expect(actors.getByRole('button', { name: /^Show fewer/ })).toBeFocused();
  for (const name of ['Performed by domain', 'Affected domain']) await expect(page.getByRole('region', { name })).toBeVisible();
});
