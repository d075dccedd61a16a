// What else belongs to an event: of the same session, the same request, from the same address about that time.

import type { EventsQuery } from '$api/client';
import type { AuditEvent } from '$api/types';

import { m } from './paraglide/messages';
import { placeTarget, target, type PivotTarget } from './pivot';
import { microsecondsOf, toRfc3339 } from './time/instant';

export interface Relation {
  label: string;
  target: PivotTarget;
  /** Tokens of the range that it is about (time/moment.ts); empty: no bound. */
  range: { since: string; until: string };
  /** What the API is asked for the short list. */
  query: EventsQuery;
}

/** Of what the short list has. */
export const RELATED_MAX = 5;
const HOUR_US = 3_600_000_000n;
const EVER = { since: '', until: '' };

export function relations(event: AuditEvent): Relation[] {
  const list: Relation[] = [];
  const add = (label: string, of: PivotTarget | null, range = EVER): void => {
    // One more, since the event itself is among them.
    const bounds = range === EVER ? {} : range;
    if (of !== null) list.push({ label, target: of, range, query: { ...bounds, [of.name]: of.value, limit: RELATED_MAX + 1 } });
  };
  add(m.related_session(), target('session_id', event.session_id));
  add(m.related_request(), target('request_id', event.request_id));
  add(m.related_trace(), target('trace_id', event.trace_id));
  const at = microsecondsOf(event.time);
  // Hours are whole: an address says little about what happened days apart.
  const around = at === null ? EVER : { since: toRfc3339(at - HOUR_US), until: toRfc3339(at + HOUR_US) };
  add(m.related_address(), placeTarget(event), around);
  return list;
}
