// Addresses to hand on: of one event, and of a range that stays what it is today.

import { resolve } from '$app/paths';

import type { AuditEvent } from '$api/types';

import { announcer } from './announce.svelte';
import { copyText } from './copy';
import { m } from './paraglide/messages';
import { momentToken, parseMoment, resolveMoment } from './time/moment';
import { eventPath, type OpenEvent } from './url';

/** Where an event's own page is, below the path prefix. */
export function eventHref(event: OpenEvent, linkZone: string | null): string {
  return resolve('/') + eventPath(event, linkZone).slice(1);
}

function absolute(href: string): string {
  return new URL(href, window.location.href).href;
}

/** Copies an address, and says so. */
export async function copyHref(href: string): Promise<void> {
  announcer.say((await copyText(absolute(href))) ? m.copied({ what: m.copied_link() }) : m.copy_failed());
}

/** Copies the address of an event's own page, which opens whatever the filters. */
export function copyEventLink(event: OpenEvent, linkZone: string | null): Promise<void> {
  return copyHref(eventHref(event, linkZone));
}

/** The filters with their range as it was at `anchor`: "the last hour" becomes that hour, and an open end ends there. */
export function fixedRange<Filters extends { since: string; until: string }>(filters: Filters, anchor: string, zone: string): Filters {
  const fixed = (token: string): string => {
    const moment = parseMoment(token, zone);
    if (moment === null) return '';
    const at = parseMoment(resolveMoment(moment, Date.parse(anchor), zone), zone);
    return at === null ? '' : momentToken(at);
  };
  return { ...filters, since: fixed(filters.since), until: fixed(filters.until === '' ? 'now' : filters.until) };
}

/** A command that asks the API for the event; the key is a variable of the shell, never written out. */
export function curlCommand(event: Pick<AuditEvent, 'id' | 'tenant'>): string {
  const path = `${resolve('/')}v1/events/${encodeURIComponent(event.id)}?tenant=${encodeURIComponent(event.tenant)}`;
  // Within single quotes a shell reads nothing but the closing one.
  const address = absolute(path).replaceAll("'", '%27');
  return `curl --fail --header "Authorization: Bearer $INDELIBLE_KEY" '${address}'`;
}
