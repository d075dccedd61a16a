// Administration > Users: the list, invitations, one user's page.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session } from '$api/types';
import { announcer } from '$lib/announce.svelte';

import UsersPage from '../../routes/admin/users/+page.svelte';
import UserPage from '../../routes/admin/users/[id]/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { LINK } from '../../test/people';
import { page, visited } from '../../test/page.svelte';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

const PARTIAL: Session = { ...ADMINISTRATOR, complete_user_management: false, permissions: ['users.manage'], reach: ['north'] };
const ADDRESS = `http://localhost:3000/password#${LINK}`;

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('the list', () => {
  async function show(address = '/admin/users', who: Session = ADMINISTRATOR): Promise<void> {
    open(opened.server, UsersPage, '/admin/users', address, { who });
    await screen.findByRole('table', { name: 'Users' });
  }

  const names = (): (string | null)[] => screen.getAllByRole('rowheader').map((cell) => within(cell).getByRole('link').textContent);

  it('tells who, of which tenant, with which roles, in which state', async () => {
    await show();
    expect(names()).toEqual(['ada', 'bob', 'eve', 'kim']);
    expect(screen.getByRole('row', { name: /^ada/ })).toHaveTextContent(/Ada Li.*ada@example\.com.*Installation.*Administrator.*Active.*Off.*1/);
    expect(screen.getByRole('row', { name: /^bob/ })).toHaveTextContent(/acme.*Channel Partner \(north\).*Locked/);
    expect(screen.getByRole('link', { name: 'bob' })).toHaveAttribute('href', '/admin/users/u-2');
  });

  it('is narrowed by text, state and role', async () => {
    await show();
    await mouse.type(screen.getByRole('searchbox', { name: 'Find users' }), 'SUPPORT');
    expect(names()).toEqual(['kim']);
    await mouse.clear(screen.getByRole('searchbox'));
    await mouse.selectOptions(screen.getByLabelText('State'), 'Locked');
    expect(names()).toEqual(['bob']);
    await mouse.selectOptions(screen.getByLabelText('State'), 'All');
    await mouse.selectOptions(screen.getByLabelText('Role'), 'Administrator');
    expect(names()).toEqual(['ada']);
    expect(page.url.search).toBe('?role=Administrator');
    expect(screen.getByText('1 user')).toBeVisible();
  });

  async function invite(): Promise<ReturnType<typeof within>> {
    await mouse.click(button('Invite user'));
    return within(await screen.findByRole('dialog', { name: 'Invite user' }));
  }

  it('invites somebody with a role over territories, and shows the link once', async () => {
    await show();
    const dialog = await invite();
    await mouse.click(dialog.getByRole('button', { name: 'Invite' }));
    expect(dialog.getByLabelText('Username')).toHaveAccessibleDescription(/Enter a username/);

    await mouse.type(dialog.getByLabelText('Username'), 'grace');
    await mouse.type(dialog.getByLabelText('First name'), 'Grace');
    await waitFor(() => expect(dialog.getByRole('option', { name: 'Night shift' })).toBeInTheDocument());
    await mouse.selectOptions(dialog.getByLabelText('Role 1'), 'Channel Partner');
    await mouse.type(dialog.getByLabelText('Territories of role 1'), 'north{Enter}');
    // What is typed and not added yet counts too.
    await mouse.type(dialog.getByLabelText('Territories of role 1'), 'south');
    await mouse.click(dialog.getByRole('button', { name: 'Add a role' }));
    await mouse.selectOptions(dialog.getByLabelText('Role 2'), 'Night shift');
    await mouse.click(dialog.getByRole('button', { name: 'Invite' }));

    const shown = within(await screen.findByRole('dialog', { name: 'Link for grace' }));
    expect(opened.admin.changes).toEqual([
      {
        what: 'POST /v1/users',
        body: {
          username: 'grace',
          first_name: 'Grace',
          roles: [{ role: 'Channel Partner', territories: ['north', 'south'] }, { role: 'Night shift' }],
        },
      },
      { what: 'POST /v1/users/u-5/link', body: { by_mail: false } },
    ]);
    expect(shown.getByLabelText('Link')).toHaveValue(ADDRESS);
    expect(shown.getByText('It is shown only now: nobody can look it up later.')).toBeVisible();
    await mouse.keyboard('{Escape}');
    await mouse.click(shown.getByRole('button', { name: 'Copy' }));
    expect(await navigator.clipboard.readText()).toBe(ADDRESS);
    await mouse.click(shown.getByRole('button', { name: 'I have kept it' }));
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/users/u-5'));
    expect(screen.queryByDisplayValue(ADDRESS)).toBeNull();
  });

  it('sends the link by mail where mail is set up and there is an address', async () => {
    opened.admin.mail.configured = true;
    await show();
    const dialog = await invite();
    await mouse.type(dialog.getByLabelText('Username'), 'grace');
    await mouse.selectOptions(await dialog.findByLabelText('How the link gets to the user'), 'By mail');
    await mouse.click(dialog.getByRole('button', { name: 'Invite' }));
    expect(dialog.getByLabelText('E-mail')).toHaveAccessibleDescription(/Enter the address/);
    await mouse.type(dialog.getByLabelText('E-mail'), 'grace@example.com{Enter}');
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/users/u-5'));
    expect(opened.admin.changes.at(-1)).toEqual({ what: 'POST /v1/users/u-5/link', body: { by_mail: true } });
    expect(announcer.message).toBe('A mail with the link was sent to grace@example.com');
  });

  it('says that the user is there although the mail was refused', async () => {
    opened.admin.mail.configured = true;
    opened.admin.next.set('POST /v1/users/u-5/link', () => problem(502, 'mail_failed', 'mail failed', '550 no such mailbox'));
    await show();
    const dialog = await invite();
    await mouse.type(dialog.getByLabelText('Username'), 'grace');
    await mouse.type(dialog.getByLabelText('E-mail'), 'grace@example.com');
    await mouse.selectOptions(await dialog.findByLabelText('How the link gets to the user'), 'By mail');
    await mouse.click(dialog.getByRole('button', { name: 'Invite' }));
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/users/u-5'));
    expect(announcer.message).toBe('grace is invited, but there is no link yet. The server refused: 550 no such mailbox.');
  });

  it('tells what the server refuses at the field that it is about', async () => {
    opened.admin.next.set('POST /v1/users', () => problem(403, 'forbidden', 'forbidden', 'nobody gives a role that may do more', { field: '/roles/0' }));
    await show();
    const dialog = await invite();
    await mouse.type(dialog.getByLabelText('Username'), 'grace{Enter}');
    expect(await dialog.findByText('The server does not take this: nobody gives a role that may do more.')).toBeVisible();
    expect(dialog.getByRole('group', { name: 'Roles' })).toHaveAccessibleDescription(/nobody gives a role/);
  });

  it('offers whoever may not list roles the ready-made ones for parts, and those that users have', async () => {
    await show('/admin/users', PARTIAL);
    const dialog = await invite();
    const options = within(dialog.getByLabelText('Role 1')).getAllByRole('option').map((option) => option.textContent);
    expect(options).toEqual(['Choose a role', 'White Label Partner', 'Channel Partner', 'Tenant Auditor', 'Reporter', 'Administrator']);
    await mouse.type(dialog.getByLabelText('Username'), 'grace{Enter}');
    expect(dialog.getByLabelText('Tenant')).toHaveAccessibleDescription(/Name a tenant within your reach/);
    expect(opened.server.requests.map(({ url }) => url.pathname)).not.toContain('/v1/roles');
  });
});

