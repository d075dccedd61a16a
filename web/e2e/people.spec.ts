// People: signing in by password and second factor, sessions, links to choose a password by, the profile.

import { readFile } from 'node:fs/promises';

import type { Page } from '@playwright/test';

import { PASSWORD, choose, enter, setUpSecondFactor, signInAs, totp } from './people';
import { Server } from './server';
import { account, expect, expectAccessible, rows, signIn, signOut, test } from './test';

let hosted: Server;
let people = 0;

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.send([{ id: 'one', tenant: 'acme', time: '2026-11-20T10:00:00Z', action: 'Open gate' }]);
  await hosted.waitForCount('tenant=acme', 1);
});

test.afterAll(async () => {
  await hosted.stop();
});

/** Somebody new, so that no test depends on another. */
async function somebody(): Promise<{ id: string; username: string }> {
  people += 1;
  const username = `person-${people}`;
  return { id: await hosted.createUser(username, PASSWORD), username };
}

async function openProfile(page: Page): Promise<void> {
  await account(page).click();
  await page.getByRole('link', { name: 'Profile' }).click();
  await expect(page.getByRole('heading', { name: 'Profile', exact: true })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Account' })).toBeVisible();
}

test.describe('signing in', () => {
  test('by password leads to where the visitor wanted to be, and keeps nothing where scripts can read it', async ({ page, context }) => {
    const { username } = await somebody();
    await signInAs(page, `${hosted.url}/?q=gate&tz=UTC`, username);
    await expect(page).toHaveURL(`${hosted.url}/?q=gate&tz=UTC`);
    await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('gate');
    await expect(rows(page)).toHaveCount(1);
    const [cookie, ...others] = await context.cookies();
    expect(others).toEqual([]);
    expect(cookie).toMatchObject({ name: 'indelible_session', httpOnly: true, sameSite: 'Lax', path: '/' });
    const kept = await page.evaluate(() => [document.cookie, JSON.stringify(sessionStorage), JSON.stringify(localStorage)].join());
    expect(kept).not.toContain(cookie?.value);
    expect(kept).not.toContain(PASSWORD);

    await page.reload();
    await expect(rows(page)).toHaveCount(1);
    await signOut(page);
    expect(await context.cookies()).toEqual([]);
    await page.reload();
    await expect(page.getByLabel('Username')).toBeVisible();
    await expect(rows(page)).toHaveCount(0);
  });

  test("an event's own page opens after signing in, and no address leads to another site", async ({ page }) => {
    const { username } = await somebody();
    await signInAs(page, `${hosted.url}/events/one?tenant=acme&return_to=https://example.com/`, username);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('one');
    expect(page.url()).toBe(`${hosted.url}/events/one?tenant=acme&return_to=https://example.com/`);
  });

  test('a wrong password and a wrong name are told the same', async ({ page }) => {
    const { username } = await somebody();
    for (const [name, password] of [
      [username, 'wrong wrong wrong'],
      ['nobody-of-that-name', PASSWORD],
    ] as const) {
      await page.goto(hosted.url);
      await enter(page, name, password);
      await expect(page.getByText('Username or password is wrong, or the account can\'t be used.')).toBeVisible();
      await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
      await expect(page.getByLabel('Password', { exact: true })).toHaveValue('');
    }
  });

  test('whoever guesses waits, sees for how long, and gets in then', async ({ page }) => {
    const { username } = await somebody();
    await page.goto(hosted.url);
    const wait = page.getByRole('timer');
    const answers: number[] = [];
    page.on('response', (response) => {
      if (response.url().endsWith('/v1/sign-in')) answers.push(response.status());
    });
    while (!(await wait.isVisible())) {
      const answered = page.waitForResponse('**/v1/sign-in');
      await enter(page, username, 'wrong wrong wrong');
      await answered;
      await expect(page.getByText(/is wrong, or the account|Too many attempts/)).toBeVisible();
    }
    expect(answers.at(-1)).toBe(429);
    await expect(wait).toHaveText(/^You can try again in \d+ s\.$/);
    await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toHaveAttribute('aria-disabled', 'true');
    await expectAccessible(page);
    await expect(page.getByText('You can try again now.')).toBeVisible();
    await enter(page, username);
    await expect(account(page)).toBeVisible();
  });

  test('by keyboard alone', async ({ page }) => {
    const { username } = await somebody();
    await page.goto(hosted.url);
    await expect(page.getByLabel('Username')).toBeFocused();
    await page.keyboard.type(username);
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await expect(account(page)).toBeVisible();
    await account(page).focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await expect(page.getByRole('link', { name: 'Profile' })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(account(page)).toBeFocused();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Username')).toBeFocused();
  });

  test('a provider that there is has a button, which says where to come back to', async ({ page }) => {
    await page.route('**/v1/sign-in/providers', (route) => route.fulfill({ json: { data: [{ id: 'corp', name: 'Example Corp' }] } }));
    await page.goto(`${hosted.url}/?q=gate`);
    const link = page.getByRole('link', { name: 'Sign in with Example Corp' });
    await expect(link).toHaveAttribute('href', '/v1/sign-in/providers/corp?return_to=%2F%3Fq%3Dgate');
    const followed = page.waitForRequest('**/v1/sign-in/providers/corp?*');
    await link.click();
    await followed;
  });

  test('no address of this page makes a provider send anybody to another site', async ({ page }) => {
    await page.route('**/v1/sign-in/providers', (route) => route.fulfill({ json: { data: [{ id: 'corp', name: 'Example Corp' }] } }));
    await page.goto(`${hosted.url}//evil.example/`);
    const link = page.getByRole('link', { name: 'Sign in with Example Corp' });
    await expect(link).toHaveAttribute('href', '/v1/sign-in/providers/corp?return_to=%2F');
  });

  test('a key of this tab goes before the session, and takes no cookie along', async ({ page }) => {
    const { username } = await somebody();
    await signInAs(page, `${hosted.url}/?q=-indelible&tenant=acme`, username);
    await page.evaluate((key) => sessionStorage.setItem('indelible.key', key), hosted.adminKey);
    const cookies: Promise<string | null>[] = [];
    page.on('request', (request) => {
      if (request.url().includes('/v1/')) cookies.push(request.headerValue('cookie'));
    });
    await page.reload();
    await expect(rows(page)).toHaveCount(1);
    expect(cookies.length).toBeGreaterThan(1);
    expect((await Promise.all(cookies)).filter((cookie) => cookie !== null)).toEqual([]);
    await account(page).click();
    await expect(page.getByRole('link', { name: 'Profile' })).toHaveCount(0);
  });

  test('a key signs in where people have accounts too', async ({ page }) => {
    await signIn(page, '/?q=-indelible&tenant=acme', hosted.adminKey, hosted.url);
    await expect(rows(page)).toHaveCount(1);
  });
});

test.describe('a session', () => {
  test('that was ended elsewhere leads back to signing in, at the same address', async ({ page }) => {
    const { id, username } = await somebody();
    // Of the tenant's: that somebody looked for it is in the trail, too.
    await signInAs(page, `${hosted.url}/?q=gate&tenant=acme`, username);
    await expect(rows(page)).toHaveCount(1);
    // What is still being asked for would find out by itself.
    await page.waitForLoadState('networkidle');
    await hosted.call('DELETE', `/v1/users/${id}/sessions`);
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(page.getByText('your session has ended')).toBeVisible();
    await expect(rows(page)).toHaveCount(0);
    await enter(page, username);
    await expect(page.getByRole('searchbox', { name: 'Search' })).toHaveValue('gate');
  });

  test('that another tab ended is over here too', async ({ page, context }) => {
    const { username } = await somebody();
    await signInAs(page, `${hosted.url}/?q=-indelible&tenant=acme`, username);
    await expect(rows(page)).toHaveCount(1);
    const other = await context.newPage();
    await other.goto(hosted.url);
    await signOut(other);
    await expect(page.getByText('your session has ended')).toBeVisible();
    await enter(other, username);
    // And where one signs in, the other is in.
    await expect(account(page)).toHaveAccessibleName(`Account: ${username}`);
  });

  test('is listed, and can be revoked from another one', async ({ page, browser }) => {
    const { username } = await somebody();
    const elsewhere = await browser.newContext();
    const other = await elsewhere.newPage();
    await signInAs(other, hosted.url, username);
    await signInAs(page, hosted.url, username);
    await openProfile(page);
    const part = page.getByRole('region', { name: 'Sessions' });
    await expect(part.getByRole('listitem')).toHaveCount(2);
    await expect(part.getByText('This one')).toHaveCount(1);
    await expect(part.getByText('Chrome on Windows')).toHaveCount(2);
    await part.getByRole('button', { name: /^Revoke/ }).click();
    await expect(part.getByRole('listitem')).toHaveCount(1);
    await other.getByRole('button', { name: 'Refresh' }).click();
    await expect(other.getByText('your session has ended')).toBeVisible();
    await elsewhere.close();
  });

  test('that began behind the back of a page serves the same user, and nobody changes anything as another', async ({ page, context }) => {
    const { id, username } = await somebody();
    const other = await somebody();
    /** Gives the browser a session by no page of its own. */
    const begin = async (whose: string): Promise<void> => {
      const answer = await context.request.post(`${hosted.url}/v1/sign-in`, { data: { username: whose, password: PASSWORD } });
      expect(answer.ok()).toBe(true);
    };
    await signInAs(page, hosted.url, username);
    await openProfile(page);
    await begin(username);
    await page.getByLabel('First name').fill('Grace');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Profile saved')).toBeVisible();
    await expect(account(page)).toHaveAccessibleName('Account: Grace');

    await begin(other.username);
    await page.getByLabel('First name').fill('Mallory');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(account(page)).toHaveAccessibleName(`Account: ${other.username}`);
    const names: (string | null)[] = [];
    for (const whose of [id, other.id]) {
      names.push((await hosted.call<{ first_name: string | null }>('GET', `/v1/users/${whose}`)).first_name);
    }
    expect(names).toEqual(['Grace', null]);
  });

  test('stays when signing out fails, which is said', async ({ page }) => {
    const { username } = await somebody();
    await signInAs(page, hosted.url, username);
    await page.route('**/v1/sign-out', (route) => route.abort());
    await account(page).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect(page.getByText('You are still signed in.')).toBeVisible();
    await expect(account(page)).toBeVisible();
  });
});

test.describe('a link to choose a password by', () => {
  test('is good once, and leads to signing in', async ({ page }) => {
    people += 1;
    const username = `person-${people}`;
    const { link } = await hosted.invite(username);
    await page.goto(`${hosted.url}/password#${link}`);
    await expect(page.getByLabel('New password', { exact: true })).toBeFocused();
    expect(page.url()).toBe(`${hosted.url}/password`);
    await expectAccessible(page);
    await choose(page, 'short');
    await page.getByRole('button', { name: 'Set password' }).click();
    await expect(page.getByText('expected at least 12')).toBeVisible();
    await choose(page, PASSWORD);
    await page.keyboard.press('Enter');
    await expect(page.getByText('Your password is set. Sign in with it.')).toBeVisible();
    expect(page.url()).toBe(`${hosted.url}/`);
    await enter(page, username);
    await expect(account(page)).toBeVisible();

    await page.goto(`${hosted.url}/password#${link}`);
    await choose(page, PASSWORD);
    await page.keyboard.press('Enter');
    await expect(page.getByRole('alert')).toContainText('Ask whoever sent it for another one.');
    await expectAccessible(page);
  });

  test('for a forgotten one ends the sessions there are', async ({ page }) => {
    const { id, username } = await somebody();
    await signInAs(page, hosted.url, username);
    const { link } = await hosted.call<{ link: string }>('POST', `/v1/users/${id}/link`);
    await page.goto(`${hosted.url}/password#${link}`);
    await choose(page, 'another good sentence');
    await page.keyboard.press('Enter');
    await expect(page.getByText('Your password is set. Sign in with it.')).toBeVisible();
    await enter(page, username, 'another good sentence');
    await expect(account(page)).toBeVisible();
  });
});

test.describe('the profile', () => {
  test('changes names, language and zone, which count at once and after a reload', async ({ page }) => {
    const { username } = await somebody();
    await signInAs(page, hosted.url, username);
    await expect(page.getByRole('button', { name: 'Time zone: Europe/Paris' })).toBeVisible();
    await openProfile(page);
    await page.getByLabel('First name').fill('Grace');
    await page.getByLabel('Last name').fill('Hopper');
    await page.getByRole('combobox', { name: 'Time zone' }).selectOption('Asia/Tokyo');
    await page.getByLabel('Language').selectOption('de-DE');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByText('Profile saved')).toBeVisible();
    // The page is German from here on.
    await expect(page.getByRole('button', { name: 'Konto: Grace Hopper' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Zeitzone: Asia/Tokyo' })).toBeVisible();
    await page.goto(`${hosted.url}/?q=-indelible&tenant=acme`);
    await expect(rows(page).first()).toContainText('19:00:00');
    // A link that names a zone, and a choice made here, go before it.
    await page.goto(`${hosted.url}/?q=-indelible&tenant=acme&tz=UTC`);
    await expect(rows(page).first()).toContainText('10:00:00');
  });

  test('changes the password of whoever knows the one of today, and ends other sessions', async ({ page, browser }) => {
    const { username } = await somebody();
    const elsewhere = await browser.newContext();
    const other = await elsewhere.newPage();
    await signInAs(other, hosted.url, username);
    await signInAs(page, hosted.url, username);
    await openProfile(page);
    const part = page.getByRole('region', { name: 'Password' });
    await part.getByLabel('Current password').fill('not this one at all');
    await choose(page, 'another good sentence');
    await part.getByRole('button', { name: 'Change password' }).click();
    await expect(part.getByText('this is not your password')).toBeVisible();
    await expect(part.getByLabel('Current password')).toBeFocused();
    await part.getByLabel('Current password').fill(PASSWORD);
    await choose(page, `my name is ${username}`);
    await part.getByRole('button', { name: 'Change password' }).click();
    await expect(part.getByText('the password contains a name')).toBeVisible();
    await choose(page, 'another good sentence');
    await page.keyboard.press('Enter');
    await expect(page.getByText('Password changed.')).toBeVisible();
    await other.getByRole('button', { name: 'Refresh' }).click();
    await expect(other.getByText('your session has ended')).toBeVisible();
    await enter(other, username, 'another good sentence');
    await expect(account(other)).toBeVisible();
    await elsewhere.close();
  });

  test('sets up a second factor, which signing in then asks for', async ({ page }) => {
    const { username } = await somebody();
    await signInAs(page, hosted.url, username);
    await openProfile(page);
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByRole('button', { name: 'Set up' }).click();
    const picture = part.getByRole('img', { name: /QR code/ });
    await expect(picture).toBeVisible();
    // Drawn, under the policy: an image that is refused has no size.
    expect(await picture.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0)).toBe(true);
    await expectAccessible(page);
    await part.getByLabel('Code that the app shows now').fill('12345');
    await part.getByLabel('Your password').fill(PASSWORD);
    await part.getByRole('button', { name: 'Turn on' }).click();
    await expect(part.getByText('this is not the code that the app shows now')).toBeVisible();
    await part.getByRole('button', { name: 'Cancel' }).click();

    const { secret, codes } = await setUpSecondFactor(page);
    await expectAccessible(page);
    const download = page.waitForEvent('download');
    await part.getByRole('button', { name: 'Download' }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe('indelible-recovery-codes.txt');
    const saved = await readFile(await file.path(), 'utf8');
    for (const code of codes) expect(saved).toContain(code);
    await part.getByRole('button', { name: 'I have kept them' }).click();
    await expect(part.getByText(codes[0] ?? 'none')).toHaveCount(0);
    await expect(part.getByText('On. Signing in takes')).toBeVisible();

    await signOut(page);
    await enter(page, username);
    await expect(page.getByRole('heading', { name: 'Second factor' })).toBeVisible();
    await expect(page.getByLabel('Code')).toBeFocused();
    await expectAccessible(page);
    await page.keyboard.type('000 000');
    await page.keyboard.press('Enter');
    await expect(page.getByText('This code is wrong or was used before.')).toBeVisible();
    await expect(page.getByLabel('Code')).toBeFocused();
    await expectAccessible(page);
    // The code of this step was used to turn it on.
    await page.getByLabel('Code').fill(totp(secret, 1));
    await page.keyboard.press('Enter');
    await expect(account(page)).toBeVisible();

    await signOut(page);
    await enter(page, username);
    await page.getByRole('button', { name: 'Use a recovery code instead' }).click();
    await page.getByLabel('Recovery code').fill(codes[0]?.toLowerCase().replaceAll('-', ' ') ?? '');
    await page.keyboard.press('Enter');
    await expect(account(page)).toBeVisible();

    await openProfile(page);
    await part.getByRole('button', { name: 'Turn off' }).click();
    await part.getByLabel('Your password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await expect(part.getByText('Off. With it')).toBeVisible();
    await signOut(page);
    await enter(page, username);
    await expect(account(page)).toBeVisible();
  });
});

test('how the page looks is each account\'s own on this device', async ({ page }) => {
  const [one, other] = [await somebody(), await somebody()];
  const theme = () => page.evaluate(() => document.documentElement.dataset.theme ?? 'auto');
  await page.goto(hosted.url);
  await enter(page, one.username);
  await expect(account(page)).toBeVisible();
  await account(page).click();
  await page.getByRole('link', { name: 'Profile' }).click();
  const part = page.getByRole('region', { name: 'Appearance' });
  await expect(part.getByText('Kept on this device, for your account')).toBeVisible();
  await part.getByLabel('Theme').selectOption('Dark');
  await part.getByLabel('Rows').selectOption('Compact');
  await part.getByRole('checkbox', { name: 'By User' }).check();
  await expectAccessible(page);
  await expect(page.getByRole('button', { name: 'Theme: dark' })).toBeVisible();

  // Also while the server is asked who it is.
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/v1/session', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${hosted.url}/?since=ever`);
  await expect.poll(theme).toBe('dark');
  release();
  await expect(page.getByRole('columnheader', { name: 'By User' })).toBeVisible();

  await signOut(page);
  expect(await theme()).toBe('auto');
  await enter(page, other.username);
  await expect(page.getByRole('button', { name: 'Theme: automatic' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Action' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'By User' })).toHaveCount(0);
  await signOut(page);
  await enter(page, one.username);
  await expect(page.getByRole('button', { name: 'Theme: dark' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'By User' })).toBeVisible();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });

    test('signing in, the menu and the profile have no violation', async ({ page }) => {
      const { username } = await somebody();
      await page.goto(hosted.url);
      await expect(page.getByLabel('Username')).toBeVisible();
      await expectAccessible(page);
      await enter(page, username, 'wrong wrong wrong');
      await expect(page.getByText('Username or password is wrong')).toBeVisible();
      await expectAccessible(page);
      await enter(page, username);
      await account(page).click();
      await expectAccessible(page);
      await page.getByRole('link', { name: 'Profile' }).click();
      await expect(page.getByText('This one')).toBeVisible();
      await expectAccessible(page);
    });
  });
}

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test('nothing needs sideways scrolling', async ({ page }) => {
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const { username } = await somebody();
    await page.goto(hosted.url);
    await expect(page.getByLabel('Username')).toBeVisible();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await enter(page, username);
    await account(page).click();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await page.getByRole('link', { name: 'Profile' }).click();
    await expect(page.getByText('This one')).toBeVisible();
    await page.getByRole('region', { name: 'Second factor' }).getByRole('button', { name: 'Set up' }).click();
    await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible();
    expect(await overflow()).toBeLessThanOrEqual(0);
    await expectAccessible(page);
  });
});
