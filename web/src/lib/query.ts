// From the state of the URL to what the API is asked.

import type { EventsQuery } from '$api/client';

import { parseMoment, resolveMoment } from './time/moment';
import type { Filters, ViewState } from './url';

/** The filters alone, relative moments anchored at `anchor`. */
export function filterQuery(filters: Filters, anchor: string, zone: string): EventsQuery {
  const query: EventsQuery = {};
  const q = filters.q.trim();
  if (q !== '') query.q = q;
  const tenant = filters.tenant.trim();
  if (tenant !== '') query.tenant = tenant;
  for (const name of ['since', 'until'] as const) {
    const moment = parseMoment(filters[name], 'UTC');
    if (moment !== null) query[name] = resolveMoment(moment, Date.parse(anchor), zone);
  }
  return query;
}

/** One page of a state. */
export function pageQuery(state: ViewState, anchor: string, zone: string): EventsQuery {
  const query = filterQuery(state.filters, state.cursor?.anchor ?? anchor, zone);
  query.limit = state.limit;
  if (state.cursor !== null) query[state.cursor.direction] = state.cursor.token;
  return query;
}

/** Whether the range means something else in another zone or at another time. */
export function isRelative(filters: Filters): boolean {
  return [filters.since, filters.until].some((token) => {
    const moment = parseMoment(token, 'UTC');
    return moment !== null && moment.kind !== 'absolute';
  });
}
