// The URL is the state of the events page: filters, range, zone, page, open event, table or cards, columns, live. This is
// its grammar.
//
// Filters have the API's own names and mean what they mean there: `action_type=login&outcome=!success`, a name as often as it
// has values, `!` for "not". `/` is the plain page: the last 24 hours. Any other filter says its range with it, `since=ever`
// where it has no beginning; a link that has filters but no range (older ones, or one written as for the API) has none.
// What equals the default is left out, so that a link says only what was chosen. Values that can't be read are dropped, never
// guessed; the page then shows the default, and the address bar is rewritten on the next change. Never in the URL: the key.

import { DEFAULT_COLUMNS, VIEWS, knownColumns, type ColumnId, type View } from './columns';
import { FIELD_NAMES, isFieldName, kindOf, valuesOf } from './fields';
import { momentToken, parseMoment } from './time/moment';
import { knownZone } from './time/zone';
import { termsOf } from './words';

export const PAGE_SIZES = [10, 25, 50] as const;
export type PageSize = (typeof PAGE_SIZES)[number];
export const PAGE_SIZE_DEFAULT: PageSize = 25;

/** One value of one filter of the API. */
export interface Condition {
  /** As the API calls it: `actor`, `outcome` ... (fields.ts). */
  name: string;
  value: string;
  /** What must not be there. */
  not: boolean;
}

export interface Filters {
  /** Words, phrases, prefixes, negations: the API's `q`. */
  q: string;
  conditions: Condition[];
  /** Token of a moment (time/moment.ts); empty: since ever. */
  since: string;
  /** Token of a moment, exclusive; empty: no end. */
  until: string;
}

export interface Cursor {
  direction: 'after' | 'before';
  token: string;
  /** For people: the number of the page that it leads to. */
  page: number;
  /** When relative ranges were anchored for the first page: a cursor belongs to one query. */
  anchor: string;
}

export interface OpenEvent {
  id: string;
  tenant: string;
}

export interface ViewState {
  filters: Filters;
  /** IANA zone; null: the reader's own. */
  zone: string | null;
  limit: PageSize;
  cursor: Cursor | null;
  open: OpenEvent | null;
  /** Null: the reader's own. */
  view: View | null;
  /** Of the table; null: the reader's own. */
  columns: readonly ColumnId[] | null;
  /** Whether what comes in now is shown, rather than a page. */
  live: boolean;
}

/** What the page opens with, and what Clear returns to. */
export const DEFAULT_FILTERS: Filters = { q: '', conditions: [], since: '-24h', until: '' };
/** Everything there is. */
export const NO_FILTERS: Filters = { q: '', conditions: [], since: '', until: '' };
/** The URL's word for a range without a beginning. */
export const EVER = 'ever';
/** The URL's word for a table without columns. */
const NO_COLUMNS = 'none';

export const DEFAULT_STATE: ViewState = {
  filters: DEFAULT_FILTERS,
  zone: null,
  limit: PAGE_SIZE_DEFAULT,
  cursor: null,
  open: null,
  view: null,
  columns: null,
  live: false,
};

/** Whether anything is left out. */
export function hasFilters(filters: Filters): boolean {
  return !sameFilters(filters, NO_FILTERS);
}

export function sameFilters(left: Filters, right: Filters): boolean {
  return JSON.stringify(canonical(left)) === JSON.stringify(canonical(right));
}

/**
 * A condition as it may stand among others; null where its value can't be read.
 *
 * `!` before a value is the API's "not". A value that itself begins so is asked for in the filter language.
 */
export function condition(name: string, value: string, not = false): Condition | null {
  if (!isFieldName(name) || value.trim() === '') return null;
  if (kindOf(name) === 'moment') {
    const moment = parseMoment(value, 'UTC');
    return moment === null || not ? null : { name, value: momentToken(moment), not };
  }
  const values = valuesOf(name);
  if (values !== null) {
    const known = value.trim().toLowerCase();
    return values.includes(known) ? { name, value: known, not } : null;
  }
  if (kindOf(name) === 'condition') {
    return value.startsWith('!') ? condition(name, value.slice(1), !not) : { name, value: value.trim(), not };
  }
  if (value.startsWith('!') && !not) {
    return { name: 'filter', value: `${name} eq ${JSON.stringify(value)}`, not };
  }
  return { name, value, not };
}

