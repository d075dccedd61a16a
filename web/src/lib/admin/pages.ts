// The pages of the administration, and whom each is for: as the server has it, which refuses everybody else anyway.

import type { Session } from '$api/types';

export const ADMIN_PAGES = ['audit-trail', 'tenants', 'users', 'roles', 'keys', 'providers', 'settings'] as const;
export type AdminPage = (typeof ADMIN_PAGES)[number];

/** What a page takes. */
export type Needed = 'complete' | 'tenants' | 'users' | 'keys' | 'settings';

export const NEEDED: Record<AdminPage, Needed> = {
  'audit-trail': 'complete',
  tenants: 'tenants',
  users: 'users',
  roles: 'complete',
  keys: 'keys',
  providers: 'complete',
  settings: 'settings',
};

function has(who: Session, needed: Needed): boolean {
  const complete = who.complete_user_management === true;
  switch (needed) {
    case 'complete':
      return complete;
    case 'tenants':
      // The switch of each tenant is for complete user management.
      return complete || who.permissions.includes('tenants.manage');
    case 'users':
      return who.permissions.includes('users.manage');
    case 'keys':
      return who.permissions.includes('keys.manage');
    case 'settings':
      return who.permissions.includes('settings.manage') && who.reach === 'everything';
  }
}

export function mayOpen(page: AdminPage, who: Session | null): boolean {
  return who !== null && has(who, NEEDED[page]);
}

/** The pages that somebody may open, in the order of the navigation. */
export function pagesOf(who: Session | null): AdminPage[] {
  return ADMIN_PAGES.filter((page) => mayOpen(page, who));
}

/** The page that a route belongs to; null: none of them, such as the overview. */
export function pageOfRoute(route: string | null): AdminPage | null {
  const [, first, second] = (route ?? '').split('/');
  return first === 'admin' ? (ADMIN_PAGES.find((page) => page === second) ?? null) : null;
}

/** Whether a route is one of the administration's. */
export function isAdminRoute(route: string | null): boolean {
  return route === '/admin' || (route ?? '').startsWith('/admin/');
}
