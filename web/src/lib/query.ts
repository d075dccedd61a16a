// From the state of the URL to what the API is asked.

import type { EventsQuery } from '$api/client';

import { kindOf } from './fields';
import { parseMoment, resolveMoment } from './time/moment';
import { condition, type Condition, type Filters, type ViewState } from './url';

/** The filters alone, relative moments anchored at `anchor`. */
export function filterQuery(filters: Filters, anchor: string, zone: string): EventsQuery {
  const query: Record<string, string | string[]> = {};
  const q = filters.q.trim();
  if (q !== '') query.q = q;
  const resolved = (token: string): string | null => {
    const moment = parseMoment(token, 'UTC');
    return moment === null ? null : resolveMoment(moment, Date.parse(anchor), zone);
  };
  for (const given of filters.conditions) {
    const one = condition(given.name, given.value, given.not);
    if (one === null) continue;
    const value = kindOf(one.name) === 'moment' ? resolved(one.value) : asked(one);
    if (value === null) continue;
    const others = query[one.name];
    // One value stands alone, several are sent as that many parameters.
    query[one.name] = others === undefined ? value : [others, value].flat();
  }
  for (const name of ['since', 'until'] as const) {
    const value = resolved(filters[name]);
    if (value !== null) query[name] = value;
  }
  // OpenAPI has one type for a parameter, however often it may be given; openapi-fetch repeats those that are lists.
  return query as EventsQuery;
}

function asked({ name, value, not }: Condition): string {
  if (!not) return value;
  return kindOf(name) === 'condition' ? `not (${value})` : `!${value}`;
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
  const received = filters.conditions.filter(({ name }) => kindOf(name) === 'moment').map(({ value }) => value);
  return [filters.since, filters.until, ...received].some((token) => {
    const moment = parseMoment(token, 'UTC');
    return moment !== null && moment.kind !== 'absolute';
  });
}
