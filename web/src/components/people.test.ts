// Signing in, set-up, passwords and the profile, as people meet them: found by role and by name.

import { render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { createRawSnippet, type Component } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Api, type Credential } from '$api/client';
import { announcer } from '$lib/announce.svelte';
import { DEFAULT_COLUMNS } from '$lib/columns';
import { forgetLink, heldLink, takeLink } from '$lib/link';
import { shownNumber } from '$lib/locale.svelte';
import { preferences } from '$lib/preferences.svelte';
import { session, type Notice } from '$lib/session.svelte';
import { zoneInForce } from '$lib/zone.svelte';

import Layout from '../routes/+layout.svelte';
import PasswordPage from '../routes/password/+page.svelte';
import ProfilePage from '../routes/profile/+page.svelte';
import SetUpPage from '../routes/set-up/+page.svelte';
import Harness from '../test/Harness.svelte';
import { CODE, LINK, PASSWORD, People, RECOVERY } from '../test/people';
import { TestServer, problem } from '../test/server';

import AccountMenu from './AccountMenu.svelte';
import SignIn from './SignIn.svelte';

const goto = vi.hoisted(() => vi.fn(() => Promise.resolve()));
vi.mock('$app/navigation', () => ({ goto }));
const page = vi.hoisted(() => ({ url: new URL('http://localhost/'), route: { id: '/' } }));
vi.mock('$app/state', () => ({ page }));

const OWN: Credential = { kind: 'session', csrf: 'csrf' };

let server = new TestServer();
let people = People.of(server);

