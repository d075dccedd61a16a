// Administration > Sign-in providers: set up, changed, deleted; the secret goes one way only.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';

import ProvidersPage from '../../routes/admin/providers/+page.svelte';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { page } from '../../test/page.svelte';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

const STAFF = {
  id: 'staff',
  name: 'Staff',
  issuer: 'https://login.example.com/realms/staff',
  client_id: 'indelible',
  scopes: ['profile', 'email', 'groups'],
  username_claim: 'preferred_username',
  email_claim: 'email',
  groups_claim: 'groups',
  group_roles: [{ group: 'auditors', role: 'Reporter' }],
  create_users: true,
  tenant: 'acme',
  email_domains: ['example.com'],
  trust_emails: false,
  has_secret: true,
  redirect_uri: 'https://audit.example/v1/sign-in/providers/staff/callback',
};

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

function show(address = '/admin/providers'): void {
  open(opened.server, ProvidersPage, '/admin/providers', address);
}

describe('the providers', () => {
  it('are none to begin with', async () => {
    show();
    expect(await screen.findByText(/There is no provider yet/)).toBeVisible();
  });

  it('are set up after the server asked them; what is wrong stands at its field', async () => {
    show();
    await screen.findByText(/There is no provider yet/);
    await mouse.click(button('Set up a provider'));
    expect(page.url.search).toBe('?new=1');
    const form = within(await screen.findByRole('region', { name: 'Set up a provider' }));
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    for (const name of ['Name', 'Id', 'Issuer', 'Client id']) expect(form.getByLabelText(name)).toHaveAccessibleDescription(/This is needed/);

    await mouse.type(form.getByLabelText('Name'), 'Staff');
    await mouse.type(form.getByLabelText('Id'), 'Staff');
    await mouse.type(form.getByLabelText('Issuer'), 'https://login.example.com');
    await mouse.type(form.getByLabelText('Client id'), 'indelible');
    await mouse.type(form.getByLabelText('Client secret'), 'hush');
    expect(form.getByLabelText('Client secret')).toHaveAttribute('type', 'password');
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    expect(form.getByLabelText('Id')).toHaveAccessibleDescription(/Up to 40 of a-z/);
    await mouse.clear(form.getByLabelText('Id'));
    await mouse.type(form.getByLabelText('Id'), 'staff');
    expect(form.getByText('http://localhost:3000/v1/sign-in/providers/staff/callback')).toBeVisible();

    await mouse.click(form.getByRole('checkbox', { name: 'Make accounts at the first sign-in' }));
    await mouse.type(form.getByLabelText('Tenant of accounts that are made so'), 'acme');
    await mouse.type(form.getByLabelText('Domains of e-mail addresses'), 'example.com{Enter}');
    await mouse.type(form.getByLabelText('Claim of the groups'), 'groups');
    await mouse.click(form.getByRole('button', { name: 'Add a group' }));
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    expect(form.getByText('Each needs a group and a role.')).toBeVisible();
    await mouse.type(form.getByLabelText('Group 1'), 'north');
    await mouse.selectOptions(form.getByLabelText('Role 1'), 'Channel Partner');
    await mouse.type(form.getByLabelText('Territory 1'), 'north');

    opened.admin.next.set('PUT /v1/providers/staff', () => problem(400, 'invalid_string', 'invalid', 'the issuer says that it is another one', { field: '/issuer' }));
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(form.getByLabelText('Issuer')).toHaveAccessibleDescription(/says that it is another one/));
    expect(form.getByLabelText('Issuer')).toHaveFocus();

    opened.admin.next.set('PUT /v1/providers/staff', () => problem(503, 'unavailable', 'unavailable', "the provider can't be used now"));
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    expect(await form.findByText(/The server can't do this now: the provider can't be used now/)).toBeVisible();

    await mouse.click(form.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(announcer.message).toBe('Provider Staff saved'));
    expect(opened.admin.changes.at(-1)).toEqual({
      what: 'PUT /v1/providers/staff',
      body: {
        name: 'Staff',
        issuer: 'https://login.example.com',
        client_id: 'indelible',
        client_secret: 'hush',
        scopes: ['profile', 'email'],
        username_claim: 'preferred_username',
        email_claim: 'email',
        groups_claim: 'groups',
        group_roles: [{ group: 'north', role: 'Channel Partner', territory: 'north' }],
        create_users: true,
        tenant: 'acme',
        email_domains: ['example.com'],
        trust_emails: false,
      },
    });
    const row = await screen.findByRole('row', { name: /^Staff/ });
    expect(row).toHaveTextContent(/Made at the first sign-in.*roles by groups.*Set, never shown/);
    expect(page.url.search).toBe('');
  });

  it('are changed; a secret that is not given anew stays, and none is ever shown', async () => {
    opened.admin.providers = [STAFF];
    show('/admin/providers?change=staff');
    const form = within(await screen.findByRole('region', { name: 'Change Staff' }));
    await waitFor(() => expect(form.getByLabelText('Role 1')).toHaveValue('Reporter'));
    expect(form.getByLabelText('Id')).toHaveAttribute('readonly');
    expect(form.getByLabelText('Client secret')).toHaveValue('');
    expect(form.getByLabelText('Client secret')).toHaveAccessibleDescription(/the one that was given before stays/);
    expect(form.getByText(STAFF.redirect_uri)).toBeVisible();
    await mouse.type(form.getByLabelText('Name'), ' of ours');
    await mouse.click(form.getByRole('button', { name: 'Remove group 1' }));
    await mouse.click(form.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(announcer.message).toBe('Provider Staff of ours saved'));
    const body = opened.admin.changes.at(-1)?.body;
    expect(body).not.toHaveProperty('client_secret');
    expect(body).toMatchObject({ name: 'Staff of ours', group_roles: [], tenant: 'acme' });
  });

  it('are deleted after a question', async () => {
    opened.admin.providers = [STAFF];
    show();
    await mouse.click(await screen.findByRole('button', { name: 'Delete Staff' }));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Delete the provider Staff?' }));
    expect(dialog.getByText(/Nobody can sign in through it any more/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Delete provider' }));
    expect(await screen.findByText(/There is no provider yet/)).toBeVisible();
    expect(opened.admin.changes).toEqual([{ what: 'DELETE /v1/providers/staff', body: null }]);
  });
});
