// Administration > Settings: mail, catalogue, rules, mappings.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';

import SettingsPage from '../../routes/admin/settings/+page.svelte';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

function show(): void {
  open(opened.server, SettingsPage, '/admin/settings', '/admin/settings');
}

const part = (name: string): ReturnType<typeof within> => within(screen.getByRole('region', { name }));

it('says where everything else is set', async () => {
  show();
  expect(await screen.findByRole('heading', { name: "The server's own settings" })).toBeVisible();
  expect(part("The server's own settings").getByText(/docs\/operate\/settings\.md/)).toBeVisible();
});

describe('mail', () => {
  it('says how to set it up where it is not', async () => {
    show();
    expect(await screen.findByText(/Set smtp_host, mail_from and public_url/)).toBeVisible();
    expect(part('Mail').queryByRole('button')).toBeNull();
  });

  it('is shown without its password, and tried', async () => {
    opened.admin.mail = { configured: true, host: 'smtp.example.com', port: 587, tls: 'starttls', username: 'audit', from: 'Audit <audit@example.com>' };
    show();
    expect(await screen.findByText('smtp.example.com:587')).toBeVisible();
    const mail = part('Mail');
    expect(mail.getByText('STARTTLS')).toBeVisible();
    const to = mail.getByLabelText('Send a test to');
    await mouse.clear(to);
    await mouse.click(mail.getByRole('button', { name: 'Send a test mail' }));
    expect(to).toHaveAccessibleDescription(/Enter an address/);
    await mouse.type(to, 'ops@example.com');
    opened.admin.next.set('POST /v1/mail/test', () => problem(502, 'mail_failed', 'mail failed', '535 authentication failed'));
    await mouse.click(mail.getByRole('button', { name: 'Send a test mail' }));
    expect(await mail.findByText('The mail could not be sent. The mail server says: 535 authentication failed')).toBeVisible();
    await mouse.click(mail.getByRole('button', { name: 'Send a test mail' }));
    await waitFor(() => expect(announcer.message).toBe('The mail server has taken the mail to ops@example.com'));
    expect(opened.admin.changes.at(-1)).toEqual({ what: 'POST /v1/mail/test', body: { to: 'ops@example.com' } });
  });
});

describe('what is read only', () => {
  it('is the catalogue', async () => {
    show();
    const catalogue = part('Catalogue');
    await mouse.click(await catalogue.findByText('Action types (1)'));
    expect(catalogue.getByRole('row', { name: /Login/, hidden: true })).toHaveTextContent('login');
    await mouse.click(catalogue.getByText('Object types (1)'));
    expect(catalogue.getByRole('row', { name: /User/, hidden: true })).toHaveTextContent(/users & domains.*user.*person/);
  });

  it('is the rules, with their digits', async () => {
    show();
    const rules = part('Rules');
    expect(await rules.findByText('Version 7 is in force.')).toBeVisible();
    await mouse.click(rules.getByText('Show the rules'));
    expect(rules.getByText(/"threshold": 1.5/)).toBeInTheDocument();
  });

  it('says of rules that are not for the caller what it takes', async () => {
    opened.admin.next.set('GET /v1/rules', () => problem(403, 'forbidden', 'forbidden', 'settings.manage is needed'));
    show();
    expect(await part('Rules').findByText(/the permission "Manage settings" with reach over everything/)).toBeVisible();
  });

  it('is the mappings, whose text opens in a dialog that gives the focus back', async () => {
    show();
    const mappings = part('Mappings');
    const row = await mappings.findByRole('row', { name: /^A PBX/ });
    expect(row).toHaveTextContent(/Reads its log\..*pbx.*2.*Built in/);
    const show_ = mappings.getByRole('button', { name: 'Show pbx, version 2' });
    await mouse.click(show_);
    const dialog = within(await screen.findByRole('dialog', { name: 'pbx, version 2' }));
    expect(await dialog.findByText('name = "pbx"')).toBeVisible();
    expect(opened.server.requests.at(-1)?.url.search).toBe('?version=2');
    await mouse.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    await waitFor(() => expect(show_).toHaveFocus());
  });
});