beforeEach(() => {
  server = new TestServer();
  people = People.of(server);
  goto.mockClear();
  forgetLink();
  session.forget();
  session.notice = null;
  session.failure = null;
  preferences.take(null);
  preferences.zone = null;
  sessionStorage.clear();
  localStorage.clear();
  history.replaceState(null, '', '/');
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('what is said twice is said twice to screen readers, too', async () => {
  show(Layout, { children: createRawSnippet(() => ({ render: () => '<p></p>' })) });
  announcer.say('Copied link');
  const first = await screen.findByText('Copied link');
  announcer.say('Copied link');
  await waitFor(() => expect(screen.getByText('Copied link')).not.toBe(first));
});

function show(component: unknown, props: Record<string, unknown> = {}, credential: Credential = OWN): void {
  const shown = component as Component<Record<string, unknown>>;
  render(Harness, { props: { server, component: shown, props, credential: () => credential } });
}

function button(name: string | RegExp): HTMLElement {
  return screen.getByRole('button', { name });
}

describe('signing in', () => {
  async function showSignIn(notice: Notice | null = null) {
    const onsession = vi.fn(() => Promise.resolve());
    const onkey = vi.fn();
    show(SignIn, { notice, onsession, onkey }, { kind: 'session', csrf: null });
    await screen.findByRole('heading', { name: 'Sign in' });
    return { onsession, onkey };
  }

  async function type(username: string, password: string): Promise<void> {
    await userEvent.type(screen.getByLabelText('Username'), username);
    await userEvent.type(screen.getByLabelText('Password'), `${password}{Enter}`);
  }

  it('takes username and password', async () => {
    const { onsession } = await showSignIn();
    expect(screen.getByLabelText('Username')).toHaveAttribute('autocomplete', 'username');
    expect(screen.getByLabelText('Password')).toHaveAttribute('autocomplete', 'current-password');
    expect(screen.getByLabelText('Password')).toHaveAttribute('type', 'password');
    await type(' ada ', PASSWORD);
    await waitFor(() => expect(onsession).toHaveBeenCalledOnce());
    expect(people.changes[0]?.body).toEqual({ username: 'ada', password: PASSWORD });
  });

  it('asks for what is missing without asking the server', async () => {
    await showSignIn();
    await userEvent.click(button('Sign in'));
    expect(screen.getByLabelText('Username')).toHaveAccessibleDescription('Enter a username.');
    expect(screen.getByLabelText('Username')).toHaveFocus();
    await userEvent.type(screen.getByLabelText('Username'), 'ada{Enter}');
    expect(screen.getByLabelText('Password')).toHaveFocus();
    expect(people.changes).toEqual([]);
  });

  it('says one thing of a wrong name and of a wrong password, and forgets the password', async () => {
    const { onsession } = await showSignIn();
    await type('ada', 'wrong');
    expect(await screen.findByText(/Username or password is wrong/)).toBeVisible();
    expect(screen.getByLabelText('Password')).toHaveValue('');
    expect(screen.getByLabelText('Password')).toHaveFocus();
    expect(screen.getByLabelText('Username')).toHaveValue('ada');
    expect(onsession).not.toHaveBeenCalled();
  });

  it('asks for the code of the second factor, and says when it is wrong', async () => {
    people.profile.has_second_factor = true;
    const { onsession } = await showSignIn();
    await type('ada', PASSWORD);
    const code = await screen.findByLabelText('Code');
    expect(screen.getByRole('heading', { name: 'Second factor' })).toBeVisible();
    expect(code).toHaveAttribute('autocomplete', 'one-time-code');
    expect(code).toHaveAttribute('inputmode', 'numeric');
    await waitFor(() => expect(code).toHaveFocus());
    expect(code).not.toHaveAttribute('aria-invalid');
    await userEvent.type(code, '000000{Enter}');
    expect(await screen.findByText(/This code is wrong or was used before/)).toBeVisible();
    expect(code).toHaveFocus();
    await userEvent.clear(code);
    await userEvent.type(code, `${CODE}{Enter}`);
    await waitFor(() => expect(onsession).toHaveBeenCalledOnce());
    expect(people.changes.at(-1)?.body).toEqual({ username: 'ada', password: PASSWORD, code: CODE });
  });

  it('takes a recovery code, also in the field for codes', async () => {
    people.profile.has_second_factor = true;
    const { onsession } = await showSignIn();
    await type('ada', PASSWORD);
    await userEvent.type(await screen.findByLabelText('Code'), RECOVERY);
    await userEvent.click(button('Sign in'));
    await waitFor(() => expect(onsession).toHaveBeenCalledTimes(1));
    await userEvent.click(button('Use a recovery code instead'));
    const code = screen.getByLabelText('Recovery code');
    expect(code).toHaveValue('');
    expect(code).toHaveAttribute('inputmode', 'text');
    await userEvent.type(code, `${RECOVERY}{Enter}`);
    await waitFor(() => expect(onsession).toHaveBeenCalledTimes(2));
    await userEvent.click(button('Sign in as somebody else'));
    expect(screen.getByLabelText('Password')).toHaveValue('');
  });

  it('counts down what the server asks to wait, and sends nothing meanwhile', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const user = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
    people.next.push(problem(429, 'rate_limited', 'Too many', 'too many', { retryAfter: 62 }));
    const { onsession } = await showSignIn();
    await user.type(screen.getByLabelText('Username'), 'ada');
    await user.type(screen.getByLabelText('Password'), `${PASSWORD}{Enter}`);
    expect(await screen.findByText('Too many attempts from here failed. Wait, then try again.')).toBeVisible();
    expect(screen.getByRole('timer')).toHaveTextContent('You can try again in 1 min 2 s.');
    expect(button('Sign in')).toHaveAttribute('aria-disabled', 'true');
    await user.click(button('Sign in'));
    expect(people.changes).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(screen.getByRole('timer')).toHaveTextContent(/in 3\d s/);
    await vi.advanceTimersByTimeAsync(33_000);
    expect(screen.queryByRole('timer')).toBeNull();
    expect(screen.getByText('You can try again now.')).toBeVisible();
    await user.click(button('Sign in'));
    await waitFor(() => expect(onsession).toHaveBeenCalledOnce());
  });

  it.each([
    ['no answer', () => Promise.reject(new TypeError('refused')), /could not be reached/],
    ['a fault', () => problem(500, 'internal', 'internal', 'the server met an error; its log says more'), /The server refused: the server met an error/],
    ['too much to do', () => problem(503, 'unavailable', 'unavailable', 'too many people sign in'), /can't do this now: too many people sign in/],
    [
      'a network that nobody signs in from',
      () => problem(403, 'forbidden', 'forbidden', 'people sign in only from certain networks, and 203.0.113.9 is in none of them'),
      /The server refused: people sign in only from certain networks, and 203\.0\.113\.9 is in none of them/,
    ],
  ])('explains %s', async (_, answer, text) => {
    await showSignIn();
    server.intercept = answer;
    await type('ada', PASSWORD);
    expect(await screen.findByText(text)).toBeVisible();
    expect(screen.getByLabelText('Password')).toHaveValue(PASSWORD);
  });

  it('takes an API key instead', async () => {
    const { onkey } = await showSignIn();
    await userEvent.click(button('Sign in with an API key instead'));
    const key = screen.getByLabelText('API key');
    expect(key).toHaveAttribute('type', 'password');
    await userEvent.click(button('Sign in'));
    expect(key).toHaveAccessibleDescription('Enter a key.');
    await userEvent.type(key, 'schlüssel\u2603{Enter}');
    expect(screen.getByText(/does not accept this key/)).toBeVisible();
    await userEvent.clear(key);
    await userEvent.type(key, 'wrong{Enter}');
    expect(await screen.findByText(/does not accept this key/)).toBeVisible();
    expect(key).toHaveFocus();
    await userEvent.clear(key);
    await userEvent.type(key, ' secret {Enter}');
    await waitFor(() => expect(onkey).toHaveBeenCalledWith('secret', expect.objectContaining({ name: 'auditor' })));
    expect(server.requests.filter(({ headers }) => headers.has('authorization')).map(({ credentials }) => credentials)).toEqual(['omit', 'omit']);
  });

  it('refuses a key that may not read', async () => {
    server.keys.set('sender', { kind: 'api_key', name: 'sender', permissions: ['events.send'], reach: 'everything', tenants: 1 });
    const { onkey } = await showSignIn();
    await userEvent.click(button('Sign in with an API key instead'));
    await userEvent.type(screen.getByLabelText('API key'), 'sender{Enter}');
    expect(await screen.findByText(/lacks the permission audit.read/)).toBeVisible();
    expect(onkey).not.toHaveBeenCalled();
  });

  it('says that the server printed a link, while nobody has an account', async () => {
    people.setUpNeeded = true;
    await showSignIn();
    expect(screen.getByRole('status')).toHaveTextContent('When it started it printed a link to set up the first one');
    expect(screen.getByLabelText('API key')).toBeVisible();
    await userEvent.click(button('Sign in with username and password instead'));
    expect(screen.getByLabelText('Username')).toBeVisible();
  });

  it('offers the providers that there are', async () => {
    people.providers = [{ id: 'corp', name: 'Example Corp' }];
    page.url = new URL('/events/x?tenant=acme', location.origin);
    await showSignIn();
    const link = screen.getByRole('link', { name: 'Sign in with Example Corp' });
    expect(link).toHaveAttribute('href', '/v1/sign-in/providers/corp?return_to=%2Fevents%2Fx%3Ftenant%3Dacme');
    expect(link).toHaveAttribute('rel', 'external');
  });

  it('names the unseen characters of a provider', async () => {
    people.providers = [{ id: 'corp', name: 'Example\u202eproC' }];
    await showSignIn();
    expect(screen.getByRole('link', { name: 'Sign in with Example[U+202E]proC' })).toBeVisible();
  });

  it.each([
    ['key_ended', 'no longer accepts the key'],
    ['session_ended', 'your session has ended'],
    ['no_cookie', 'Allow cookies for this address'],
    ['password_set', 'Your password is set.'],
    ['unknown_user', 'you have no account here'],
    ['address_not_allowed', 'Signing in is not allowed from this network.'],
    ['other', 'Signing in with the provider failed'],
  ] as const)('says why it asks: %s', async (notice, text) => {
    await showSignIn(notice);
    expect(screen.getByRole('status')).toHaveTextContent(text);
  });

  describe('with a forgotten password', () => {
    const forgotten = (): HTMLElement | null => screen.queryByRole('button', { name: 'Forgot your password?' });

    /** Goes to the form, and leaves the focus in its field. */
    async function open(notice: Notice | null = null): Promise<HTMLElement> {
      people.passwordReset = true;
      people.providers = [{ id: 'corp', name: 'Example Corp' }];
      await showSignIn(notice);
      await userEvent.type(screen.getByLabelText('Username'), 'ada');
      await userEvent.click(button('Forgot your password?'));
      return screen.findByLabelText('Username or e-mail address');
    }

    it.each([
      [false, /ask an administrator for a link/],
      [true, /can't be used\.$/],
    ])('offers help where the server sends mails, else names who helps: %s', async (passwordReset, text) => {
      people.passwordReset = passwordReset;
      await showSignIn();
      expect(forgotten() !== null).toBe(passwordReset);
      await type('ada', 'wrong');
      expect(await screen.findByText(/Username or password is wrong/)).toHaveTextContent(text);
    });

    it('offers no help to whoever is asked for a key or a code', async () => {
      people.passwordReset = true;
      people.profile.has_second_factor = true;
      await showSignIn();
      await userEvent.click(button('Sign in with an API key instead'));
      expect(forgotten()).toBeNull();
      await userEvent.click(button('Sign in with username and password instead'));
      expect(forgotten()).toBeVisible();
      await type('ada', PASSWORD);
      await screen.findByLabelText('Code');
      expect(forgotten()).toBeNull();
    });

    it('asks for a mail by what was typed, says one thing whoever it is, and leads back', async () => {
      const user = await open('session_ended');
      expect(screen.getByRole('heading', { name: 'Forgot your password?' })).toBeVisible();
      expect(user).toHaveValue('ada');
      expect(user).toHaveFocus();
      // What was said of signing in, and other ways to, are no part of it.
      expect(screen.queryByRole('status')).toBeNull();
      expect(screen.queryByRole('link')).toBeNull();
      await userEvent.clear(user);
      await userEvent.type(user, ' nobody@example.com {Enter}');
      const said = await screen.findByRole('status');
      expect(said).toHaveTextContent('If there is such an account, a mail with a link is on its way. The link is good for 60 minutes.');
      expect(said).toHaveFocus();
      expect(people.changes).toEqual([{ path: '/v1/password/reset', method: 'POST', body: { user: 'nobody@example.com' } }]);
      await userEvent.click(button('To sign-in'));
      expect(screen.getByRole('heading', { name: 'Sign in' })).toBeVisible();
      expect(screen.getByLabelText('Username')).toHaveValue('ada');
      expect(screen.getByLabelText('Username')).toHaveFocus();
    });

    it('goes back without asking for anything', async () => {
      await open();
      await userEvent.click(button('To sign-in'));
      expect(screen.getByLabelText('Password')).toBeVisible();
      expect(people.changes).toEqual([]);
    });

    it('asks for what is missing without asking the server', async () => {
      const user = await open();
      await userEvent.clear(user);
      await userEvent.type(user, ' {Enter}');
      expect(user).toHaveAccessibleDescription('Enter a username or an e-mail address.');
      expect(user).toHaveFocus();
      expect(people.changes).toEqual([]);
    });

    it.each([
      ['no mail any more', () => problem(409, 'mail_not_set_up', 'conflict', 'mail is not set up'), /Ask an administrator for a link/],
      ['a name that is none', () => problem(400, 'invalid_string', 'invalid', 'a name has no tabs', { field: '/user' }), /does not take this: a name has no tabs/],
      ['a fault', () => problem(500, 'internal', 'internal', 'the server met an error'), /The server refused: the server met an error/],
    ])('explains %s', async (_, answer, text) => {
      const user = await open();
      people.next.push(answer());
      await userEvent.type(user, '{Enter}');
      expect(await screen.findByText(text)).toBeVisible();
      expect(user).toHaveValue('ada');
    });

    it('counts down what the server asks to wait, and sends nothing meanwhile', async () => {
      vi.useFakeTimers({ shouldAdvanceTime: true });
      const typist = userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) });
      people.passwordReset = true;
      people.next.push(problem(429, 'rate_limited', 'Too many', 'too many', { retryAfter: 62 }));
      await showSignIn();
      await typist.click(button('Forgot your password?'));
      await typist.type(await screen.findByLabelText('Username or e-mail address'), 'ada{Enter}');
      expect(await screen.findByText('Too many links were asked for from here. Wait, then try again.')).toBeVisible();
      expect(screen.getByRole('timer')).toHaveTextContent('You can try again in 1 min 2 s.');
      await typist.click(button('Send link'));
      expect(people.changes).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(63_000);
      await typist.click(button('Send link'));
      expect(await screen.findByRole('status')).toHaveTextContent('on its way');
    });
  });
});