describe('one user', () => {
  async function show(id: string, who: Session = ADMINISTRATOR): Promise<void> {
    open(opened.server, UserPage, '/admin/users/[id]', `/admin/users/${id}`, { who, params: { id } });
    await screen.findByRole('region', { name: 'Access' });
  }

  const part = (name: string): ReturnType<typeof within> => within(screen.getByRole('region', { name }));

  it('is described: only what was changed is sent', async () => {
    await show('u-4');
    const account = part('Account');
    await mouse.type(account.getByLabelText('E-mail'), 'kim@example.com');
    await mouse.click(account.getByRole('button', { name: 'Remove Support' }));
    await mouse.type(account.getByLabelText('Groups'), 'Sales');
    await mouse.selectOptions(account.getByLabelText('Language'), 'de-DE');
    await mouse.click(account.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(announcer.message).toBe('Saved'));
    expect(opened.admin.changes).toEqual([
      { what: 'PATCH /v1/users/u-4', body: { email: 'kim@example.com', locale: 'de-DE', groups: ['Sales'] } },
    ]);
  });

  it('says of a name that is taken where it stands', async () => {
    opened.admin.next.set('PATCH /v1/users/u-4', () => problem(409, 'id_conflict', 'conflict', 'the username is taken', { field: '/username' }));
    await show('u-4');
    const name = part('Account').getByLabelText('Username');
    await mouse.clear(name);
    await mouse.type(name, 'ada{Enter}');
    await waitFor(() => expect(name).toHaveAccessibleDescription(/the username is taken/));
    expect(name).toHaveFocus();
  });

  it('gets other roles, with and without territories', async () => {
    await show('u-2');
    const roles = part('Roles');
    await waitFor(() => expect(roles.getByRole('option', { name: 'Night shift' })).toBeInTheDocument());
    expect(roles.getByLabelText('Role 1')).toHaveValue('Channel Partner');
    expect(within(roles.getByRole('list', { name: 'Chosen: Territories of role 1' })).getByText('north')).toBeVisible();
    await mouse.click(roles.getByRole('button', { name: 'Remove north' }));
    expect(roles.getByLabelText('Territories of role 1')).toHaveFocus();
    await mouse.type(roles.getByLabelText('Territories of role 1'), 'south{Enter}');
    await mouse.click(roles.getByRole('button', { name: 'Add a role' }));
    await mouse.selectOptions(roles.getByLabelText('Role 2'), 'Reporter');
    await mouse.click(roles.getByRole('button', { name: 'Save roles' }));
    await waitFor(() => expect(announcer.message).toBe('Roles saved'));
    expect(opened.admin.changes.at(-1)?.body).toEqual({ roles: [{ role: 'Channel Partner', territories: ['south'] }, { role: 'Reporter' }] });

    await mouse.click(roles.getByRole('button', { name: 'Remove role 1' }));
    await mouse.click(roles.getByRole('button', { name: 'Remove role 1' }));
    expect(roles.getByText('No role: the user may do nothing.')).toBeVisible();
    await mouse.click(roles.getByRole('button', { name: 'Save roles' }));
    await waitFor(() => expect(opened.admin.changes.at(-1)?.body).toEqual({ roles: [] }));
  });

  it.each([
    ['u-4', 'Lock…', 'Lock kim?', { state: 'locked' }],
    ['u-4', 'Disable…', 'Disable kim?', { state: 'disabled' }],
    ['u-2', 'Open…', 'Open the account of bob?', { state: 'active' }],
  ])('%s is asked about before: %s', async (id, name, heading, body) => {
    await show(id);
    await mouse.click(button(name));
    const dialog = within(await screen.findByRole('alertdialog', { name: heading }));
    await mouse.click(dialog.getByRole('button', { name: name.replace('…', '') }));
    await waitFor(() => expect(opened.admin.changes).toEqual([{ what: `PATCH /v1/users/${id}`, body }]));
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
  });

  it('stays as it is where it is the last administrator, which the dialog says', async () => {
    opened.admin.next.set('PATCH /v1/users/u-1', () => problem(403, 'forbidden', 'forbidden', 'this is the last administrator; make another one first'));
    await show('u-1');
    expect(screen.getByText('This is your own account.')).toBeVisible();
    await mouse.click(button('Lock…'));
    const dialog = within(await screen.findByRole('alertdialog'));
    await mouse.click(dialog.getByRole('button', { name: 'Lock' }));
    expect(await dialog.findByText(/this is the last administrator/)).toBeVisible();
  });

  it('gets a link, shown once; the focus goes back to where it began', async () => {
    await show('u-3');
    await mouse.click(button('Make a link…'));
    const asked = within(await screen.findByRole('alertdialog', { name: 'Make a link for eve?' }));
    expect(asked.getByText(/With the link the first password is chosen/)).toBeVisible();
    await mouse.click(asked.getByRole('button', { name: 'Make a link' }));
    const shown = within(await screen.findByRole('dialog', { name: 'Link for eve' }));
    expect(shown.getByLabelText('Link')).toHaveValue(ADDRESS);
    expect(shown.getByText(/until 2026-11-24 11:00:00/)).toBeVisible();
    await mouse.click(shown.getByRole('button', { name: 'I have kept it' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await waitFor(() => expect(button('Make a link…')).toHaveFocus());
  });

  it('gets a link by mail where that is set up and there is an address', async () => {
    opened.admin.mail.configured = true;
    await show('u-3');
    await mouse.click(await screen.findByRole('button', { name: 'Send a link by mail…' }));
    const asked = within(await screen.findByRole('alertdialog', { name: 'Send eve a link?' }));
    expect(asked.getByText('The mail goes to eve@example.com.')).toBeVisible();
    await mouse.click(asked.getByRole('button', { name: 'Send a link by mail' }));
    await waitFor(() => expect(announcer.message).toBe('A mail with the link was sent to eve@example.com'));
    expect(opened.admin.changes).toEqual([{ what: 'POST /v1/users/u-3/link', body: { by_mail: true } }]);
  });

  it('has no links while the account is closed, and no mail without an address', async () => {
    opened.admin.mail.configured = true;
    await show('u-2');
    expect(screen.queryByRole('button', { name: /link/ })).toBeNull();
    expect(screen.getByText('A closed account gets no link: open it first.')).toBeVisible();
  });

  it('loses the second factor on request, with a word of caution', async () => {
    await show('u-4');
    await mouse.click(button('Remove…'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Remove the second factor of kim?' }));
    expect(dialog.getByText(/Be sure that it is the user who asks for it/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Remove' }));
    await waitFor(() => expect(announcer.message).toBe('Second factor removed'));
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Remove…' })).toBeNull());
    expect(screen.getByRole('heading', { level: 1 })).toHaveFocus();
  });

  it('is signed out everywhere', async () => {
    opened.admin.sessions = opened.admin.people.sessions;
    await show('u-4');
    const sessions = part('Sessions');
    expect(await sessions.findByText('Firefox on Linux')).toBeVisible();
    expect(sessions.getByText('password and authenticator app')).toBeVisible();
    await mouse.click(sessions.getByRole('button', { name: 'End all sessions…' }));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'End all sessions of kim?' }));
    await mouse.click(dialog.getByRole('button', { name: 'End all sessions' }));
    expect(await sessions.findByText('The user is not signed in anywhere.')).toBeVisible();
    expect(opened.admin.changes).toEqual([{ what: 'DELETE /v1/users/u-4/sessions', body: null }]);
  });

  it('whom the caller does not manage is not there', async () => {
    open(opened.server, UserPage, '/admin/users/[id]', '/admin/users/none', { params: { id: 'none' } });
    expect(await screen.findByRole('heading', { name: 'No such user' })).toBeVisible();
  });
});
