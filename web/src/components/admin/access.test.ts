// Who sees which pages of the administration, and what the others read instead.

import { screen, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session } from '$api/types';
import { ADMIN_PAGES, isAdminRoute, pageOfRoute, pagesOf } from '$lib/admin/pages';

import OverviewPage from '../../routes/admin/+page.svelte';
import RolesPage from '../../routes/admin/roles/+page.svelte';
import TenantsPage from '../../routes/admin/tenants/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import { freshServer, open, type Opened } from '../../test/open';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

function somebody(permissions: string[], more: Partial<Session> = {}): Session {
  return { ...ADMINISTRATOR, complete_user_management: false, permissions, reach: ['acme'], ...more };
}

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

describe('the pages of the administration', () => {
  it.each<[string, Session | null, string[]]>([
    ['an administrator', ADMINISTRATOR, [...ADMIN_PAGES]],
    ['nobody', null, []],
    ['a reader', somebody(['audit.read', 'audit.verify']), []],
    ['who manages the users of a tenant', somebody(['users.manage']), ['users']],
    ['complete user management alone', somebody(['users.manage'], { complete_user_management: true, reach: 'everything' }), ['audit-trail', 'tenants', 'users', 'roles', 'providers']],
    ['who manages tenants and keys', somebody(['tenants.manage', 'keys.manage']), ['tenants', 'keys']],
    ['settings of a part', somebody(['settings.manage']), []],
    ['settings of everything', somebody(['settings.manage'], { reach: 'everything' }), ['settings']],
  ])('for %s', (_, who, expected) => {
    expect(pagesOf(who)).toEqual(expected);
  });

  it.each<[string | null, string | null, boolean]>([
    ['/admin/tenants/[name]', 'tenants', true],
    ['/admin/audit-trail', 'audit-trail', true],
    ['/admin', null, true],
    ['/administrators', null, false],
    ['/', null, false],
    [null, null, false],
  ])('by route: %s', (route, expected, isAdmin) => {
    expect([pageOfRoute(route), isAdminRoute(route)]).toEqual([expected, isAdmin]);
  });

  it('are named beside each other, and on the overview with what they are for', () => {
    open(opened.server, OverviewPage, '/admin', '/admin');
    const links = within(screen.getByRole('navigation', { name: 'Administration' })).getAllByRole('link');
    expect(links.map((link) => link.textContent)).toEqual([
      'Overview', 'Audit Trail', 'Tenants', 'Users', 'Roles', 'API keys', 'Sign-in providers', 'Settings',
    ]);
    expect(links[0]).toHaveAttribute('aria-current', 'page');
    expect(screen.getByRole('link', { name: /^API keys What programs send/ })).toHaveAttribute('href', '/admin/keys');
    expect(document.title).toBe('Administration · Administration · Indelible');
  });

  it('are not shown to others, who read what it takes, and nothing is asked for', () => {
    open(opened.server, RolesPage, '/admin/roles', '/admin/roles', { who: somebody(['audit.read', 'tenants.manage']) });
    expect(screen.getByRole('heading', { level: 1 })).toHaveTextContent('This page is not for you');
    expect(screen.getByText(/^Roles takes complete user management/)).toBeVisible();
    expect(screen.getByRole('link', { name: 'All events' })).toHaveAttribute('href', '/');
    const links = within(screen.getByRole('navigation', { name: 'Administration' })).getAllByRole('link');
    expect(links.map((link) => link.textContent)).toEqual(['Overview', 'Tenants']);
    expect(opened.server.requests).toEqual([]);
  });

  it('are none for whoever manages nothing', () => {
    open(opened.server, OverviewPage, '/admin', '/admin', { who: somebody(['users.read']) });
    expect(screen.getByText('Administration takes a permission to manage something. Ask an administrator if you need it.')).toBeVisible();
    expect(screen.queryByRole('navigation')).toBeNull();
    expect(screen.queryByRole('link')).toBeNull();
  });

  it('offer no more than the caller may: who only switches auditing creates no tenant', async () => {
    open(opened.server, TenantsPage, '/admin/tenants', '/admin/tenants', {
      who: somebody(['users.manage'], { complete_user_management: true, reach: 'everything' }),
    });
    expect(await screen.findByRole('link', { name: 'acme' })).toBeVisible();
    expect(screen.queryByRole('button', { name: 'New tenant' })).toBeNull();
  });
});