describe('the account menu', () => {
  async function showMenu(kind: 'user' | 'api_key', username = 'ada') {
    session.who = { kind, name: username, shown_name: kind === 'user' ? 'Ada Li' : null, permissions: [], reach: 'everything', tenants: 1 };
    const onsignout = vi.fn();
    show(AccountMenu, { profile: '/profile', onsignout });
    const menu = button(kind === 'user' ? 'Account: Ada Li' : 'Account: ada');
    await userEvent.click(menu);
    return { onsignout, menu };
  }

  it('leads to the profile and out', async () => {
    const { onsignout, menu } = await showMenu('user');
    expect(menu).toHaveAttribute('aria-expanded', 'true');
    expect(screen.getByRole('link', { name: 'Profile' })).toHaveAttribute('href', '/profile');
    await userEvent.click(button('Sign out'));
    expect(onsignout).toHaveBeenCalledOnce();
  });

  it('has no profile for a key', async () => {
    await showMenu('api_key');
    expect(screen.queryByRole('link')).toBeNull();
    expect(screen.getByText('API key')).toBeVisible();
  });

  it('names the unseen characters of a username', async () => {
    await showMenu('user', 'ada\u202enimda');
    expect(screen.getByText('U+202E')).toBeVisible();
  });

  it('closes with Escape, by leaving it, and by a click elsewhere', async () => {
    const { menu } = await showMenu('user');
    await userEvent.keyboard('{Tab}{Escape}');
    expect(screen.queryByRole('link')).toBeNull();
    expect(menu).toHaveFocus();
    await userEvent.keyboard('{Enter}');
    expect(screen.getByRole('link')).toBeVisible();
    await userEvent.click(document.body);
    expect(screen.queryByRole('link')).toBeNull();
  });
});

