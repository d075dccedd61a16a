// The administration, against the real server: what can be done there, by whom, by keyboard, and for everybody to read.

import type { Page } from '@playwright/test';

import { PASSWORD, choose, enter, signInAs } from './people';
import { Server } from './server';
import { expect, expectAccessible, rows, test } from './test';

let hosted: Server;

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('north');
  await hosted.createTenant('south');
  await hosted.createTenant('acme', 'north');
  await hosted.createUser('boss', PASSWORD);
  await hosted.send([{ id: 'one', tenant: 'acme', time: '2026-11-20T10:00:00Z', action: 'Open gate' }]);
  await hosted.waitForCount('tenant=acme', 1);
});

test.afterAll(async () => {
  await hosted.stop();
});

/** A user with a role of the installation's own; the territories go with a role that has them. */
async function somebody(username: string, permissions: string[], territories: string[]): Promise<void> {
  const role = `Role of ${username}`;
  await hosted.call('POST', '/v1/roles', { name: role, permissions, reach: 'territories' });
  const { id } = await hosted.call<{ id: string }>('POST', '/v1/users', { username, roles: [{ role, territories }] });
  const { link } = await hosted.call<{ link: string }>('POST', `/v1/users/${id}/link`);
  await hosted.call('POST', '/v1/password', { link, password: PASSWORD });
}

/** Opens a page of the administration as the administrator. */
async function openAs(page: Page, path: string, username = 'boss'): Promise<void> {
  await signInAs(page, `${hosted.url}/admin${path}`, username);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
}

const pages = (page: Page) => page.getByRole('navigation', { name: 'Administration' }).getByRole('link');

