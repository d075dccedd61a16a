// What reaches people by mail, through a real SMTP server; and a second factor that everybody must have.

import type { Page } from '@playwright/test';

import { Part } from './part';
import { PASSWORD, choose, enter, setUpSecondFactor, totp } from './people';
import { Server } from './server';
import { account, expect, expectAccessible, rows, signOut, test } from './test';

const NEW_PASSWORD = 'another good sentence';

interface Mail {
  envelope: { from: string; to: string[] };
  subject: string;
  text: string;
}

async function expectAccessibleInBoth(page: Page): Promise<void> {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectAccessible(page);
  }
}

test.describe('by mail', () => {
  let smtp: Part<{ host: string; port: number }>;
  let hosted: Server;

  test.beforeAll(async () => {
    smtp = await Part.start('smtp-server.mjs');
    const { host, port } = smtp.ready;
    hosted = await Server.start({
      known: true,
      settings: {
        smtp_host: host,
        smtp_port: String(port),
        smtp_tls: 'none',
        mail_from: 'Audit trail <audit@example.com>',
      },
    });
  });

  test.afterAll(async () => {
    await hosted.stop();
    await smtp.stop();
  });

  /** The oldest mail that was not taken yet; one that is on its way is waited for. */
  async function takeMail(): Promise<Mail> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const { mail } = await smtp.tell<{ mail: Mail | null }>({ take: 'mail' });
      if (mail !== null) return mail;
      if (Date.now() > deadline) throw new Error('no mail came');
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  function linkIn({ text }: Mail): string {
    const link = /http:\S+#il_[0-9a-f]+/.exec(text)?.[0];
    if (link === undefined) throw new Error(`no link in the mail:\n${text}`);
    return link;
  }

  async function chooseBy(page: Page, link: string, password: string): Promise<void> {
    await page.goto(link);
    await expect(page.getByLabel('New password', { exact: true })).toBeFocused();
    expect(page.url()).toBe(`${hosted.url}/password`);
    await choose(page, password);
    await page.keyboard.press('Enter');
  }

  test('an invitation has the link to choose a password by, and nobody else sees it', async ({ page }) => {
    const { id } = await hosted.invite('ada');
    await hosted.call('PATCH', `/v1/users/${id}`, { email: 'ada@example.com' });
    const sent = await hosted.call<object>('POST', `/v1/users/${id}/link`, { by_mail: true });
    expect(sent).toMatchObject({ sent_to: 'ada@example.com' });
    expect(JSON.stringify(sent)).not.toContain('il_');

    const mail = await takeMail();
    expect(mail.envelope).toEqual({ from: 'audit@example.com', to: ['ada@example.com'] });
    expect(mail.subject).toBe('Your account at Audit trail');
    await chooseBy(page, linkIn(mail), PASSWORD);
    await expect(page.getByText('Your password is set. Sign in with it.')).toBeVisible();
    await enter(page, 'ada');
    await expect(account(page)).toHaveAccessibleName('Account: ada');
  });

  test('whoever forgot the password gets a link, and whether there is such an account is not told', async ({ page }) => {
    const id = await hosted.createUser('grace', PASSWORD);
    await hosted.call('PATCH', `/v1/users/${id}`, { email: 'grace@example.com' });
    const forgotten = page.getByRole('button', { name: 'Forgot your password?' });
    const user = page.getByLabel('Username or e-mail address');
    const said = page.getByText('If there is such an account, a mail with a link is on its way. The link is good for 60 minutes.');

    await page.goto(hosted.url);
    await page.getByLabel('Username').fill('nobody-of-that-name');
    await forgotten.click();
    await expect(user).toBeFocused();
    await expect(user).toHaveValue('nobody-of-that-name');
    await expectAccessibleInBoth(page);
    await page.keyboard.press('Enter');
    await expect(said).toBeFocused();
    await expectAccessibleInBoth(page);
    await page.getByRole('button', { name: 'To sign-in' }).click();
    await forgotten.click();
    await user.fill('grace@example.com');
    await page.keyboard.press('Enter');
    await expect(said).toBeVisible();

    // The first mail that comes is hers: nobody got none.
    const mail = await takeMail();
    expect(mail.envelope.to).toEqual(['grace@example.com']);
    expect(mail.subject).toBe('New password for Audit trail');
    const link = linkIn(mail);
    await chooseBy(page, link, NEW_PASSWORD);
    await expect(page.getByText('Your password is set. Sign in with it.')).toBeVisible();
    await enter(page, 'grace', PASSWORD);
    await expect(page.getByText("Username or password is wrong, or the account can't be used.")).toBeVisible();
    await enter(page, 'grace', NEW_PASSWORD);
    await expect(account(page)).toHaveAccessibleName('Account: grace');

    await chooseBy(page, link, PASSWORD);
    await expect(page.getByRole('alert')).toContainText("This link can't be used");
    await expectAccessibleInBoth(page);
    await page.getByRole('button', { name: 'Send me a new link' }).click();
    await expect(page.getByRole('heading', { name: 'Forgot your password?' })).toBeVisible();
    await expect(user).toBeFocused();
    await expectAccessibleInBoth(page);
  });
});

test.describe('where everybody must have a second factor', () => {
  let strict: Server;

  test.beforeAll(async () => {
    strict = await Server.start({ settings: { second_factor: 'required' } });
    await strict.createTenant('acme');
    await strict.send([{ id: 'one', tenant: 'acme', time: '2026-11-20T10:00:00Z', action: 'Open gate' }]);
    await strict.waitForCount('tenant=acme', 1);
  });

  test.afterAll(async () => {
    await strict.stop();
  });

  test('whoever has none sets one up, then goes on where they wanted to be', async ({ page }) => {
    await strict.createUser('ada', PASSWORD);
    const address = `${strict.url}/?q=gate&tz=UTC`;
    const refused: string[] = [];
    page.on('response', (response) => {
      if (response.status() === 403) refused.push(response.url());
    });
    const heading = page.getByRole('heading', { name: 'Set up a second factor' });
    await page.goto(address);
    await enter(page, 'ada');
    await expect(heading).toBeVisible();
    await expect(page.getByRole('button', { name: 'Set up', exact: true })).toBeVisible();
    await expect(account(page)).toHaveCount(0);
    await expectAccessibleInBoth(page);
    await page.reload();
    await expect(heading).toBeVisible();

    await page.setViewportSize({ width: 360, height: 740 });
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    const { secret } = await setUpSecondFactor(page);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await expectAccessibleInBoth(page);
    expect(refused).toEqual([]);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await expect(rows(page)).toHaveCount(1);
    expect(page.url()).toBe(address);
    await expect(account(page)).toHaveAccessibleName('Account: ada');

    await signOut(page);
    await enter(page, 'ada');
    // The code of this step was used to turn it on.
    await page.getByLabel('Code').fill(totp(secret, 1));
    await page.keyboard.press('Enter');
    await expect(rows(page)).toHaveCount(1);
  });

  test('whoever has no telephone at hand can sign out', async ({ page }) => {
    await strict.createUser('grace', PASSWORD);
    await page.goto(strict.url);
    await enter(page, 'grace');
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'Sign in', exact: true })).toBeVisible();
    await page.reload();
    await expect(page.getByLabel('Username')).toBeVisible();
  });
});
