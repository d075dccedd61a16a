// Addresses of the administration.

import { resolve } from '$app/paths';

import type { AdminPage } from './pages';

export function adminPath(page: AdminPage): string {
  return resolve(`/admin/${page}`);
}

export function tenantPath(name: string): string {
  return resolve('/admin/tenants/[name]', { name: encodeURIComponent(name) });
}

export function userPath(id: string): string {
  return resolve('/admin/users/[id]', { id: encodeURIComponent(id) });
}

/** The address that a link to choose a password by leads to; browsers keep what stands behind `#` to themselves. */
export function passwordAddress(link: string): string {
  return `${new URL(resolve('/password'), location.origin).href}#${link}`;
}

/** A query string of what is not empty, with "?"; empty where nothing is left. */
export function queryOf(values: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== '')).toString();
  return query === '' ? '' : `?${query}`;
}

/** The query string of an address after some of it changed; what becomes empty is left out. */
export function changedQuery(params: URLSearchParams, changes: Record<string, string>): string {
  const query = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
  return text === '' ? '?' : `?${text}`;
}
