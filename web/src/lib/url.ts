// The URL is the state of the events page: filters, range, zone, page and open event. This is its grammar.
//
// What equals the default is left out, so that `/` is the plain page and a link says only what was chosen. Values that
// can't be read are dropped, never guessed; the page then shows the default, and the address bar is rewritten on the
// next change. Never in the URL: the key.

import { momentToken, parseMoment } from './time/moment';
import { knownZone } from './time/zone';

export const PAGE_SIZES = [10, 25, 50] as const;
export type PageSize = (typeof PAGE_SIZES)[number];
export const PAGE_SIZE_DEFAULT: PageSize = 25;

export interface Filters {
  /** Words, phrases, prefixes, negations: the API's `q`. */
  q: string;
  /** A tenant's name; it and everything below it. Empty: all within reach. */
  tenant: string;
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
}

export const NO_FILTERS: Filters = { q: '', tenant: '', since: '', until: '' };

export const DEFAULT_STATE: ViewState = {
  filters: NO_FILTERS,
  zone: null,
  limit: PAGE_SIZE_DEFAULT,
  cursor: null,
  open: null,
};

export function hasFilters(filters: Filters): boolean {
  return Object.values(filters).some((value) => value !== '');
}

export function parseState(params: URLSearchParams): ViewState {
  const zone = knownZone(params.get('tz') ?? '');
  // Absolute tokens are in UTC, relative ones need no zone: any zone reads them alike.
  const moment = (name: string): string => {
    const parsed = parseMoment(params.get(name) ?? '', 'UTC');
    return parsed === null ? '' : momentToken(parsed);
  };
  const limit = PAGE_SIZES.find((size) => String(size) === params.get('limit')) ?? PAGE_SIZE_DEFAULT;
  const open = params.get('open') ?? '';
  return {
    filters: {
      q: params.get('q') ?? '',
      tenant: params.get('tenant') ?? '',
      since: moment('since'),
      until: moment('until'),
    },
    zone,
    limit,
    cursor: parseCursor(params),
    open: open === '' ? null : { id: open, tenant: params.get('in') ?? '' },
  };
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
  for (const [name, value] of Object.entries(filters)) {
    if (value !== '') params.set(name, value);
  }
  if (state.zone !== null) params.set('tz', state.zone);
  if (state.limit !== PAGE_SIZE_DEFAULT) params.set('limit', String(state.limit));
  if (cursor !== null) {
    params.set(cursor.direction, cursor.token);
    params.set('page', String(cursor.page));
    params.set('at', cursor.anchor);
  }
  if (open !== null) {
    params.set('open', open.id);
    if (open.tenant !== '') params.set('in', open.tenant);
  }
  // Colons and slashes may stand in a query; unescaped they keep times and zones readable.
  return params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/');
}

/** Path of an event's own page, below the base. */
export function eventPath(event: OpenEvent, zone: string | null): string {
  const params = new URLSearchParams();
  if (event.tenant !== '') params.set('tenant', event.tenant);
  if (zone !== null) params.set('tz', zone);
  const query = params.toString().replaceAll('%2F', '/');
  return `/events/${encodeURIComponent(event.id)}${query === '' ? '' : `?${query}`}`;
}