/** The same filters in one form: conditions in the order of fields.ts, none twice; words apart by one blank. */
export function canonical(filters: Filters): Filters {
  const seen = new Set<string>();
  const conditions = filters.conditions
    .flatMap(({ name, value, not }) => condition(name, value, not) ?? [])
    .filter((one) => {
      // A bound of time is given once.
      const key = kindOf(one.name) === 'moment' ? one.name : JSON.stringify([one.name, one.value, one.not]);
      return !seen.has(key) && seen.add(key);
    });
  const place = ({ name }: Condition): number => (FIELD_NAMES as string[]).indexOf(name);
  conditions.sort((left, right) => place(left) - place(right));
  const { since, until } = filters;
  return { q: termsOf(filters.q).join(' '), conditions, since, until };
}

export function parseState(params: URLSearchParams): ViewState {
  const zone = knownZone(params.get('tz') ?? '');
  const limit = PAGE_SIZES.find((size) => String(size) === params.get('limit')) ?? PAGE_SIZE_DEFAULT;
  const open = params.get('open') ?? '';
  const live = params.get('live') === '1';
  return {
    filters: parseFilters(params),
    zone,
    limit,
    // What comes in has no pages.
    cursor: live ? null : parseCursor(params),
    open: open === '' ? null : { id: open, tenant: params.get('in') ?? '' },
    view: VIEWS.find((known) => known === params.get('view')) ?? null,
    columns: parseColumns(params.get('columns')),
    live,
  };
}

function parseFilters(params: URLSearchParams): Filters {
  // Absolute tokens are in UTC, relative ones need no zone: any zone reads them alike.
  const moment = (name: string): string => {
    const parsed = parseMoment(params.get(name) ?? '', 'UTC');
    return parsed === null ? '' : momentToken(parsed);
  };
  const conditions: Condition[] = [];
  for (const [name, given] of params) {
    const not = given.startsWith('!');
    const read = condition(name, not ? given.slice(1) : given, not);
    if (read !== null) conditions.push(read);
  }
  const filters = canonical({ q: params.get('q') ?? '', conditions, since: moment('since'), until: moment('until') });
  const plain = !hasFilters(filters) && params.get('since') !== EVER;
  return plain ? DEFAULT_FILTERS : filters;
}

function parseColumns(given: string | null): ColumnId[] | null {
  if (given === NO_COLUMNS) return [];
  const known = knownColumns((given ?? '').split(',')) ?? [];
  return known.length === 0 ? null : known;
}

function parseCursor(params: URLSearchParams): Cursor | null {
  const after = params.get('after');
  const before = params.get('before');
  const token = after ?? before;
  const anchor = params.get('at') ?? '';
  if (token === null || token === '' || Number.isNaN(Date.parse(anchor))) return null;
  const page = Number(params.get('page'));
  return {
    direction: after === null ? 'before' : 'after',
    token,
    page: Number.isInteger(page) && page > 0 ? page : 1,
    anchor,
  };
}

/** The query string of a state, without "?". `parseState` reads it back. */
export function formatState(state: ViewState): string {
  const params = new URLSearchParams();
  const { filters, cursor, open } = state;
  if (!sameFilters(filters, DEFAULT_FILTERS)) {
    if (filters.q !== '') params.set('q', filters.q);
    for (const { name, value, not } of filters.conditions) params.append(name, not ? `!${value}` : value);
    params.set('since', filters.since === '' ? EVER : filters.since);
    if (filters.until !== '') params.set('until', filters.until);
  }
  if (state.zone !== null) params.set('tz', state.zone);
  if (state.limit !== PAGE_SIZE_DEFAULT) params.set('limit', String(state.limit));
  if (state.view !== null && state.view !== VIEWS[0]) params.set('view', state.view);
  if (state.columns !== null && String(state.columns) !== String(DEFAULT_COLUMNS)) {
    params.set('columns', state.columns.length === 0 ? NO_COLUMNS : state.columns.join(','));
  }
  if (state.live) params.set('live', '1');
  if (cursor !== null && !state.live) {
    params.set(cursor.direction, cursor.token);
    params.set('page', String(cursor.page));
    params.set('at', cursor.anchor);
  }
  if (open !== null) {
    params.set('open', open.id);
    if (open.tenant !== '') params.set('in', open.tenant);
  }
  // These may stand in a query; unescaped they keep times, zones and negations readable.
  return params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%21', '!').replaceAll('%2C', ',');
}

/** Path of an event's own page, below the base. */
export function eventPath(event: OpenEvent, zone: string | null): string {
  const params = new URLSearchParams();
  if (event.tenant !== '') params.set('tenant', event.tenant);
  if (zone !== null) params.set('tz', zone);
  const query = params.toString().replaceAll('%2F', '/');
  return `/events/${encodeURIComponent(event.id)}${query === '' ? '' : `?${query}`}`;
}
