// Administration > Tenants: the tree, and what can be done to one of them.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session } from '$api/types';
import { warnings } from '$lib/admin/warnings.svelte';
import { announcer } from '$lib/announce.svelte';

import TenantsPage from '../../routes/admin/tenants/+page.svelte';
import TenantPage from '../../routes/admin/tenants/[name]/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { page, visited } from '../../test/page.svelte';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
  warnings.dismiss();
});

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('the tree', () => {
  async function show(address = '/admin/tenants', who: Session = ADMINISTRATOR): Promise<void> {
    open(opened.server, TenantsPage, '/admin/tenants', address, { who });
    await screen.findByRole('table', { name: 'Tenants' });
  }

  const names = (): (string | undefined)[] =>
    screen.getAllByRole('rowheader').map((cell) => within(cell).getByRole('link').textContent?.trim());

  it('has each tenant below the one above, with state, auditing and former names', async () => {
    await show();
    expect(names()).toEqual(['north', 'acme', 'lab', 'south']);
    const row = screen.getByRole('row', { name: /acme/ });
    expect(row).toHaveTextContent('Level 2:');
    expect(row).toHaveTextContent('formerly acme-old');
    expect(row).toHaveTextContent(/Domain.*Active.*On.*since 2026-11-21 11:00:00.*crm-7/);
    expect(screen.getByRole('row', { name: /The Laboratory/ })).toHaveTextContent('Off');
    expect(screen.getByRole('row', { name: /^south/ })).toHaveTextContent('Suspended');
    expect(screen.getByRole('link', { name: 'acme' })).toHaveAttribute('href', '/admin/tenants/acme');
  });

  it('closes and opens branches', async () => {
    await show();
    const north = button('Show the 2 below north');
    expect(north).toHaveAttribute('aria-expanded', 'true');
    await mouse.click(north);
    expect(names()).toEqual(['north', 'south']);
    await mouse.click(button('Show the 2 below north'));
    expect(names()).toEqual(['north', 'acme', 'lab', 'south']);
  });

  it('finds by former names and ids too, with those above; the address says what for', async () => {
    await show();
    await mouse.type(screen.getByRole('searchbox', { name: 'Find tenants' }), 'acme-old');
    expect(names()).toEqual(['north', 'acme']);
    expect(screen.getByText('1 tenant')).toBeVisible();
    expect(page.url.search).toBe('?q=acme-old');
    await mouse.type(screen.getByRole('searchbox'), 'x');
    expect(await screen.findByText('Nothing fits what you look for.')).toBeVisible();
    await mouse.click(button('Clear'));
    expect(page.url.search).toBe('');
    expect(names()).toHaveLength(4);
  });

  it('narrows by auditing and state, as an address may too', async () => {
    await show('/admin/tenants?auditing=off&tz=UTC');
    expect(names()).toEqual(['north', 'acme', 'lab']);
    expect(screen.getByLabelText('Auditing')).toHaveValue('off');
    await mouse.selectOptions(screen.getByLabelText('Auditing'), 'All');
    await mouse.selectOptions(screen.getByLabelText('State'), 'Suspended');
    expect(names()).toEqual(['south']);
    expect(page.url.search).toBe('?tz=UTC&state=suspended');
  });

  it('says when there is none, and when they can not be loaded', async () => {
    opened.admin.tenants = [];
    open(opened.server, TenantsPage, '/admin/tenants', '/admin/tenants');
    expect(await screen.findByText('There is no tenant within your reach yet.')).toBeVisible();
  });

  it('says when they can not be loaded, with a way on', async () => {
    opened.admin.next.set('GET /v1/tenants', () => problem(503, 'unavailable', 'unavailable', 'opening the stores'));
    open(opened.server, TenantsPage, '/admin/tenants', '/admin/tenants');
    expect(await screen.findByRole('heading', { name: 'The tenants could not be loaded' })).toBeVisible();
    await mouse.click(button('Retry'));
    expect(await screen.findByRole('link', { name: 'acme' })).toBeVisible();
  });

  it('shows hostile names as text', async () => {
    opened.admin.tenants = [{ ...opened.admin.tenants[0]!, display_name: '<img src=x>\u202egpj', parent: null }];
    await show();
    expect(screen.getByRole('table').querySelector('img')).toBeNull();
    expect(screen.getByRole('table')).toHaveTextContent('<img src=x>U+202Egpj');
  });

  it('takes a new tenant, tells what is wrong at the field, and goes to it', async () => {
    await show();
    await mouse.click(button('New tenant'));
    const dialog = within(await screen.findByRole('dialog', { name: 'New tenant' }));
    await mouse.click(dialog.getByRole('button', { name: 'Create tenant' }));
    const name = dialog.getByLabelText('Name');
    expect(name).toHaveAccessibleDescription(/Enter a name/);
    expect(name).toHaveFocus();

    opened.admin.next.set('POST /v1/tenants', () => problem(409, 'id_conflict', 'conflict', 'the name is taken', { field: '/name' }));
    await mouse.type(name, ' acrne ');
    await mouse.type(dialog.getByLabelText('Below'), 'north');
    await mouse.click(dialog.getByRole('button', { name: 'Create tenant' }));
    await waitFor(() => expect(name).toHaveAccessibleDescription(/the name is taken/));

    opened.admin.next.set('POST /v1/tenants', () => Response.json({ ...opened.admin.tenants[0], name: 'acrne', warnings: ['its name can be taken for that of acme'] }, { status: 201 }));
    await mouse.click(dialog.getByRole('button', { name: 'Create tenant' }));
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/tenants/acrne'));
    expect(opened.admin.changes.at(-1)).toEqual({ what: 'POST /v1/tenants', body: { name: 'acrne', parent: 'north' } });
    expect(announcer.message).toBe('Tenant acrne created');
    expect(warnings.about).toEqual({ tenant: 'acrne', warnings: ['its name can be taken for that of acme'] });
  });

  it('lets complete user management begin with auditing where the installation has none', async () => {
    await show();
    await mouse.click(button('New tenant'));
    const dialog = within(await screen.findByRole('dialog'));
    await mouse.type(dialog.getByLabelText('Name'), 'east');
    await mouse.click(await dialog.findByRole('checkbox', { name: 'Switch its auditing on' }));
    await mouse.click(dialog.getByRole('button', { name: 'Create tenant' }));
    await waitFor(() => expect(opened.admin.changes.at(-1)?.body).toEqual({ name: 'east', auditing: true }));
  });

  it('needs a place within reach from whoever does not reach everything', async () => {
    await show('/admin/tenants', { ...ADMINISTRATOR, complete_user_management: false, permissions: ['tenants.manage'], reach: ['north'] });
    await mouse.click(button('New tenant'));
    const dialog = within(await screen.findByRole('dialog'));
    await mouse.type(dialog.getByLabelText('Name'), 'east{Enter}');
    expect(dialog.getByLabelText('Below')).toHaveAccessibleDescription(/Name a tenant within your reach/);
    expect(opened.admin.changes).toEqual([]);
    expect(opened.server.requests.map(({ url }) => url.pathname)).not.toContain('/v1/auditing');
  });
});

