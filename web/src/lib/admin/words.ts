// What the pages of the administration are called, what each is about, and whom it is for.

import { m } from '$lib/paraglide/messages';

import type { AdminPage, Needed } from './pages';

export const PAGE_WORDS: Record<AdminPage, { label: () => string; about: () => string }> = {
  'audit-trail': { label: m.admin_trail, about: m.admin_trail_about },
  tenants: { label: m.admin_tenants, about: m.admin_tenants_about },
  users: { label: m.admin_users, about: m.admin_users_about },
  roles: { label: m.admin_roles, about: m.admin_roles_about },
  keys: { label: m.admin_keys, about: m.admin_keys_about },
  providers: { label: m.admin_providers, about: m.admin_providers_about },
  settings: { label: m.admin_settings, about: m.admin_settings_about },
};

export const NEEDED_WORDS: Record<Needed, () => string> = {
  complete: m.admin_needs_complete,
  tenants: m.admin_needs_tenants,
  users: m.admin_needs_users,
  keys: m.admin_needs_keys,
  settings: m.admin_needs_settings,
};