test('auditing is switched on once, for good, and the ledger is verified', async ({ page }) => {
  await openAs(page, '/audit-trail');
  const part = page.getByRole('region', { name: 'Auditing' });
  await expect(part.getByText('Nobody has switched it on yet.')).toBeVisible();
  await expect(part.getByText('3 of 3 tenants audited')).toBeVisible();
  await part.getByRole('checkbox', { name: 'Audit every tenant from its first event on' }).check();
  await part.getByRole('button', { name: 'Save' }).click();
  const dialog = page.getByRole('alertdialog', { name: 'Switch auditing on for good?' });
  await expect(dialog.getByText('Once it is on it stays on.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(part.getByRole('button', { name: 'Save' })).toBeFocused();
  await part.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('button', { name: 'Switch on for good' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(part.getByText(/^Audited since 20/)).toBeVisible();

  await page.reload();
  await expect(part.getByRole('checkbox')).toBeChecked();
  await expect(part.getByRole('checkbox')).toBeDisabled();
  await expect(part.getByRole('button')).toHaveCount(0);
  await expect(hosted.call('PUT', '/v1/auditing', { auditing: false })).rejects.toThrow(/403/);
  // What was done is in the trail.
  await hosted.waitForCount('application=indelible&action=Switch%20auditing&outcome=success', 1);

  const ledger = page.getByRole('region', { name: 'Ledger' });
  await expect(ledger.getByText('Takes events')).toBeVisible();
  await expect(ledger.getByText(/^[\d,]+ entries$/)).toBeVisible();
  const checks = page.getByRole('region', { name: 'Verification' });
  await checks.getByRole('button', { name: 'Verify now' }).click();
  await expect(checks.getByText('This browser had not seen this ledger before.')).toBeVisible();
  await hosted.send([{ id: 'two', tenant: 'acme', time: '2026-11-20T11:00:00Z', action: 'Close gate' }]);
  await checks.getByRole('button', { name: 'Verify now' }).click();
  await expect(checks.getByText(/continues the one of [\d,]+ entries that this browser saw on/)).toBeVisible();
  await page.reload();
  await expect(checks.getByText('Verified', { exact: true })).toBeVisible();
});

test('a tenant is created below another, moved, renamed, and found by its former name', async ({ page }) => {
  await openAs(page, '/tenants');
  await expect(page.getByRole('link', { name: 'acme', exact: true })).toBeVisible();
  await page.getByRole('button', { name: 'New tenant' }).click();
  const creating = page.getByRole('dialog', { name: 'New tenant' });
  await creating.getByLabel('Name', { exact: true }).fill('acme');
  await creating.getByLabel('Below', { exact: true }).fill('north');
  await creating.getByRole('button', { name: 'Create tenant' }).click();
  await expect(creating.getByText(/The server does not take this: the name is taken/)).toBeVisible();
  await expect(creating.getByLabel('Name', { exact: true })).toBeFocused();
  await creating.getByLabel('Name', { exact: true }).fill('acrne');
  await creating.getByRole('button', { name: 'Create tenant' }).click();

  await expect(page).toHaveURL(`${hosted.url}/admin/tenants/acrne`);
  await expect(page.getByText('acrne can be taken for another tenant:')).toBeVisible();
  await expectAccessible(page);
  const place = page.getByRole('region', { name: 'Names and place' });
  await expect(place.getByRole('link', { name: 'north' })).toBeVisible();
  await place.getByRole('button', { name: 'Move…' }).click();
  const moving = page.getByRole('dialog', { name: 'Move acrne' });
  await moving.getByLabel('New place below').fill('south');
  await moving.getByRole('button', { name: 'Move', exact: true }).click();
  await expect(moving).toHaveCount(0);
  await expect(place.getByRole('link', { name: 'south' })).toBeVisible();
  await expect(place.getByRole('link', { name: 'north' })).toHaveCount(0);

  await place.getByRole('button', { name: 'Rename…' }).click();
  const renaming = page.getByRole('dialog', { name: 'Rename acrne' });
  await renaming.getByLabel('New name').fill('east');
  await renaming.getByRole('button', { name: 'Rename', exact: true }).click();
  await expect(page).toHaveURL(`${hosted.url}/admin/tenants/east`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('east');
  await expect(place.getByText('acrne')).toBeVisible();

  await page.getByRole('link', { name: 'All tenants' }).click();
  await page.getByRole('searchbox', { name: 'Find tenants' }).fill('acrne');
  await expect(page).toHaveURL(`${hosted.url}/admin/tenants?q=acrne`);
  await expect(page.getByRole('rowheader')).toHaveCount(2);
  await expect(page.getByText('1 tenant', { exact: true })).toBeVisible();
  await page.goto(`${hosted.url}/admin/tenants/acrne`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('east');
});

test('a tenant is suspended in words, and one that is audited is never deleted', async ({ page }) => {
  await hosted.createTenant('west');
  await openAs(page, '/tenants/west');
  await page.getByRole('button', { name: 'Suspend…' }).click();
  const dialog = page.getByRole('alertdialog', { name: 'Suspend west?' });
  await expect(dialog).toBeFocused();
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Suspend', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Activate…' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Delete…' })).toHaveCount(0);
  await expect(page.getByText("It is audited, so it can't be deleted: its trail stays.")).toBeVisible();
});

test('a user is invited by a link, gets another role, and is signed out', async ({ page, browser }) => {
  await openAs(page, '/users');
  await page.getByRole('button', { name: 'Invite user' }).click();
  const inviting = page.getByRole('dialog', { name: 'Invite user' });
  await inviting.getByLabel('Username').fill('grace');
  await inviting.getByLabel('First name').fill('Grace');
  await inviting.getByLabel('Tenant', { exact: true }).fill('acme');
  await inviting.getByLabel('Role 1', { exact: true }).selectOption('Reporter');
  await inviting.getByRole('button', { name: 'Invite', exact: true }).click();

  const shown = page.getByRole('dialog', { name: 'Link for grace' });
  const link = await shown.getByLabel('Link', { exact: true }).inputValue();
  expect(link).toMatch(new RegExp(`^${hosted.url}/password#il_[0-9a-f]{64}$`));
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(shown).toBeVisible();
  await shown.getByRole('button', { name: 'I have kept it' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('grace');
  await expect(page.getByRole('region', { name: 'Access' }).getByText('Invited', { exact: true })).toBeVisible();

  const elsewhere = await browser.newContext();
  const other = await elsewhere.newPage();
  await other.goto(link);
  await choose(other, PASSWORD);
  await other.keyboard.press('Enter');
  await enter(other, 'grace');
  await expect(other.getByRole('search')).toBeVisible();
  await expect(other.getByRole('link', { name: 'Administration' })).toHaveCount(0);

  await page.reload();
  const roles = page.getByRole('region', { name: 'Roles' });
  await roles.getByRole('button', { name: 'Add a role' }).click();
  await roles.getByLabel('Role 2', { exact: true }).selectOption('Channel Partner');
  await roles.getByLabel('Territories of role 2', { exact: true }).fill('south');
  await roles.getByRole('button', { name: 'Save roles' }).click();
  await expect(page.getByText('Roles saved')).toBeVisible();
  const { data } = await hosted.call<{ data: { username: string; roles: unknown }[] }>('GET', '/v1/users');
  expect(data.find(({ username }) => username === 'grace')?.roles).toEqual(
    expect.arrayContaining([{ role: 'Reporter' }, { role: 'Channel Partner', territories: ['south'] }]),
  );

  const sessions = page.getByRole('region', { name: 'Sessions' });
  await sessions.getByRole('button', { name: 'End all sessions…' }).click();
  const ending = page.getByRole('alertdialog', { name: 'End all sessions of grace?' });
  await ending.getByRole('button', { name: 'End all sessions' }).click();
  await expect(sessions.getByText('The user is not signed in anywhere.')).toBeVisible();
  await other.reload();
  await expect(other.getByLabel('Username')).toBeVisible();
  await elsewhere.close();
});

test('the last administrator stays one, which the page says', async ({ page }) => {
  await openAs(page, '/users?state=active');
  await page.getByRole('link', { name: 'boss', exact: true }).click();
  await expect(page.getByText('This is your own account.')).toBeVisible();
  await page.getByRole('button', { name: 'Lock…' }).click();
  const dialog = page.getByRole('alertdialog', { name: 'Lock boss?' });
  await dialog.getByRole('button', { name: 'Lock', exact: true }).click();
  await expect(dialog.getByText(/this is the last administrator/)).toBeVisible();
});

test('a role of the own is made, changed and deleted', async ({ page }) => {
  await openAs(page, '/roles');
  const readyMade = page.getByRole('table', { name: 'Ready-made roles' });
  await expect(readyMade.getByRole('row', { name: /^Organisation-level permissions/ })).toBeVisible();
  const levels = readyMade.getByRole('rowgroup').filter({ has: page.getByRole('row', { name: /^Organisation-level permissions/ }) });
  await expect(levels.getByRole('row', { name: /^Audit Logs/ })).toHaveCount(1);
  await expect(readyMade.getByRole('row', { name: /^Audit Logs/ }).getByText('Yes', { exact: true })).toHaveCount(6);
  await page.getByRole('button', { name: 'New role' }).click();
  const making = page.getByRole('dialog', { name: 'New role' });
  await making.getByLabel('Name', { exact: true }).fill('Night shift');
  // Where people look for it: "Audit Logs", under "Organisation-level permissions", in the table and in the form.
  const group = making.getByRole('group', { name: 'Organisation-level permissions', exact: true });
  await expect(group).toBeVisible();
  await group.getByRole('checkbox', { name: 'Audit Logs', exact: true }).check();
  await making.getByRole('button', { name: 'Create role' }).click();
  await expect(page.getByText('Role Night shift saved')).toBeVisible();
  await expect(page.getByRole('button', { name: 'New role' })).toBeFocused();

  await page.getByRole('button', { name: 'Change Night shift' }).click();
  const changing = page.getByRole('dialog', { name: 'Change Night shift' });
  await changing.getByLabel('Reach', { exact: true }).selectOption('oneself');
  await changing.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /^Night shift/ })).toContainText('Oneself');

  await page.getByRole('button', { name: 'Delete Night shift' }).click();
  const deleting = page.getByRole('alertdialog', { name: 'Delete the role Night shift?' });
  await deleting.getByRole('button', { name: 'Delete role' }).click();
  await expect(page.getByRole('row', { name: /^Night shift/ })).toHaveCount(0);
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
});

test('a key is made, shown once, rotated and revoked', async ({ page }) => {
  await openAs(page, '/keys');
  await page.getByRole('button', { name: 'New API key' }).click();
  const making = page.getByRole('dialog', { name: 'New API key' });
  await making.getByLabel('Name', { exact: true }).fill('PBX Rome');
  await making.getByRole('checkbox', { name: 'Audit Logs', exact: true }).check();
  await making.getByLabel('Tenants', { exact: true }).fill('acme');
  await making.getByRole('button', { name: 'Create key' }).click();
  const shown = page.getByRole('dialog', { name: 'API key PBX Rome' });
  const secret = await shown.getByLabel('API key', { exact: true }).inputValue();
  expect(secret).toMatch(/^ik_\w{32,}$/);
  await shown.getByRole('button', { name: 'I have kept it' }).click();
  expect(await page.content()).not.toContain(secret);
  const who = await hosted.call<{ name: string; reach: unknown }>('GET', '/v1/session', undefined, secret);
  expect(who).toMatchObject({ name: 'PBX Rome', reach: ['acme'] });

  await page.getByRole('button', { name: /^Rotate PBX Rome/ }).click();
  const rotating = page.getByRole('dialog', { name: 'Rotate PBX Rome' });
  await rotating.getByLabel('The old key ends').selectOption('In an hour');
  await rotating.getByRole('button', { name: 'Rotate' }).click();
  await shown.getByRole('button', { name: 'I have kept it' }).click();
  await expect(page.getByRole('row', { name: /^PBX Rome/ })).toHaveCount(2);
  await expect(page.getByText('Being replaced')).toBeVisible();

  const prefix = secret.slice(0, 8);
  await page.getByRole('button', { name: `Revoke PBX Rome, ${prefix}` }).click();
  const revoking = page.getByRole('alertdialog', { name: 'Revoke PBX Rome?' });
  await revoking.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('row', { name: /^PBX Rome/ })).toHaveCount(1);
  await expect(hosted.call('GET', '/v1/session', undefined, secret)).rejects.toThrow(/401/);
});

test('whoever has fewer permissions sees fewer pages, and is told so at the others', async ({ page }) => {
  await somebody('partner', ['audit.read', 'tenants.manage', 'users.manage'], ['north']);
  await openAs(page, '', 'partner');
  await expect(pages(page)).toHaveText(['Overview', 'Tenants', 'Users']);
  await page.getByRole('link', { name: /^Tenants Whose trail/ }).click();
  await expect(page.getByRole('link', { name: 'acme', exact: true })).toBeVisible();
  await expect(page.getByRole('link', { name: 'south', exact: true })).toHaveCount(0);

  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  for (const path of ['audit-trail', 'roles', 'keys', 'providers', 'settings']) {
    await page.goto(`${hosted.url}/admin/${path}`);
    await expect(page.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
  }
  await expectAccessible(page);
  expect(asked.filter((path) => /^\/v1\/(auditing|ledger|roles|keys|providers|mail|rules|mappings)/.test(path))).toEqual([]);

  await page.goto(`${hosted.url}/admin/users`);
  await page.getByRole('button', { name: 'Invite user' }).click();
  const inviting = page.getByRole('dialog', { name: 'Invite user' });
  await inviting.getByLabel('Username').fill('mallory');
  await inviting.getByLabel('Tenant', { exact: true }).fill('south');
  await inviting.getByRole('button', { name: 'Invite', exact: true }).click();
  await expect(inviting.getByText(/^The server (refused|does not take this): /)).toBeVisible();
});

test('nobody who manages nothing is shown the way there', async ({ page }) => {
  await somebody('reader', ['audit.read'], ['north']);
  await signInAs(page, hosted.url, 'reader');
  await expect(page.getByRole('navigation', { name: 'Main' })).toHaveCount(0);
  await page.goto(`${hosted.url}/admin`);
  await expect(page.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
  await page.getByRole('link', { name: 'All events' }).click();
  await expect(page.getByRole('search')).toBeVisible();
});

test('the way between events and administration, and Back', async ({ page }) => {
  await signInAs(page, hosted.url, 'boss');
  const main = page.getByRole('navigation', { name: 'Main' });
  await expect(main.getByRole('link', { name: 'Events' })).toHaveAttribute('aria-current', 'page');
  await main.getByRole('link', { name: 'Administration' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Administration' })).toBeVisible();
  await expect(pages(page)).toHaveText([
    'Overview', 'Audit Trail', 'Tenants', 'Users', 'Roles', 'API keys', 'Sign-in providers', 'Settings',
  ]);
  await pages(page).filter({ hasText: 'API keys' }).click();
  await expect(page).toHaveTitle('API keys · Administration · Indelible');
  await page.goBack();
  await page.goBack();
  await expect(rows(page).first()).toBeVisible();
});

test('a dialog by keyboard alone', async ({ page }) => {
  await openAs(page, '/tenants');
  const begin = page.getByRole('button', { name: 'New tenant' });
  await begin.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'New tenant' });
  await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(dialog).toHaveCount(0);
  await expect(begin).toBeFocused();

  await page.keyboard.press('Enter');
  await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused();
  // Backwards from the first there is the last: the focus stays in the dialog.
  await page.keyboard.press('Shift+Tab');
  await expect(dialog.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(dialog.getByText('Enter a name.')).toBeVisible();
  await expect(dialog.getByLabel('Name', { exact: true })).toBeFocused();
  await page.keyboard.type('by-keyboard');
  await page.keyboard.press('Tab');
  await expect(dialog.getByLabel('Below', { exact: true })).toBeFocused();
  await page.keyboard.type('south');
  // The list of names that the browser offers is closed first.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`${hosted.url}/admin/tenants/by-keyboard`);
  await expect(page.getByRole('region', { name: 'Names and place' }).getByRole('link', { name: 'south' })).toBeVisible();
});

/** What is worth looking at: every page, and its dialogs. */
const STATES: Record<string, { path: string; ready: (page: Page) => Promise<void> }> = {
  'the overview': { path: '', ready: (page) => expect(page.getByRole('link', { name: /^Settings Mail/ })).toBeVisible() },
  'the Audit Trail': {
    path: '/audit-trail',
    ready: async (page) => {
      await expect(page.getByText('Takes events')).toBeVisible();
      await page.getByRole('button', { name: 'Verify now' }).click();
      await expect(page.getByText(/This browser had not seen this ledger before/)).toBeVisible();
    },
  },
  'the tenants': { path: '/tenants', ready: (page) => expect(page.getByRole('link', { name: 'acme', exact: true })).toBeVisible() },
  'a new tenant': {
    path: '/tenants',
    ready: async (page) => {
      await page.getByRole('button', { name: 'New tenant' }).click();
      const dialog = page.getByRole('dialog', { name: 'New tenant' });
      await dialog.getByRole('button', { name: 'Create tenant' }).click();
      await expect(dialog.getByText('Enter a name.')).toBeVisible();
    },
  },
  'one tenant': {
    path: '/tenants/acme',
    ready: (page) => expect(page.getByRole('region', { name: 'Names and place' }).getByRole('link', { name: 'north' })).toBeVisible(),
  },
  'a tenant that is not there': { path: '/tenants/nowhere', ready: (page) => expect(page.getByRole('heading', { name: 'No such tenant' })).toBeVisible() },
  'the users': { path: '/users', ready: (page) => expect(page.getByRole('link', { name: 'boss', exact: true })).toBeVisible() },
  'an invitation': {
    path: '/users',
    ready: async (page) => {
      await page.getByRole('button', { name: 'Invite user' }).click();
      await page.getByRole('dialog').getByLabel('Role 1', { exact: true }).selectOption('Channel Partner');
      await expect(page.getByRole('dialog').getByLabel('Territories of role 1', { exact: true })).toBeVisible();
    },
  },
  'one user': {
    path: '/users',
    ready: async (page) => {
      await page.getByRole('link', { name: 'boss', exact: true }).click();
      await expect(page.getByText('This is your own account.')).toBeVisible();
      await expect(page.getByRole('region', { name: 'Sessions' }).getByText(/Chrome on/).first()).toBeVisible();
    },
  },
  'the roles': { path: '/roles', ready: (page) => expect(page.getByRole('table', { name: 'Ready-made roles' })).toBeVisible() },
  'a new role': {
    path: '/roles',
    ready: async (page) => {
      await page.getByRole('button', { name: 'New role' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Create role' }).click();
      await expect(page.getByText('Choose at least one permission.')).toBeVisible();
    },
  },
  'the keys': { path: '/keys', ready: (page) => expect(page.getByText(/\d keys?$|There is no key/).first()).toBeVisible() },
  'a new key': {
    path: '/keys',
    ready: async (page) => {
      await page.getByRole('button', { name: 'New API key' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('checkbox', { name: 'Send events' }).check();
      await dialog.getByLabel('Ends', { exact: true }).selectOption('On a date');
      await dialog.getByRole('button', { name: 'Create key' }).click();
      await expect(dialog.getByText('Name at least one tenant.')).toBeVisible();
    },
  },
  'the providers': { path: '/providers', ready: (page) => expect(page.getByText(/There is no provider yet/)).toBeVisible() },
  'another provider': {
    path: '/providers?new=1',
    ready: async (page) => {
      const form = page.getByRole('region', { name: 'Set up a provider' });
      await form.getByRole('button', { name: 'Add a group' }).click();
      await form.getByRole('button', { name: 'Save' }).click();
      await expect(form.getByText('This is needed.').first()).toBeVisible();
    },
  },
  'the settings': {
    path: '/settings',
    ready: async (page) => {
      await expect(page.getByText('Not set up')).toBeVisible();
      await page.locator('summary', { hasText: 'Action types' }).click();
      await page.getByText('Show the rules').click();
      await expect(page.getByRole('table', { name: 'Mappings' }).or(page.getByRole('list', { name: 'Mappings' }))).toBeVisible();
    },
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const [name, { path, ready }] of Object.entries(STATES)) {
      test(`${name} has no violation`, async ({ page }) => {
        await openAs(page, path);
        await ready(page);
        await expectAccessible(page);
      });
    }
  });
}

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });
  for (const [name, { path, ready }] of Object.entries(STATES)) {
    test(`${name} has no violation and needs no sideways scrolling`, async ({ page }) => {
      await openAs(page, path);
      await ready(page);
      await expectAccessible(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    });
  }
});
