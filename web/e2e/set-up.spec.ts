// The first administrator, by the link that the server prints, and what a plain visitor is told before.

import { PASSWORD, choose } from './people';
import { Server } from './server';
import { account, expect, expectAccessible, signIn, signOut, test } from './test';

let hosted: Server;

test.beforeEach(async () => {
  hosted = await Server.start();
});

test.afterEach(async () => {
  await hosted.stop();
});

test('a plain visitor is told of the link, and a key still opens the page', async ({ page }) => {
  await page.goto(hosted.url);
  await expect(page.getByText('it printed a link to set up the first one')).toBeVisible();
  await expectAccessible(page);
  await signIn(page, '/', hosted.adminKey, hosted.url);
});

test('the link makes the first administrator, once', async ({ page, context, browser }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())}`));
  await page.goto(`${hosted.url}/set-up#${hosted.setUpLink}`);
  await expect(page.getByLabel('Username')).toBeFocused();
  // The secret is in neither the address bar nor the history, and no address was asked for with it.
  expect(page.url()).toBe(`${hosted.url}/set-up`);
  expect(asked.filter((request) => request.includes(hosted.setUpLink))).toEqual([]);
  await expectAccessible(page);

  await page.getByLabel('Username').fill('ada');
  await page.getByLabel('First name').fill('Ada');
  await page.getByLabel('Last name').fill('Li');
  await page.getByLabel('E-mail').fill('ada@example.com');
  await choose(page, 'password1234');
  await page.getByRole('button', { name: 'Create administrator' }).click();
  await expect(page.getByText('the password is one that many people use')).toBeVisible();
  await expect(page.getByLabel('New password', { exact: true })).toBeFocused();
  await expectAccessible(page);
  await choose(page, PASSWORD, `${PASSWORD}!`);
  await page.keyboard.press('Enter');
  await expect(page.getByText('The two passwords differ.')).toBeVisible();
  await choose(page, PASSWORD);
  await page.keyboard.press('Enter');
  await expect(account(page)).toHaveAccessibleName('Account: Ada Li');
  expect(page.url()).toBe(`${hosted.url}/`);
  await page.goBack();
  expect(page.url()).not.toContain('il_');

  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({ name: 'indelible_session', httpOnly: true, sameSite: 'Lax' });

  const other = await (await browser.newContext()).newPage();
  await other.goto(`${hosted.url}/set-up#${hosted.setUpLink}`);
  await expect(other.getByText('This server is set up already.')).toBeVisible();
  await expectAccessible(other);
  await other.getByRole('link', { name: 'To sign-in' }).click();
  await expect(other.getByLabel('Username')).toBeFocused();
  await expect(other.getByText('it printed a link')).toHaveCount(0);
  await other.context().close();
});

test('a link that is no good says how to get another', async ({ page }) => {
  await page.goto(`${hosted.url}/set-up`);
  await expect(page.getByRole('alert')).toContainText('Start the server again: it prints a new one.');
  await expectAccessible(page);
  // A link that is pasted into the open page is taken up, and out of the address, too.
  await page.evaluate(() => (location.hash = `#il_${'0'.repeat(64)}`));
  await page.getByLabel('Username').fill('ada');
  expect(page.url()).not.toContain('il_');
  await choose(page, PASSWORD);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('Start the server again: it prints a new one.');
});

test('works under a path prefix', async ({ page, context }) => {
  const below = await Server.start({ prefix: '/audit/trail' });
  try {
    await page.goto(`${below.url}/set-up#${below.setUpLink}`);
    await page.getByLabel('Username').fill('ada');
    await choose(page, PASSWORD);
    await page.keyboard.press('Enter');
    await expect(account(page)).toHaveAccessibleName('Account: ada');
    expect(new URL(page.url()).pathname).toBe('/audit/trail/');
    await account(page).click();
    await page.getByRole('link', { name: 'Profile' }).click();
    await expect(page).toHaveURL(`${below.url}/profile`);
    await signOut(page);
    expect(await context.cookies()).toEqual([]);
    expect(page.url()).toBe(`${below.url}/profile`);
  } finally {
    await below.stop();
  }
});
