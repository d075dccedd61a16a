// Addresses around the investigation of a user: its own, and those of the events behind each of its numbers.

import type { EventsQuery } from '$api/client';

import { momentToken, parseMoment, resolveMoment } from './time/moment';

/** What is looked at unless the address says otherwise: the last year. */
export const SINCE_DEFAULT = '-1y';
/** The address's word for a range without a beginning, as on the events page. */
const EVER = 'ever';

export interface Investigation {
  /** Id, username or alias, as filters find users. */
  user: string;
  /** Tokens of time/moment.ts; empty: no bound. */
  since: string;
  until: string;
  /** What they did and what was done to them, side by side. */
  isSplit: boolean;
}

export function parseInvestigation(params: URLSearchParams): Investigation {
  const moment = (name: string): string => {
    const parsed = parseMoment(params.get(name) ?? '', 'UTC');
    return parsed === null ? '' : momentToken(parsed);
  };
  const since = moment('since');
  const until = moment('until');
  return {
    user: (params.get('user') ?? '').trim(),
    since: since === '' && params.get('since') !== EVER ? SINCE_DEFAULT : since,
    until,
    isSplit: params.get('columns') === '2',
  };
}

/** Path and query of an investigation, below the base. */
export function investigatePath(wanted: Pick<Investigation, 'user'> & Partial<Investigation>, zone: string | null): string {
  const { user, since = SINCE_DEFAULT, until = '', isSplit = false } = wanted;
  const params = new URLSearchParams({ user });
  if (since !== SINCE_DEFAULT) params.set('since', since === '' ? EVER : since);
  if (until !== '') params.set('until', until);
  if (isSplit) params.set('columns', '2');
  if (zone !== null) params.set('tz', zone);
  return `/investigate?${readable(params)}`;
}

/** The filters behind a number, by their names in the API; of a name that comes twice, either value. */
export type Asked = readonly (readonly [name: string, value: string])[];

/** "!" before a value is the API's "not"; a value that itself begins so is asked for in the filter language. */
function spelt([name, value]: readonly [string, string]): readonly [string, string] {
  return value.startsWith('!') ? ['filter', `${name} eq ${JSON.stringify(value)}`] : [name, value];
}

/** Path and query of the events page with these filters, below the base. */
export function eventsPath(asked: Asked, range: { since: string; until: string }, zone: string | null): string {
  const params = new URLSearchParams(asked.map((one) => [...spelt(one)]));
  params.set('since', range.since === '' ? EVER : range.since);
  if (range.until !== '') params.set('until', range.until);
  if (zone !== null) params.set('tz', zone);
  return `/?${readable(params)}`;
}

/** A range whose relative moments are resolved, as the API takes it; perhaps with the zone that it is judged in. */
export type Resolved = Pick<EventsQuery, 'since' | 'until' | 'tz'>;

export function resolveRange(range: { since: string; until: string }, nowMs: number, zone: string): Resolved {
  const resolved: Resolved = {};
  for (const name of ['since', 'until'] as const) {
    const moment = parseMoment(range[name], 'UTC');
    if (moment !== null) resolved[name] = resolveMoment(moment, nowMs, zone);
  }
  return resolved;
}

/** What the API is asked about these filters. */
export function askedQuery(asked: Asked, range: Resolved): EventsQuery {
  const query: Record<string, string | string[]> = { ...range };
  for (const [name, value] of asked.map(spelt)) {
    const others = query[name];
    query[name] = others === undefined ? value : [others, value].flat();
  }
  // OpenAPI has one type for a parameter, however often it may be given; openapi-fetch repeats those that are lists.
  return query as EventsQuery;
}

/** What a sign-in that came to nothing ended with. */
export const FAILED: Asked = [
  ['outcome', 'failure'],
  ['outcome', 'denied'],
];

const DAY_MS = 86_400_000;
/** So long a user is known before an address can be new for them, and so long it stays new. */
const KNOWN_DAYS = 30;
const NEW_DAYS = 7;

/** Whether something was first seen lately, of somebody who was seen long before. */
export function isNewFor(first: string, firstOfUser: string, nowMs: number): boolean {
  const [seen, known] = [Date.parse(first), Date.parse(firstOfUser)];
  return seen >= nowMs - NEW_DAYS * DAY_MS && known < nowMs - KNOWN_DAYS * DAY_MS;
}

/** Colons and slashes may stand in a query; unescaped they keep times and zones readable. */
function readable(params: URLSearchParams): string {
  return params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/');
}
