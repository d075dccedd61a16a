// Administration > Roles: the ready-made ones, and those of the installation's own.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';

import RolesPage from '../../routes/admin/roles/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(async () => {
  opened = freshServer();
});

async function show(): Promise<void> {
  open(opened.server, RolesPage, '/admin/roles', '/admin/roles');
  await screen.findByRole('table', { name: 'Ready-made roles' });
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('the ready-made roles', () => {
  it('are a table of permissions by the names that people read, and can not be changed', async () => {
    await show();
    const table = screen.getByRole('table', { name: 'Ready-made roles' });
    expect(within(table).getAllByRole('columnheader').map((cell) => cell.textContent?.replace(/\s+/g, ' ').trim())).toEqual([
      'Permission', 'Administrator Everything 1 user', 'Channel Partner Given territories 1 user', 'Reporter Own tenant 0 users',
    ]);
    const groups = within(table).getAllByRole('rowgroup').slice(1);
    expect(groups[0]).toHaveTextContent(/^Organisation-level permissions/);
    const logs = within(groups[0]!).getByRole('row', { name: /^Audit Logs/ });
    expect(within(logs).getAllByRole('cell').map((cell) => cell.textContent?.trim())).toEqual(['Yes', 'Yes', 'Yes']);
    const users = within(table).getByRole('row', { name: /^Manage users/ });
    expect(within(users).getAllByRole('cell').map((cell) => cell.textContent?.replace(/\s+/g, ' ').trim())).toEqual(['Yes', '- No', '- No']);
    expect(within(table).queryByRole('button')).toBeNull();
  });
});

describe('own roles', () => {
  it('are made from permissions that the maker has', async () => {
    opened.admin.next.set('POST /v1/roles', () => problem(409, 'id_conflict', 'conflict', 'a role has this name', { field: '/name' }));
    open(opened.server, RolesPage, '/admin/roles', '/admin/roles', {
      who: { ...ADMINISTRATOR, permissions: ['users.manage', 'audit.read', 'audit.verify', 'events.send'] },
    });
    await screen.findByRole('table', { name: 'Ready-made roles' });
    await mouse.click(button('New role'));
    const dialog = within(await screen.findByRole('dialog', { name: 'New role' }));
    // People never send.
    expect(dialog.getAllByRole('checkbox').map((box) => (box as HTMLInputElement).labels?.[0]?.textContent)).toEqual([
      'Audit Logs', 'Verify the ledger', 'Manage users',
    ]);
    await mouse.click(dialog.getByRole('button', { name: 'Create role' }));
    expect(dialog.getByText('Choose at least one permission.')).toBeVisible();
    expect(dialog.getByLabelText('Name')).toHaveFocus();

    await mouse.type(dialog.getByLabelText('Name'), 'My own trail');
    await mouse.selectOptions(dialog.getByLabelText('Reach'), 'Oneself');
    expect(dialog.getByLabelText('Reach')).toHaveAccessibleDescription(/events in which the user acts/);
    await mouse.click(dialog.getByRole('checkbox', { name: 'Audit Logs' }));
    await mouse.click(dialog.getByRole('button', { name: 'Create role' }));
    await waitFor(() => expect(dialog.getByLabelText('Name')).toHaveAccessibleDescription(/a role has this name/));
    await mouse.click(dialog.getByRole('button', { name: 'Create role' }));
    await waitFor(() => expect(announcer.message).toBe('Role My own trail saved'));
    expect(opened.admin.changes.at(-1)).toEqual({
      what: 'POST /v1/roles',
      body: { name: 'My own trail', permissions: ['audit.read'], reach: 'oneself' },
    });
    expect(await screen.findByRole('row', { name: /^My own trail/ })).toHaveTextContent(/Oneself.*Audit Logs.*None/);
    await waitFor(() => expect(button('New role')).toHaveFocus());
  });

  it('are offered nothing that guards nothing yet, and keep what they have of it', async () => {
    await show();
    await mouse.click(button('New role'));
    const fresh = within(await screen.findByRole('dialog', { name: 'New role' }));
    for (const name of ['See masked values', 'Manage retention', 'Manage legal holds']) {
      expect(fresh.queryByRole('checkbox', { name })).toBeNull();
      // The administrator has it: that is told as it is.
      expect(screen.getByText(name)).toBeInTheDocument();
    }
  });

  it('may be limited in how far back and how much at a time they ask', async () => {
    await show();
    await mouse.click(button('Change Night shift'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Change Night shift' }));
    await mouse.selectOptions(dialog.getByLabelText('How far back'), '1 year');
    await mouse.selectOptions(dialog.getByLabelText('How much at a time'), '3 months');
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(opened.admin.changes.at(-1)?.body).toMatchObject({ range: { back: 'P1Y', span: 'P3M' } }));
  });

  it('are changed, with a word on whom it concerns', async () => {
    await show();
    await mouse.click(button('Change Night shift'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Change Night shift' }));
    expect(dialog.getByText('2 users have this role: the change counts for them at once.')).toBeVisible();
    expect(dialog.getByRole('checkbox', { name: 'Audit Logs' })).toBeChecked();
    await mouse.click(dialog.getByRole('checkbox', { name: 'Verify the ledger' }));
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(opened.admin.changes).toEqual([
      { what: 'PUT /v1/roles/r-9', body: { name: 'Night shift', permissions: ['audit.read', 'audit.verify'], reach: 'tenant' } },
    ]));
  });

  it('are deleted after a question, and the focus goes where something is left', async () => {
    await show();
    const row = screen.getByRole('row', { name: /^Night shift/ });
    expect(within(row).getByRole('link', { name: '2 users' })).toHaveAttribute('href', '/admin/users?role=Night+shift');
    await mouse.click(button('Delete Night shift'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Delete the role Night shift?' }));
    expect(dialog.getByText(/taken from the 2 users who have it, at once/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Delete role' }));
    expect(await screen.findByText('There are no roles of your own yet.')).toBeVisible();
    expect(opened.admin.changes).toEqual([{ what: 'DELETE /v1/roles/r-9', body: null }]);
    await waitFor(() => expect(screen.getByRole('heading', { level: 1 })).toHaveFocus());
  });

  it('say when they can not be loaded', async () => {
    opened.admin.next.set('GET /v1/roles', () => problem(503, 'unavailable', 'unavailable', 'opening the stores'));
    open(opened.server, RolesPage, '/admin/roles', '/admin/roles');
    expect(await screen.findAllByRole('heading', { name: 'The roles could not be loaded' })).toHaveLength(2);
  });
});