describe('one tenant', () => {
  async function show(name: string, who: Session = ADMINISTRATOR): Promise<void> {
    open(opened.server, TenantPage, '/admin/tenants/[name]', `/admin/tenants/${name}`, { who, params: { name } });
    await screen.findByRole('region', { name: 'Names and place' });
  }

  it('shows where it belongs', async () => {
    await show('acme');
    const place = within(screen.getByRole('region', { name: 'Names and place' }));
    expect(await place.findByRole('link', { name: 'north' })).toHaveAttribute('href', '/admin/tenants/north');
    expect(place.getByRole('link', { name: 'lab' })).toBeVisible();
    expect(place.getByText('acme-old')).toBeVisible();
    expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('acme');
  });

  it('is renamed, and found under the new address; a name that looks like another is warned of', async () => {
    await show('lab');
    await mouse.click(button('Rename…'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Rename lab' }));
    expect(dialog.getByText(/It keeps its old name beside the new one/)).toBeVisible();
    const name = dialog.getByLabelText('New name');
    await mouse.clear(name);
    opened.admin.next.set('PATCH /v1/tenants/lab', () =>
      Response.json({ ...opened.admin.tenants[1], name: 'acrne', former_names: ['lab'], warnings: ['its name can be taken for that of acme'] }),
    );
    await mouse.type(name, 'acrne{Enter}');
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/tenants/acrne'));
    expect(opened.admin.changes).toEqual([{ what: 'PATCH /v1/tenants/lab', body: { name: 'acrne' } }]);
    expect(warnings.about?.tenant).toBe('acrne');
  });

  it('shows what was warned of until the reader dismisses it', async () => {
    warnings.take({ name: 'acme', warnings: ['its name can be taken for that of acrne'] });
    await show('acme');
    expect(screen.getByText('acme can be taken for another tenant:')).toBeVisible();
    await mouse.click(button('Dismiss'));
    expect(screen.queryByText('its name can be taken for that of acrne')).toBeNull();
  });

  it('is moved, never below itself, in words that say who sees it then', async () => {
    await show('acme');
    await mouse.click(button('Move…'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Move acme' }));
    expect(dialog.getByText(/It changes hands with everything below it, and with its whole history/)).toBeVisible();
    const parent = dialog.getByLabelText('New place below');
    expect(parent).toHaveValue('north');
    await mouse.clear(parent);
    const offered = [...document.querySelectorAll('[role="dialog"] datalist option')].map((option) => option.getAttribute('value'));
    expect(offered).toEqual(['north', 'south']);
    await mouse.click(dialog.getByRole('button', { name: 'Move' }));
    await waitFor(() => expect(opened.admin.changes).toEqual([{ what: 'PATCH /v1/tenants/acme', body: { parent: null } }]));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(await screen.findByText('Directly below the installation')).toBeVisible();
    await waitFor(() => expect(button('Move…')).toHaveFocus());
  });

  it('is described: only what was changed is sent', async () => {
    await show('lab');
    const part = within(screen.getByRole('region', { name: 'Description' }));
    await mouse.clear(part.getByLabelText('Name shown'));
    await mouse.selectOptions(part.getByLabelText('Time zone'), 'Europe/Rome');
    await mouse.click(part.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(announcer.message).toBe('Saved'));
    expect(opened.admin.changes).toEqual([{ what: 'PATCH /v1/tenants/lab', body: { display_name: null, zone: 'Europe/Rome' } }]);
  });

  it('has its auditing switched on for good by complete user management', async () => {
    await show('lab');
    await mouse.click(button('Switch auditing on'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Switch auditing of lab on for good?' }));
    expect(dialog.getByText(/Nobody can switch it off again/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Switch on for good' }));
    await waitFor(() => expect(opened.admin.changes).toEqual([{ what: 'PATCH /v1/tenants/lab', body: { auditing: true } }]));
    expect(await screen.findByText('It stays on: nobody can switch it off, in whatever way.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Switch auditing on' })).toBeNull();
    // Nor is it deleted any more.
    expect(screen.queryByRole('button', { name: 'Delete…' })).toBeNull();
    expect(screen.getByText("It is audited, so it can't be deleted: its trail stays.")).toBeVisible();
  });

  it('is no matter of others than complete user management to audit', async () => {
    await show('lab', { ...ADMINISTRATOR, complete_user_management: false, permissions: ['tenants.manage'], reach: ['north'] });
    expect(screen.getByText('Only complete user management switches it on.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Switch auditing on' })).toBeNull();
    expect(button('Rename…')).toBeVisible();
  });

  it('is all that complete user management alone does', async () => {
    await show('lab', { ...ADMINISTRATOR, permissions: ['users.manage'] });
    expect(button('Switch auditing on')).toBeVisible();
    for (const name of ['Rename…', 'Move…', 'Suspend…', 'Delete…', 'Save']) expect(screen.queryByRole('button', { name })).toBeNull();
  });

  it('is suspended and activated, in words', async () => {
    await show('acme');
    await mouse.click(button('Suspend…'));
    let dialog = within(await screen.findByRole('alertdialog', { name: 'Suspend acme?' }));
    expect(dialog.getByText(/signed out at once and can't sign in/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Suspend' }));
    await mouse.click(await screen.findByRole('button', { name: 'Activate…' }));
    dialog = within(await screen.findByRole('alertdialog', { name: 'Activate acme?' }));
    await mouse.click(dialog.getByRole('button', { name: 'Activate' }));
    expect(await screen.findByRole('button', { name: 'Suspend…' })).toBeVisible();
    expect(opened.admin.changes.map(({ body }) => body)).toEqual([{ state: 'suspended' }, { state: 'active' }]);
  });

  it('is deleted if it was never audited; the server may still need it', async () => {
    await show('lab');
    opened.admin.next.set('DELETE /v1/tenants/lab', () => problem(409, 'id_conflict', 'conflict', 'tenants, keys or users refer to the tenant'));
    await mouse.click(button('Delete…'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Delete lab?' }));
    await mouse.click(dialog.getByRole('button', { name: 'Delete tenant' }));
    expect(await dialog.findByText(/tenants, keys or users refer to the tenant/)).toBeVisible();
    await mouse.click(dialog.getByRole('button', { name: 'Delete tenant' }));
    await waitFor(() => expect(visited.at(-1)).toBe('/admin/tenants'));
    expect(announcer.message).toBe('Tenant lab deleted');
  });

  it('that is not within reach is not there', async () => {
    open(opened.server, TenantPage, '/admin/tenants/[name]', '/admin/tenants/none', { params: { name: 'none' } });
    expect(await screen.findByRole('heading', { name: 'No such tenant' })).toBeVisible();
    expect(screen.getAllByRole('link', { name: 'All tenants' })[0]).toHaveAttribute('href', '/admin/tenants');
  });
});
