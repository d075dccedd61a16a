// Signing in through an OpenID provider, a real one, in a real browser.

import { type Page } from '@playwright/test';

import { Part } from './part';
import { Server } from './server';
import { account, expect, expectAccessible, rows, signOut, test } from './test';

const ADA = {
  username: 'ada',
  password: 'of-the-provider',
  given_name: 'Ada',
  family_name: 'Li',
  email: 'ada@example.com',
  email_verified: true,
  groups: ['auditors'],
};

let provider: Part<{ issuer: string }>;
let hosted: Server;

test.beforeEach(async () => {
  provider = await Part.start('openid-provider.mjs', ['--user', JSON.stringify(ADA)]);
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.createTenant('umbrella');
  await hosted.send([
    { id: 'one', tenant: 'acme', action: 'Open gate' },
    { id: 'two', tenant: 'umbrella', action: 'Open gate' },
  ]);
  await hosted.waitForCount('q=gate', 2);
  await hosted.createUser('boss', 'four grey herons');
  await hosted.call('PUT', '/v1/providers/staff', {
    name: 'Staff',
    issuer: provider.ready.issuer,
    client_id: 'indelible',
    client_secret: 'secret',
    scopes: ['profile', 'email', 'groups'],
    groups_claim: 'groups',
    group_roles: [{ group: 'auditors', role: 'Reporter' }],
    create_users: true,
    tenant: 'acme',
  });
});

test.afterEach(async () => {
  await hosted.stop();
  await provider.stop();
});

async function signInAtProvider(page: Page): Promise<void> {
  await page.getByLabel('Username').fill(ADA.username);
  await page.getByLabel('Password').fill(ADA.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('an OpenID sign-in works end to end', async ({ page, context }) => {
  await page.goto(`${hosted.url}/?q=gate&tz=UTC`);
  await expect(page.getByRole('link', { name: 'Sign in with Staff' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('link', { name: 'Sign in with Staff' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in at the provider' })).toBeVisible();
  expect(page.url().startsWith(provider.ready.issuer)).toBe(true);
  await signInAtProvider(page);

  // Back where the visitor wanted to be, with the role of the group and no other.
  await expect(account(page)).toHaveAccessibleName('Account: Ada Li');
  expect(page.url()).toBe(`${hosted.url}/?q=gate&tz=UTC`);
  await expect(page.getByText('You see only what your account reaches: acme.')).toBeVisible();
  await expect(rows(page)).toHaveCount(1);
  await account(page).click();
  await page.getByRole('link', { name: 'Profile' }).click();
  await expect(page.getByRole('region', { name: 'Account' })).toContainText('Reporter');
  await expect(page.getByText('Your account has no password: you sign in with a provider, which')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Sessions' }).getByRole('listitem')).toContainText('staff');

  await signOut(page);
  const left = (await context.cookies(hosted.url)).map(({ name }) => name).filter((name) => name.startsWith('indelible'));
  expect(left).toEqual([]);
  await page.reload();
  await expect(page.getByRole('link', { name: 'Sign in with Staff' })).toBeVisible();

  // Without the group, the next sign-in is without the role. The provider knows the browser still.
  await provider.tell({ user: { ...ADA, groups: [] } });
  await page.getByRole('link', { name: 'Sign in with Staff' }).click();
  await expect(account(page)).toHaveAccessibleName('Account: Ada Li');
  await page.goto(hosted.url);
  await expect(page.getByRole('heading', { name: 'Your account may not read events' })).toBeVisible();
  await expectAccessible(page);
});

test('whoever is refused is told why, at an address without the reason', async ({ page }) => {
  const { data } = await hosted.call<{ data: { id: string; username: string }[] }>('GET', '/v1/users');
  expect(data.map(({ username }) => username)).toEqual(['boss']);
  await page.goto(hosted.url);
  await page.getByRole('link', { name: 'Sign in with Staff' }).click();
  await page.getByRole('button', { name: 'Refuse' }).click();
  await expect(page.getByText('The provider did not let you in.')).toBeVisible();
  expect(page.url()).toBe(`${hosted.url}/`);
  await expectAccessible(page);

  await page.getByRole('link', { name: 'Sign in with Staff' }).click();
  await signInAtProvider(page);
  await expect(account(page)).toBeVisible();
  await signOut(page);
  const made = await hosted.call<{ data: { id: string; username: string }[] }>('GET', '/v1/users');
  const ada = made.data.find(({ username }) => username === 'ada');
  await hosted.call('PATCH', `/v1/users/${ada?.id ?? ''}`, { state: 'locked' });
  await page.getByRole('link', { name: 'Sign in with Staff' }).click();
  await expect(page.getByText('Your account here is locked.')).toBeVisible();
  expect(page.url()).toBe(`${hosted.url}/`);
});
