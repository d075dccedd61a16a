// Everything by keyboard.

import { readFile } from 'node:fs/promises';

import { detail, expect, rowOf, rows, server, signIn, test } from './test';

test('single keys search, move, refresh and help', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await expect(rows(page)).toHaveCount(25);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type('j/?r');
  await expect(page.getByRole('searchbox')).toHaveValue('j/?r');
  await page.getByRole('searchbox').fill('');
  await page.getByRole('searchbox').blur();

  await page.keyboard.press('j');
  await expect(rows(page).nth(0).getByRole('button')).toBeFocused();
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  await expect(rows(page).nth(2).getByRole('button')).toBeFocused();
  await page.keyboard.press('k');
  await page.keyboard.press('ArrowUp');
  await expect(rows(page).nth(0).getByRole('button')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(detail(page)).toBeVisible();
  await expect(rows(page).nth(0).getByRole('button')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(detail(page)).toHaveCount(0);

  const asked = page.waitForRequest(/\/v1\/events\?/);
  await page.keyboard.press('r');
  await asked;
  await page.keyboard.press('?');
  const dialog = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
});

test('single keys can be switched off, for good', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages');
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await page.getByRole('checkbox', { name: /Single-key shortcuts/ }).uncheck();
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(rows(page)).toHaveCount(25);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).not.toBeFocused();
  await rows(page).nth(0).getByRole('button').focus();
  await page.keyboard.press('ArrowDown');
  await expect(rows(page).nth(1).getByRole('button')).toBeFocused();
});

test('from signing in to a proof without a mouse', async ({ page }) => {
  await page.goto(`${process.env.E2E_URL}/?q=-indelible&tenant=acme`);
  await expect(page.getByLabel('API key')).toBeFocused();
  await page.keyboard.type(process.env.E2E_KEY ?? '');
  await page.keyboard.press('Enter');
  await expect(rowOf(page, 'Update user')).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  // Along the filters and the bar into the table.
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement?.matches('tr[data-row] button') ?? false)) break;
  }
  await page.keyboard.press('Enter');
  await expect(detail(page)).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(detail(page).getByRole('button', { name: 'Copy Details' })).toBeFocused();
});

test('the commands are there on every page, and the help says what works on it', async ({ page }) => {
  await signIn(page, '/events/acme-update?tenant=acme');
  await expect(detail(page)).toBeVisible();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(help).toContainText('Copy the link to the event');
  await expect(help).not.toContainText('Go to the search box');
  await page.keyboard.press('Escape');
  for (const [typed, address] of [['investi', '/investigate'], ['profile', '/profile'], ['events', '/']] as const) {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Commands' }).fill(typed);
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(server.url + address);
  }
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Commands' }).fill('theme: dark');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('range and zone by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme');
  await page.getByRole('button', { name: /^Date range/ }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Last Hour' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: /^Date range/ })).toBeFocused();

  await page.getByRole('button', { name: 'Time zone: Europe/Paris' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('combobox', { name: 'Time zone' })).toBeFocused();
  await page.keyboard.type('kath');
  await expect(page.getByRole('option', { name: /Kathmandu/ })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/tz=Asia\/Kathmandu/);
  await expect(rowOf(page, 'Update user')).toContainText('15:55:00');
  await expect(page.getByRole('button', { name: 'Time zone: Asia/Kathmandu' })).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: 'Time zone: Asia/Kathmandu' })).toBeFocused();
});

test('pages by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever&limit=10');
  await expect(rows(page).first()).toContainText('Step 0');
  const pager = page.getByRole('navigation', { name: 'Pages' });
  await pager.getByRole('button', { name: 'Next' }).focus();
  await page.keyboard.press('Enter');
  await expect(rows(page).first()).toContainText('Step 10');
  // Where the new page begins: at the bottom the focus would be out of sight.
  await expect(page.getByRole('heading', { name: 'Results' })).toBeFocused();
  await pager.getByRole('button', { name: 'Next' }).focus();
  await page.keyboard.press('Space');
  await expect(rows(page).first()).toContainText('Step 20');
  await expect(pager).toContainText('Page 3');
  await pager.getByRole('button', { name: 'Next' }).focus();
  await page.keyboard.press('Shift+Tab');
  await expect(pager.getByRole('button', { name: 'Previous' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(rows(page).first()).toContainText('Step 10');
});

test('columns and density by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&since=ever');
  await expect(rows(page).first()).toBeVisible();
  const button = page.getByRole('button', { name: 'Columns', exact: true });
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('checkbox', { name: 'Timestamp' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('checkbox', { name: 'Timestamp' })).toBeFocused();
  await page.keyboard.press('Space');
  await expect(page.getByRole('columnheader', { name: 'Timestamp' })).toHaveCount(0);
  await page.keyboard.press('Space');
  await expect(page.getByRole('columnheader', { name: 'Timestamp' })).toHaveCount(1);
  await page.getByRole('radio', { name: 'Comfortable' }).focus();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('radio', { name: 'Compact' })).toBeChecked();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('radio', { name: 'Compact' })).toHaveCount(0);
  await expect(button).toBeFocused();
});

test('export by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&since=ever');
  await expect(rows(page).first()).toBeVisible();
  const button = page.getByRole('button', { name: /^Export \d+ loaded/ });
  await button.focus();
  const downloading = page.waitForEvent('download');
  await page.keyboard.press('Enter');
  const text = await readFile(await (await downloading).path(), 'utf8');
  expect(text.split('\r\n').length - 2).toBe(await rows(page).count());
  await expect(button).toBeFocused();
});

test('live is begun, paused, resumed and ended by keyboard', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever');
  await expect(rows(page).first()).toBeVisible();
  const begin = page.getByRole('button', { name: 'Live', exact: true });
  await begin.focus();
  await page.keyboard.press('Enter');
  const state = page.locator('.live').getByRole('status');
  await expect(state.getByText('Live', { exact: true })).toBeVisible();
  const pause = page.getByRole('button', { name: 'Pause', exact: true });
  await pause.focus();
  await page.keyboard.press('Space');
  await expect(state.getByText('Paused', { exact: true })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Resume', exact: true })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(state.getByText('Live', { exact: true })).toBeVisible();
  await expect(pause).toBeFocused();
  await begin.focus();
  await page.keyboard.press('Enter');
  await expect(page.locator('.live')).toHaveCount(0);
  await expect(begin).toBeFocused();
});
