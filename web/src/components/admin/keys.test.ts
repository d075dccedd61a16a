// Administration > API keys: made, rotated, revoked; a secret is shown once.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session } from '$api/types';
import { announcer } from '$lib/announce.svelte';

import KeysPage from '../../routes/admin/keys/+page.svelte';
import { ADMINISTRATOR, SECRET } from '../../test/administration';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

async function show(who: Session = ADMINISTRATOR): Promise<void> {
  open(opened.server, KeysPage, '/admin/keys', '/admin/keys', { who });
  await screen.findByRole('table', { name: 'API keys' });
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });
const row = (name: RegExp): HTMLElement => screen.getByRole('row', { name });

describe('the keys', () => {
  it('are listed with what they may, how far, and when they were last used', async () => {
    await show();
    expect(row(/^PBX/)).toHaveTextContent(/ik_10000….*Send events.*acme.*events without a tenant: acme.*2026-11-21 11:00:00.*Accepted/);
    expect(row(/^SIEM/)).toHaveTextContent(/Audit Logs.*Everything.*never.*until 2027-01-01 00:00:00/);
    expect(screen.queryByRole('row', { name: /^Old one/ })).toBeNull();
    await mouse.selectOptions(screen.getByLabelText('State'), 'Revoked or ended');
    expect(row(/^Old one/)).toHaveTextContent('Revoked');
    expect(screen.queryByRole('button', { name: /^Rotate/ })).toBeNull();
    await mouse.selectOptions(screen.getByLabelText('State'), 'All');
    await mouse.type(screen.getByRole('searchbox', { name: 'Find API keys' }), 'acme');
    expect(screen.getAllByRole('rowheader')).toHaveLength(1);
    expect(screen.getByText('1 key')).toBeVisible();
  });

  async function create(): Promise<ReturnType<typeof within>> {
    await mouse.click(button('New API key'));
    return within(await screen.findByRole('dialog', { name: 'New API key' }));
  }

  it('are made with a reach, a default tenant and an end; the secret is shown once', async () => {
    vi.setSystemTime(new Date('2026-11-22T12:00:00Z'));
    await show();
    const dialog = await create();
    await mouse.click(dialog.getByRole('button', { name: 'Create key' }));
    expect(dialog.getByLabelText('Name')).toHaveAccessibleDescription(/Enter a name/);
    expect(dialog.getByText('Name at least one tenant.')).toBeVisible();

    await mouse.type(dialog.getByLabelText('Name'), 'PBX Rome');
    expect(dialog.queryByLabelText('Tenant of events that name none')).toBeNull();
    await mouse.click(dialog.getByRole('checkbox', { name: 'Send events' }));
    await mouse.type(dialog.getByLabelText('Tenants'), 'acme{Enter}');
    await mouse.type(dialog.getByLabelText('Tenant of events that name none'), 'acme');
    await mouse.click(dialog.getByRole('checkbox', { name: 'Make tenants on first use' }));
    await mouse.selectOptions(dialog.getByLabelText('Ends'), 'In 30 days');
    await mouse.click(dialog.getByRole('button', { name: 'Create key' }));

    const shown = within(await screen.findByRole('dialog', { name: 'API key PBX Rome' }));
    vi.useRealTimers();
    expect(opened.admin.changes).toEqual([
      {
        what: 'POST /v1/keys',
        body: {
          name: 'PBX Rome',
          permissions: ['events.send'],
          reach: { tenants: ['acme'] },
          default_tenant: 'acme',
          tenant_from_target: false,
          create_tenants: true,
          expires: expect.stringMatching(/^2026-12-22T12:00/) as unknown,
        },
      },
    ]);
    expect(shown.getByLabelText('API key')).toHaveValue(SECRET);
    await mouse.click(shown.getByRole('button', { name: 'Copy' }));
    expect(await navigator.clipboard.readText()).toBe(SECRET);
    await mouse.click(shown.getByRole('button', { name: 'I have kept it' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(document.body.innerHTML).not.toContain(SECRET);
    expect(row(/^PBX Rome/)).toBeVisible();
    await waitFor(() => expect(button('New API key')).toHaveFocus());
  });

  it('may end on a date, or never', async () => {
    await show();
    const dialog = await create();
    await mouse.type(dialog.getByLabelText('Name'), 'app');
    await mouse.click(dialog.getByRole('checkbox', { name: 'Audit Logs' }));
    await mouse.selectOptions(dialog.getByLabelText('Reach'), 'Everything');
    await mouse.selectOptions(dialog.getByLabelText('Ends'), 'On a date');
    await mouse.click(dialog.getByRole('button', { name: 'Create key' }));
    expect(dialog.getByLabelText('Last day')).toHaveAccessibleDescription(/Choose the last day/);
    await mouse.selectOptions(dialog.getByLabelText('Ends'), 'Never');
    await mouse.click(dialog.getByRole('button', { name: 'Create key' }));
    await screen.findByRole('dialog', { name: 'API key app' });
    expect(opened.admin.changes.at(-1)?.body).toMatchObject({ reach: 'everything', expires: null, default_tenant: null });
  });

  it('offer no more than the maker has; what the server refuses stands at its field', async () => {
    opened.admin.next.set('POST /v1/keys', () => problem(403, 'tenant_forbidden', 'forbidden', 'no such tenant within your reach', { field: '/reach/tenants/0' }));
    await show({ ...ADMINISTRATOR, complete_user_management: false, permissions: ['keys.manage', 'audit.read'], reach: ['north'] });
    const dialog = await create();
    expect(dialog.getAllByRole('checkbox')).toHaveLength(2);
    expect(dialog.queryByLabelText('Reach')).toBeNull();
    await mouse.type(dialog.getByLabelText('Name'), 'app');
    await mouse.click(dialog.getByRole('checkbox', { name: 'Audit Logs' }));
    await mouse.type(dialog.getByLabelText('Tenants'), 'elsewhere');
    await mouse.click(dialog.getByRole('button', { name: 'Create key' }));
    await waitFor(() => expect(dialog.getByLabelText('Tenants')).toHaveAccessibleDescription(/no such tenant within your reach/));
    expect(dialog.getByLabelText('Tenants')).toHaveFocus();
  });

  it('are rotated with an overlap: both are there until the old one ends', async () => {
    await show();
    await mouse.click(button('Rotate PBX, ik_10000'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Rotate PBX' }));
    expect(dialog.getByLabelText('The old key ends')).toHaveValue('86400');
    await mouse.selectOptions(dialog.getByLabelText('The old key ends'), 'In a week');
    await mouse.click(dialog.getByRole('button', { name: 'Rotate' }));
    const shown = within(await screen.findByRole('dialog', { name: 'API key PBX' }));
    expect(shown.getByLabelText('API key')).toHaveValue(SECRET);
    await mouse.click(shown.getByRole('button', { name: 'I have kept it' }));
    expect(opened.admin.changes).toEqual([{ what: 'POST /v1/keys/1/rotation', body: { overlap_seconds: 604_800 } }]);
    expect(row(/^PBX ik_10000/)).toHaveTextContent(/Being replaced.*until/);
    expect(row(/^PBX ik_40000/)).toHaveTextContent('replaces ik_10000');
  });

  it('are revoked after a question', async () => {
    await show();
    await mouse.click(button('Revoke SIEM, ik_20000'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Revoke SIEM?' }));
    expect(dialog.getByText(/beginning with ik_20000 are refused at once/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Revoke' }));
    await waitFor(() => expect(announcer.message).toBe('Key SIEM revoked'));
    expect(screen.queryByRole('row', { name: /^SIEM/ })).toBeNull();
    expect(opened.admin.changes).toEqual([{ what: 'DELETE /v1/keys/2', body: null }]);
    await waitFor(() => expect(screen.getByRole('heading', { level: 1 })).toHaveFocus());
  });

  it('say when there are none', async () => {
    opened.admin.keys = [];
    open(opened.server, KeysPage, '/admin/keys', '/admin/keys');
    expect(await screen.findByText('There is no key within your reach yet.')).toBeVisible();
  });
});
