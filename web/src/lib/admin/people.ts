// How users read in lists and forms: names, states, roles; and which roles can be given.

import type { GivenRole, Role, User } from '$api/admin';
import type { IconName } from '$components/Icon.svelte';
import type { Tone } from '$lib/event';
import { listed } from '$lib/locale.svelte';
import { m } from '$lib/paraglide/messages';
import { plain } from '$lib/text';

import { READY_MADE_ROLES, type GivenReach } from './permissions';

export const USER_STATES = ['invited', 'active', 'locked', 'disabled'] as const;
export type UserState = (typeof USER_STATES)[number];

const STATES: Record<UserState, { tone: Tone; icon: IconName; label: () => string; about: () => string }> = {
  invited: { tone: 'blue', icon: 'clock', label: m.admin_user_invited, about: m.admin_user_invited_about },
  active: { tone: 'green', icon: 'check', label: m.admin_user_active, about: m.admin_user_active_about },
  locked: { tone: 'orange', icon: 'block', label: m.admin_user_locked, about: m.admin_user_locked_about },
  disabled: { tone: 'grey', icon: 'cross', label: m.admin_user_disabled, about: m.admin_user_disabled_about },
};

export function userState(state: string): (typeof STATES)[UserState] {
  return STATES[USER_STATES.find((known) => known === state) ?? 'disabled'];
}

/** First and last name; empty where neither is known. */
export function fullName({ first_name, last_name }: Pick<User, 'first_name' | 'last_name'>): string {
  return [first_name, last_name].filter((name) => name !== null && name !== undefined && name !== '').join(' ');
}

/** `Channel Partner (north, south)` */
export function shownRole({ role, territories = [] }: GivenRole): string {
  return territories.length === 0 ? plain(role) : `${plain(role)} (${listed(territories.map(plain))})`;
}

export function matchesUser(user: User, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  if (wanted === '') return true;
  const texts = [user.username, fullName(user), user.email, user.tenant, ...user.groups, ...user.roles.map(({ role }) => role)];
  return texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}

/**
 * The roles to choose from. Only complete user management lists them; others are offered the ready-made ones for parts
 * of the installation, and what they see that users have. What they may not give after all, the server refuses.
 */
export function rolesOffered(roles: readonly Role[] | undefined, users: readonly User[]): GivenReach[] {
  if (roles !== undefined) return roles.map(({ name, reach }) => ({ name, reach }));
  const offered = [...READY_MADE_ROLES];
  for (const { role, territories = [] } of users.flatMap((user) => user.roles)) {
    if (offered.some(({ name }) => name === role)) continue;
    offered.push({ name: role, reach: territories.length > 0 ? 'territories' : 'tenant' });
  }
  return offered;
}
