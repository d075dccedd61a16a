// From the filters of the page to the query that a job keeps, and back.
//
// A job's query is that of `GET /v1/events`, as in an address. Of an export it is of fixed moments, as everything that was
// counted beside it; of a report it may be counted back from each run, in ISO 8601 as the API has it: `since=P30D`.

import type { EventsQuery } from '$api/client';
import { kindOf } from '$lib/fields';
import { momentToken, parseMoment, type Moment } from '$lib/time/moment';
import { EVER, condition, formatState, parseState, type Filters } from '$lib/url';

function readable(params: URLSearchParams): string {
  return params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%21', '!').replaceAll('%2C', ',');
}

/** What the events were asked for by, with the zone. */
export function exportQuery(asked: EventsQuery, zone: string): string {
  const params = new URLSearchParams();
  for (const [name, given] of Object.entries(asked)) {
    if (name === 'as_of' || name === 'limit') continue;
    for (const value of [given].flat()) params.append(name, String(value));
  }
  params.set('tz', zone);
  return readable(params);
}

const ISO_DATE = { y: 'Y', mo: 'M', w: 'W', d: 'D' } as const;
const ISO_TIME = { h: 'H', m: 'M', s: 'S' } as const;

/** A moment as the API takes it; null for those that only a calendar knows. */
function kept(moment: Moment): string | null {
  switch (moment.kind) {
    case 'absolute':
      return momentToken(moment);
    case 'named':
      return moment.name === 'now' ? 'PT0S' : null;
    case 'relative': {
      const { span } = moment;
      const part = (units: Record<string, string>): string =>
        Object.entries(units)
          .map(([unit, letter]) => (span[unit as keyof typeof span] === undefined ? '' : `${span[unit as keyof typeof span]}${letter}`))
          .join('');
      const time = part(ISO_TIME);
      return `P${part(ISO_DATE)}${time === '' ? '' : `T${time}`}`;
    }
  }
}

/** The query of a report; null where a range begins with a day, week or month of the calendar, which a report can't keep. */
export function reportQuery(filters: Filters): string | null {
  const params = new URLSearchParams();
  let isKept = true;
  const add = (name: string, token: string): void => {
    const moment = parseMoment(token, 'UTC');
    const value = moment === null ? null : kept(moment);
    if (value === null) isKept = false;
    else params.append(name, value);
  };
  if (filters.q.trim() !== '') params.set('q', filters.q.trim());
  for (const given of filters.conditions) {
    const one = condition(given.name, given.value, given.not);
    if (one === null) continue;
    if (kindOf(one.name) === 'moment') add(one.name, one.value);
    else if (!one.not) params.append(one.name, one.value);
    else params.append(one.name, kindOf(one.name) === 'condition' ? `not (${one.value})` : `!${one.value}`);
  }
  for (const name of ['since', 'until'] as const) if (filters[name] !== '') add(name, filters[name]);
  return isKept ? readable(params) : null;
}

/** The filters of a query that was kept; one without a range is since ever. */
export function filtersOf(query: string): Filters {
  const params = new URLSearchParams(query);
  if (!params.has('since') && !params.has('until')) params.set('since', EVER);
  return parseState(params).filters;
}

/** The query of the events page that shows the same. */
export function pageQueryOf(query: string, zone: string | null = null): string {
  const params = new URLSearchParams(query);
  if (!params.has('since') && !params.has('until')) params.set('since', EVER);
  const state = parseState(params);
  return formatState({ ...state, zone: state.zone ?? zone, cursor: null, open: null, live: false });
}

/** What a view keeps of an address: no page of a result, no open event; its columns are by themselves. */
export function viewQuery(search: string): { query: string; columns: string[] | null } {
  const state = parseState(new URLSearchParams(search));
  const query = formatState({ ...state, cursor: null, open: null, columns: null });
  return { query: query === '' ? `since=${state.filters.since === '' ? EVER : state.filters.since}` : query, columns: state.columns === null ? null : [...state.columns] };
}