describe('setting up', () => {
  async function open(link: string | null = LINK): Promise<void> {
    history.replaceState(null, '', `/set-up${link === null ? '' : `#${link}`}`);
    takeLink();
    show(SetUpPage, {}, { kind: 'session', csrf: null });
    await screen.findByRole('heading', { name: 'Set up the first administrator' });
    await waitFor(() => expect(screen.queryByText('Asking the server')).toBeNull());
  }

  async function fill(username = 'ada', password = PASSWORD, again = password): Promise<void> {
    await userEvent.type(screen.getByLabelText('Username'), username);
    await userEvent.type(screen.getByLabelText('New password'), password);
    await userEvent.type(screen.getByLabelText('New password again'), `${again}{Enter}`);
  }

  it('makes the first administrator, who is signed in then', async () => {
    people.setUpNeeded = true;
    const before = history.length;
    await open();
    expect(location.href).not.toContain('il_');
    expect(history.length).toBe(before);
    await userEvent.type(screen.getByLabelText('First name'), 'Ada');
    await fill();
    await waitFor(() => expect(goto).toHaveBeenCalledWith('/', { replaceState: true }));
    const [made] = people.changes;
    expect(made).toEqual({
      path: '/v1/set-up',
      method: 'POST',
      body: { link: LINK, username: 'ada', password: PASSWORD, first_name: 'Ada' },
    });
    expect(session.phase).toBe('in');
    expect(session.credential).toEqual(OWN);
  });

  it('shows the rules, and what the server says of a password, at the field', async () => {
    people.setUpNeeded = true;
    await open();
    expect(screen.getByLabelText('New password')).toHaveAccessibleDescription(/12 to 128 characters/);
    people.next.push(problem(400, 'weak_password', 'weak password', 'the password has 5 characters, expected at least 12', { field: '/password' }));
    await fill('ada', 'short');
    await waitFor(() => expect(screen.getByLabelText('New password')).toHaveFocus());
    expect(screen.getByLabelText('New password')).toHaveAccessibleDescription(/the password has 5 characters, expected at least 12/);
    people.next.push(problem(400, 'invalid_string', 'invalid', 'a username has no blanks', { field: '/username' }));
    await userEvent.click(button('Create administrator'));
    await waitFor(() => expect(screen.getByLabelText('Username')).toHaveAccessibleDescription(/has no blanks/));
  });

  it('wants the same password twice', async () => {
    people.setUpNeeded = true;
    await open();
    await fill('ada', PASSWORD, 'other');
    expect(screen.getByLabelText('New password again')).toHaveAccessibleDescription(/two passwords differ/);
    expect(people.changes).toEqual([]);
  });

  it('asks for what is missing without asking the server', async () => {
    people.setUpNeeded = true;
    await open();
    await fill(' ');
    expect(screen.getByLabelText('Username')).toHaveAccessibleDescription(/Enter a username/);
    expect(screen.getByLabelText('Username')).toHaveFocus();
    expect(people.changes).toEqual([]);
  });

  it('says how to get another link when this one is no good', async () => {
    people.setUpNeeded = true;
    await open(`il_${'1'.repeat(64)}`);
    await fill();
    expect(await screen.findByRole('alert')).toHaveTextContent(/can't be used.*Start the server again: it prints a new one/);
    expect(screen.queryByLabelText('Username')).toBeNull();
    expect(heldLink()).toBeNull();
  });

  it('says so when there is no link', async () => {
    people.setUpNeeded = true;
    await open(null);
    expect(screen.getByRole('alert')).toHaveTextContent('Start the server again');
  });

  it('says so when it is done already', async () => {
    await open();
    expect(screen.getByText(/set up already/)).toBeVisible();
    expect(screen.getByRole('link', { name: 'To sign-in' })).toHaveAttribute('href', '/');
  });
});

describe('choosing a password', () => {
  function open(link: string | null = LINK): void {
    history.replaceState(null, '', `/password${link === null ? '' : `#${link}`}`);
    takeLink();
    show(PasswordPage, {}, { kind: 'session', csrf: null });
  }

  it('sets it, then leads to signing in', async () => {
    open();
    expect(location.href).not.toContain('il_');
    await userEvent.type(screen.getByLabelText('New password'), PASSWORD);
    await userEvent.type(screen.getByLabelText('New password again'), `${PASSWORD}{Enter}`);
    await waitFor(() => expect(goto).toHaveBeenCalledWith('/', { replaceState: true }));
    expect(people.changes[0]?.body).toEqual({ link: LINK, password: PASSWORD });
    expect([session.phase, session.notice]).toEqual(['unknown', 'password_set']);
  });

  it('says what is wrong with a password', async () => {
    open();
    people.next.push(problem(400, 'weak_password', 'weak', 'the password is one that many people use', { field: '/password' }));
    await userEvent.type(screen.getByLabelText('New password'), 'password1234');
    await userEvent.type(screen.getByLabelText('New password again'), 'password1234{Enter}');
    await waitFor(() => expect(screen.getByLabelText('New password')).toHaveAccessibleDescription(/many people use/));
    expect(goto).not.toHaveBeenCalled();
  });

  it.each([
    ['a link that was used', `il_${'1'.repeat(64)}`],
    ['no link', null],
  ])('says how to get another: %s', async (_, link) => {
    open(link);
    if (link !== null) {
      await userEvent.type(screen.getByLabelText('New password'), PASSWORD);
      await userEvent.type(screen.getByLabelText('New password again'), `${PASSWORD}{Enter}`);
    }
    expect(await screen.findByRole('alert')).toHaveTextContent(/Ask whoever sent it for another one/);
    expect(screen.queryByRole('button', { name: 'Send me a new link' })).toBeNull();
  });

  it('has another link sent where the server sends mails, and takes it up in the same tab', async () => {
    people.passwordReset = true;
    open(null);
    await userEvent.click(await screen.findByRole('button', { name: 'Send me a new link' }));
    expect(screen.getByRole('heading', { name: 'Forgot your password?' })).toBeVisible();
    expect(screen.getByLabelText('Username or e-mail address')).toHaveFocus();
    await userEvent.type(screen.getByLabelText('Username or e-mail address'), 'ada{Enter}');
    expect(await screen.findByRole('status')).toHaveTextContent('on its way');
    history.replaceState(null, '', `/password#${LINK}`);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
    expect(await screen.findByLabelText('New password')).toHaveFocus();
    expect(location.href).not.toContain('il_');
  });

  it('leads from there to signing in', async () => {
    people.passwordReset = true;
    open(null);
    await userEvent.click(await screen.findByRole('button', { name: 'Send me a new link' }));
    await userEvent.click(button('To sign-in'));
    expect(goto).toHaveBeenCalledWith('/');
  });
});

/** The page as a whole, of somebody who is signed in. */
function openWhole(): void {
  people.signedIn = true;
  vi.stubGlobal('fetch', server.fetch);
  // Nobody closes it: one test would tell the next who is signed in.
  vi.stubGlobal('BroadcastChannel', class {
    postMessage(): void {}
  });
  render(Layout, { children: createRawSnippet(() => ({ render: () => '<p>The trail</p>' })) });
}

describe('a page that stays open', () => {
  /** The window gets the focus so long after the page was opened. */
  function comeBack(minutes: number): void {
    vi.setSystemTime(Date.now() + minutes * 60_000);
    window.dispatchEvent(new Event('focus'));
  }
  const questions = (): number => server.requests.filter(({ url }) => url.pathname === '/v1/session').length;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    openWhole();
    expect(await screen.findByText('The trail')).toBeVisible();
  });

  it('learns of another role and another reach', async () => {
    people.reach = ['north'];
    people.tenants = 1;
    people.permissions = ['audit.read', 'tenants.manage'];
    comeBack(2);
    await waitFor(() => expect(session.who?.reach).toEqual(['north']));
    expect(await screen.findByRole('link', { name: 'Administration' })).toBeVisible();
    people.permissions = [];
    comeBack(2);
    expect(await screen.findByRole('heading', { name: /may not read/ })).toBeVisible();
    expect(screen.queryByText('The trail')).toBeNull();
  });

  it('does not ask at every look', async () => {
    const asked = questions();
    comeBack(0);
    comeBack(0.5);
    expect(questions()).toBe(asked);
    comeBack(1);
    await waitFor(() => expect(questions()).toBe(asked + 1));
  });

  it('asks to sign in again where the session has ended', async () => {
    people.signedIn = false;
    comeBack(2);
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(screen.getByText(/your session has ended/)).toBeVisible();
  });

  it("is somebody else's where the browser is", async () => {
    people.profile = { ...people.profile, id: 'u-2', username: 'grace', first_name: 'Grace', last_name: null };
    comeBack(2);
    expect(await screen.findByRole('button', { name: 'Account: Grace' })).toBeVisible();
  });

  it('stays as it is while the server does not answer', async () => {
    const asked = questions();
    server.intercept = () => Promise.resolve(problem(503, 'unavailable', 'Not now'));
    comeBack(2);
    await waitFor(() => expect(questions()).toBe(asked + 1));
    expect(screen.getByText('The trail')).toBeVisible();
  });
});

describe('a second factor that everybody must have', () => {
  function open(): void {
    people.factorRequired = true;
    openWhole();
  }

  const asked = (): string[] => server.requests.map(({ method, url }) => `${method} ${url.pathname}`);
  const part = () => within(screen.getByRole('region', { name: 'Second factor' }));

  it('is set up before anything else is shown or asked for', async () => {
    open();
    expect(await screen.findByRole('heading', { name: 'Set up a second factor' })).toBeVisible();
    expect(screen.getByText(/asks everybody who signs in by password/)).toBeVisible();
    await screen.findByRole('region', { name: 'Second factor' });
    await userEvent.click(part().getByRole('button', { name: 'Set up' }));
    await userEvent.type(await part().findByLabelText('Code that the app shows now'), CODE);
    await userEvent.type(part().getByLabelText('Your password'), `${PASSWORD}{Enter}`);
    expect(await part().findByText(RECOVERY)).toBeVisible();
    // Until the codes are kept, nothing takes them away.
    await waitFor(() => expect(asked().at(-1)).toBe('GET /v1/profile'));
    expect(part().getByText(RECOVERY)).toBeVisible();
    expect(screen.queryByText('The trail')).toBeNull();
    expect(screen.queryByRole('button', { name: /^Account/ })).toBeNull();
    expect(new Set(asked())).toEqual(
      new Set(['GET /v1/session', 'GET /v1/profile', 'POST /v1/profile/second-factor', 'PUT /v1/profile/second-factor']),
    );
    await userEvent.click(part().getByRole('button', { name: 'I have kept them' }));
    expect(await screen.findByText('The trail')).toBeVisible();
    expect(button('Account: Ada Li')).toBeVisible();
    expect(session.profile?.has_second_factor).toBe(true);
  });

  it('leaves the way out', async () => {
    open();
    await userEvent.click(await screen.findByRole('button', { name: 'Sign out' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(people.changes.map(({ path }) => path)).toEqual(['/v1/sign-out']);
  });

  it('is nothing to whoever has one', async () => {
    people.profile.has_second_factor = true;
    open();
    expect(await screen.findByText('The trail')).toBeVisible();
  });
});

describe('the profile', () => {
  async function open(): Promise<void> {
    people.signedIn = true;
    await session.ask(apiOf());
    show(ProfilePage);
    await screen.findByRole('region', { name: 'Account' });
  }

  function apiOf(): Parameters<typeof session.ask>[0] {
    return new Api({ base: '', credential: () => OWN, fetch: server.fetch });
  }

  it('is for people only', () => {
    session.who = { kind: 'api_key', name: 'k', permissions: [], reach: 'everything', tenants: 1 };
    show(ProfilePage);
    expect(screen.getByText(/An API key has no profile/)).toBeVisible();
    expect(server.requests).toEqual([]);
  });

  it('changes what was changed and nothing else; the zone counts at once', async () => {
    await open();
    preferences.zone = 'Asia/Tokyo';
    await userEvent.clear(screen.getByLabelText('Last name'));
    await userEvent.selectOptions(screen.getByLabelText('Time zone'), 'Europe/Berlin');
    await userEvent.selectOptions(screen.getByLabelText('Language'), 'de-DE');
    await userEvent.click(button('Save'));
    await waitFor(() => expect(announcer.message).toBe('Profile saved'));
    expect(people.changes).toEqual([
      { path: '/v1/profile', method: 'PATCH', body: { last_name: null, locale: 'de-DE', zone: 'Europe/Berlin' } },
    ]);
    expect(zoneInForce(null)).toBe('Europe/Berlin');
    expect(zoneInForce('UTC')).toBe('UTC');
    expect(shownNumber(12_345)).toBe('12.345');
    await waitFor(() => expect(session.who?.shown_name).toBe('Ada'));
  });

  it('changes the password of whoever knows the one of today', async () => {
    await open();
    const part = within(screen.getByRole('region', { name: 'Password' }));
    const current = part.getByLabelText('Current password');
    await userEvent.type(current, 'wrong');
    await userEvent.type(part.getByLabelText('New password'), 'quite another sentence');
    await userEvent.type(part.getByLabelText('New password again'), 'quite another sentence{Enter}');
    await waitFor(() => expect(current).toHaveAccessibleDescription(/this is not your password/));
    expect(current).toHaveFocus();
    await userEvent.clear(current);
    await userEvent.type(current, `${PASSWORD}{Enter}`);
    await waitFor(() => expect(announcer.message).toMatch(/Password changed/));
    expect(part.getByLabelText('New password')).toHaveValue('');
  });

  it('sets up a second factor and shows the recovery codes once', async () => {
    await open();
    const user = userEvent.setup();
    const part = within(screen.getByRole('region', { name: 'Second factor' }));
    await user.click(part.getByRole('button', { name: 'Set up' }));
    const picture = await part.findByRole('img', { name: /QR code/ });
    expect(picture.getAttribute('src')).toMatch(/^data:image\/svg\+xml,%3Csvg/);
    // What the server draws never becomes a part of the page.
    expect(document.querySelector('script')).toBeNull();
    await user.click(part.getByRole('button', { name: 'Copy secret' }));
    expect(await navigator.clipboard.readText()).toBe('ABCDEFGH');
    await user.type(part.getByLabelText('Code that the app shows now'), '000000');
    await user.type(part.getByLabelText('Your password'), `${PASSWORD}{Enter}`);
    await waitFor(() => expect(part.getByLabelText('Code that the app shows now')).toHaveAccessibleDescription(/not the code/));
    await user.clear(part.getByLabelText('Code that the app shows now'));
    await user.type(part.getByLabelText('Code that the app shows now'), `${CODE}{Enter}`);
    expect(await part.findByText(RECOVERY)).toBeVisible();
    expect(part.getByRole('heading', { name: 'Recovery codes' })).toHaveFocus();
    await user.click(part.getByRole('button', { name: 'Copy' }));
    expect(await navigator.clipboard.readText()).toBe(`${RECOVERY}\n0000-1111-2222-3333\n`);
    await user.click(part.getByRole('button', { name: 'I have kept them' }));
    expect(part.queryByText(RECOVERY)).toBeNull();
    expect(await part.findByRole('button', { name: 'Turn off' })).toBeVisible();
  });

  it('turns the second factor off with the password', async () => {
    people.profile.has_second_factor = true;
    await open();
    const part = within(screen.getByRole('region', { name: 'Second factor' }));
    await userEvent.click(part.getByRole('button', { name: 'Turn off' }));
    await userEvent.type(part.getByLabelText('Your password'), `${PASSWORD}{Enter}`);
    expect(await part.findByRole('button', { name: 'Set up' })).toBeVisible();
    expect(people.changes).toEqual([{ path: '/v1/profile/second-factor', method: 'DELETE', body: { current: PASSWORD } }]);
  });

  it('says why the second factor stays on where everybody must have one, and offers that no more', async () => {
    people.profile.has_second_factor = true;
    people.factorRequired = true;
    await open();
    const part = within(screen.getByRole('region', { name: 'Second factor' }));
    await userEvent.click(part.getByRole('button', { name: 'Turn off' }));
    await userEvent.type(part.getByLabelText('Your password'), `${PASSWORD}{Enter}`);
    expect(
      await part.findByText('It stays on, and cannot be turned off here: this installation asks everybody for a second factor.'),
    ).toBeVisible();
    expect(part.queryByRole('button', { name: 'Turn off' })).toBeNull();
    expect(part.getByRole('button', { name: 'Set up anew' })).toBeVisible();
  });

  it('shows how the page looks on this device, and keeps it for this account', async () => {
    preferences.take('u-1');
    await open();
    const part = within(screen.getByRole('region', { name: 'Appearance' }));
    expect(part.getByText(/Kept on this device, for your account/)).toBeVisible();
    await userEvent.selectOptions(part.getByLabelText('Theme'), 'Dark');
    await userEvent.selectOptions(part.getByLabelText('Rows'), 'Compact');
    await userEvent.click(part.getByLabelText('Affected User'));
    preferences.take('u-2');
    expect([preferences.theme, preferences.density, preferences.columns]).toEqual(['auto', 'comfortable', DEFAULT_COLUMNS]);
    // Nobody is signed in: as the device has it.
    preferences.take('u-1');
    preferences.take(null);
    expect(preferences.theme).toBe('auto');
    preferences.take('u-1');
    expect([preferences.theme, preferences.density]).toEqual(['dark', 'compact']);
    expect(preferences.columns).toEqual(DEFAULT_COLUMNS.filter((column) => column !== 'affected'));
    // A page that is loaded anew does not wait for the server with it.
    preferences.theme = 'auto';
    preferences.load(false);
    expect(preferences.theme).toBe('dark');
  });

  it('says what goes by the provider for whoever has no password', async () => {
    people.profile.has_password = false;
    await open();
    expect(screen.getByText(/you sign in with a provider, which is where you change it/)).toBeVisible();
    expect(within(screen.getByRole('region', { name: 'Second factor' })).queryByRole('button')).toBeNull();
  });

  it('lists the sessions, and revokes another one', async () => {
    await open();
    const part = within(await screen.findByRole('region', { name: 'Sessions' }));
    const own = (await part.findByText('Firefox on Linux')).closest('li');
    expect(own).toHaveTextContent(/This one.*192\.0\.2\.7 · password/);
    expect(own === null ? null : within(own).queryByRole('button')).toBeNull();
    await userEvent.click(part.getByRole('button', { name: /^Revoke: curl/ }));
    await waitFor(() => expect(part.queryByText('curl')).toBeNull());
    expect(people.changes.map(({ method, path }) => `${method} ${path}`)).toEqual(['DELETE /v1/sessions/s-2']);
    expect(announcer.message).toBe('Session revoked');
  });

  it('shows what sessions call themselves as text, whatever it is', async () => {
    const [one] = people.sessions;
    const userAgent = '<img src=x onerror=alert(1)>\u202egpj.exe';
    people.sessions = one === undefined ? [] : [{ ...one, user_agent: userAgent, method: 'constructor', address: '\u202e1.2.0.291' }];
    await open();
    const part = await screen.findByRole('region', { name: 'Sessions' });
    const item = await within(part).findByRole('listitem');
    expect(item).toHaveTextContent('<img src=x onerror=alert(1)>[U+202E]gpj.exe');
    expect(item).toHaveTextContent('U+202E1.2.0.291 · constructor');
    expect(part.querySelector('img')).toBeNull();
  });
});

describe('who is signed in', () => {
  const api = (): Parameters<typeof session.ask>[0] => new Api({ base: '', credential: () => session.credential, fetch: server.fetch });

  it('is nobody without key and session', async () => {
    await session.ask(api());
    expect([session.phase, session.notice]).toEqual(['out', null]);
  });

  it("is the browser's user", async () => {
    people.signedIn = true;
    people.profile.zone = 'Europe/Berlin';
    await session.ask(api());
    expect([session.phase, session.who?.name, session.profile?.zone]).toEqual(['in', 'ada', 'Europe/Berlin']);
    expect(zoneInForce(null)).toBe('Europe/Berlin');
    preferences.zone = 'Asia/Tokyo';
    expect(zoneInForce(null)).toBe('Asia/Tokyo');
  });

  it("is this tab's key before it, and a key that ended is forgotten", async () => {
    people.signedIn = true;
    sessionStorage.setItem('indelible.key', 'secret');
    await session.ask(api());
    expect([session.phase, session.who?.name, session.profile]).toEqual(['in', 'auditor', null]);
    server.keys.clear();
    await session.ask(api());
    expect([session.phase, session.notice, sessionStorage.length]).toEqual(['out', 'key_ended', 0]);
  });

  it('is not known while the server does not say', async () => {
    server.intercept = () => problem(503, 'unavailable', 'unavailable', 'the server is opening its stores');
    await session.ask(api());
    expect(session.phase).toBe('unknown');
    expect(session.failure).toMatchObject({ status: 503 });
  });

  it('is the same user in a newer session, but nobody else, when a change was refused', async () => {
    people.signedIn = true;
    const onother = vi.fn();
    const renew = (refused: string): Promise<string | null> => session.renew(api(), refused, onother);
    await session.ask(api());
    expect(await renew('csrf')).toBeNull();
    people.csrf = 'newer';
    // Of another token than the one that is held nobody knows whose it was.
    expect(await renew('older')).toBeNull();
    expect(session.credential).toEqual(OWN);
    expect(await renew('csrf')).toBe('newer');
    expect(session.credential).toEqual({ kind: 'session', csrf: 'newer' });
    expect(onother).not.toHaveBeenCalled();

    people.csrf = "somebody's";
    people.profile.id = 'u-2';
    expect(await renew('newer')).toBeNull();
    expect(onother).toHaveBeenCalledOnce();
    expect(session.credential).toEqual({ kind: 'session', csrf: 'newer' });
    people.signedIn = false;
    expect(await renew('newer')).toBeNull();
    session.signInByKey('secret', { kind: 'api_key', name: 'k', permissions: [], reach: 'everything', tenants: 1 });
    expect(await renew('newer')).toBeNull();
    expect(onother).toHaveBeenCalledOnce();
  });

  it('is nobody where the browser keeps no cookie, which is said', async () => {
    await session.begin(api());
    expect([session.phase, session.notice]).toEqual(['out', 'no_cookie']);
  });
});
