// Parts of the page that are loaded when they are needed, where they can't be had: without a connection, or after an upgrade.

import { type Page } from '@playwright/test';

import { detail, expect, rowOf, rows, signIn, test } from './test';

const SCRIPTS = '**/_app/immutable/**/*.js';

async function showRows(page: Page): Promise<void> {
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  await expect(rows(page).first()).toBeVisible();
  // What is on its way has come.
  await expect(page.getByRole('region', { name: 'Statistics' })).toContainText('in all');
}

test('a row whose detail could not be loaded says so, and has it once that is possible', async ({ page }) => {
  await showRows(page);
  await page.route(SCRIPTS, (route) => route.abort());
  await rowOf(page, 'Update user').getByRole('button').click();
  const failed = page.getByRole('alert').filter({ hasText: 'This part of the page could not be loaded.' });
  await expect(failed).toBeVisible();
  await page.unroute(SCRIPTS);
  await failed.getByRole('button', { name: 'Retry' }).click();
  await expect(detail(page)).toContainText('customer.com');
});

test('a button whose panel could not be loaded says so, and opens it once that is possible', async ({ page }) => {
  await showRows(page);
  await page.route(SCRIPTS, (route) => route.abort());
  await page.getByRole('button', { name: /^Date range/ }).click();
  const failed = page.getByRole('alert').filter({ hasText: 'This part of the page could not be loaded.' });
  await expect(failed).toBeVisible();
  await page.unroute(SCRIPTS);
  await failed.getByRole('button', { name: 'Retry' }).click();
  await expect(page.getByRole('button', { name: 'Last Hour' })).toBeVisible();
  await expect(failed).toHaveCount(0);
});

test('after an upgrade of the server the page asks for a reload', async ({ page }) => {
  await showRows(page);
  await page.route('**/_app/version.json*', (route) => route.fulfill({ json: { version: 'another' } }));
  await page.route(SCRIPTS, (route) => route.fulfill({ status: 404, body: '' }));
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(page.getByRole('alert')).toContainText('There is a new version of this page');
  await page.unroute(SCRIPTS);
  await page.unroute('**/_app/version.json*');
  await page.getByRole('button', { name: 'Reload the page' }).click();
  await expect(detail(page)).toContainText('customer.com');
});
