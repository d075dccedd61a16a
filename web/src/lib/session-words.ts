// How a session reads: the browser that it is in, and how it began.

import { m } from '$lib/paraglide/messages';

import { browserOf } from './browser';
import { plain } from './text';

// A map, because a provider may have any name, such as `constructor`.
const METHODS = new Map([
  ['password', m.method_password],
  ['password+totp', m.method_password_totp],
  ['password+recovery', m.method_password_recovery],
  ['set-up', m.method_set_up],
]);

/** How it began; a provider's name stands for itself. */
export function methodLabel(method: string): string {
  return METHODS.get(method)?.() ?? method;
}

export function browserName(userAgent: string): string {
  const { name, system } = browserOf(userAgent);
  if (name !== null && system !== null) return m.browser_on({ name, system });
  return name ?? system ?? (userAgent === '' ? m.missing_detail() : plain(userAgent.slice(0, 60)));
}
