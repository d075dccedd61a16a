// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { DEFAULT_COLUMNS } from './columns';
import { filterQuery, isRelative, pageQuery } from './query';
import {
  DEFAULT_FILTERS,
  DEFAULT_STATE,
  NO_FILTERS,
  canonical,
  condition,
  eventPath,
  formatState,
  parseState,
  type Condition,
  type ViewState,
} from './url';

const parse = (query: string): ViewState => parseState(new URLSearchParams(query));
const is = (name: string, value: string): Condition => ({ name, value, not: false });
const not = (name: string, value: string): Condition => ({ name, value, not: true });

describe('the URL as state', () => {
  it('leaves the defaults out: the plain page is the last 24 hours', () => {
    expect(formatState(DEFAULT_STATE)).toBe('');
    expect(parse('')).toEqual(DEFAULT_STATE);
    expect(parse('').filters.since).toBe('-24h');
    expect(parse('tz=Asia/Tokyo&limit=50&open=ev').filters).toEqual(DEFAULT_FILTERS);
  });

  it('says everything else, and reads it back', () => {
    const state: ViewState = {
      filters: {
        q: '"call queue" -x & y=1',
        conditions: [
          is('action_type', 'login'),
          is('action_type', 'delete'),
          not('outcome', 'failure'),
          not('actor', '!odd'),
          is('ip', '2001:db8::/32'),
          is('affected', 'a b&c=d+e'),
          is('tenant', 'acme'),
          is('received_since', '-7d'),
          not('filter', 'severity le 2'),
        ],
        since: '-3d',
        until: '2026-11-20T09:00:00Z',
      },
      zone: 'America/New_York',
      limit: 50,
      cursor: { direction: 'before', token: 'a+b/c=', page: 3, anchor: '2026-11-20T10:00:00.000Z' },
      open: { id: 'ev~1', tenant: 'acme' },
      view: 'cards',
      columns: ['time', 'by', 'address'],
      live: false,
    };
    const query = formatState(state);
    expect(parse(query)).toEqual(state);
    for (const part of ['action_type=login&action_type=delete', 'outcome=!failure', 'since=-3d', 'tz=America/New_York', 'until=2026-11-20T09:00:00Z', 'view=cards', 'columns=time,by,address']) {
      expect(query).toContain(part);
    }
  });

  it('says table or cards, columns and live where they are not as they always are', () => {
    expect(formatState({ ...DEFAULT_STATE, view: 'table', columns: DEFAULT_COLUMNS })).toBe('');
    expect(formatState({ ...DEFAULT_STATE, columns: [] })).toBe('columns=none');
    expect(parse('columns=none').columns).toEqual([]);
    expect(parse('columns=by,time,colour&view=cards')).toEqual({ ...DEFAULT_STATE, view: 'cards', columns: ['time', 'by'] });
    expect(parse('columns=colour&view=poster&live=yes')).toEqual(DEFAULT_STATE);
  });

  it('has no pages of what comes in live', () => {
    const cursor = { direction: 'after', token: 'x', page: 2, anchor: '2026-11-20T10:00:00.000Z' } as const;
    expect(formatState({ ...DEFAULT_STATE, live: true, cursor })).toBe('live=1');
    expect(parse('live=1&after=x&page=2&at=2026-11-20T10:00:00.000Z')).toEqual({ ...DEFAULT_STATE, live: true });
  });

  it('says "since ever" in so many words', () => {
    expect(formatState({ ...DEFAULT_STATE, filters: NO_FILTERS })).toBe('since=ever');
    expect(parse('since=ever').filters).toEqual(NO_FILTERS);
    const filters = { ...NO_FILTERS, q: 'x' };
    expect(formatState({ ...DEFAULT_STATE, filters })).toBe('q=x&since=ever');
    expect(parse('q=x&since=ever').filters).toEqual(filters);
    expect(formatState({ ...DEFAULT_STATE, filters: { ...DEFAULT_FILTERS, q: 'x' } })).toBe('q=x&since=-24h');
  });

  it('keeps links of before: filters without a range are since ever', () => {
    expect(parse('q=gate&tenant=acme').filters).toEqual({ ...NO_FILTERS, q: 'gate', conditions: [is('tenant', 'acme')] });
    expect(parse('tenant=acme&until=-1d').filters).toEqual({ ...NO_FILTERS, conditions: [is('tenant', 'acme')], until: '-1d' });
    expect(parse('since=-24h').filters).toEqual(DEFAULT_FILTERS);
  });

  it('drops what it cannot read, and guesses nothing', () => {
    expect(parse('limit=7&tz=Mars&since=soon&after=x&page=2')).toEqual(DEFAULT_STATE);
    expect(parse('outcome=fail&severity=5&held=maybe&actor=&ip=!&received_since=!-3d&colour=red')).toEqual(DEFAULT_STATE);
    expect(parse('outcome=Failure&severity=HIGH').filters.conditions).toEqual([is('outcome', 'failure'), is('severity', 'high')]);
    expect(parse('after=x&at=2026-11-20T10:00:00Z&page=-4').cursor?.page).toBe(1);
    expect(parse('since=P7D').filters.since).toBe('-7d');
  });

  it('has one form for the same filters', () => {
    const conditions = [is('tenant', 'a'), is('outcome', 'success'), is('action_type', 'b'), is('tenant', 'a'), is('action_type', 'a')];
    expect(canonical({ ...NO_FILTERS, q: '  a \u201cb  c', conditions })).toEqual({
      ...NO_FILTERS,
      q: 'a "b  c"',
      conditions: [is('action_type', 'b'), is('action_type', 'a'), is('outcome', 'success'), is('tenant', 'a')],
    });
  });

  it('asks for a value that begins with "!" in the filter language', () => {
    expect(condition('actor', '!x"y')).toEqual(is('filter', 'actor eq "!x\\"y"'));
    expect(condition('actor', '!x', true)).toEqual(not('actor', '!x'));
    expect(condition('constructor', 'x')).toBeNull();
  });

  it('never carries a key', () => {
    expect(formatState(parse('key=secret&authorization=secret'))).toBe('');
  });

  it('makes an address for one event, whatever its id', () => {
    expect(eventPath({ id: 'a?b#c%', tenant: 'acme' }, null)).toBe('/events/a%3Fb%23c%25?tenant=acme');
    expect(eventPath({ id: 'x', tenant: '' }, 'Europe/Paris')).toBe('/events/x?tz=Europe/Paris');
  });
});

describe('what the API is asked', () => {
  const anchor = '2026-11-20T15:00:00.000Z';

  it('anchors relative ranges', () => {
    expect(pageQuery(parse('q=%20x%20&since=-24h&limit=10'), anchor, 'UTC')).toEqual({
      q: 'x',
      since: '2026-11-19T15:00:00Z',
      limit: 10,
    });
    expect(pageQuery(parse('since=today'), anchor, 'Asia/Tokyo').since).toBe('2026-11-20T15:00:00Z');
    expect(filterQuery(parse('received_since=-1h').filters, anchor, 'UTC')).toEqual({ received_since: '2026-11-20T14:00:00Z' });
  });

  it('repeats a name for each of its values, and negates as the API does', () => {
    const { filters } = parse('object=dialing&object=route&outcome=!success&filter=!severity le 2&filter=changes pr&since=ever');
    expect(filterQuery(filters, anchor, 'UTC')).toEqual({
      object: ['dialing', 'route'],
      outcome: '!success',
      filter: ['not (severity le 2)', 'changes pr'],
    });
  });

  it("keeps a later page on the first page's anchor: a cursor belongs to one query", () => {
    const later = parse('since=-24h&after=cur&page=2&at=2026-11-20T14:00:00.000Z');
    expect(pageQuery(later, anchor, 'UTC')).toEqual({ since: '2026-11-19T14:00:00Z', after: 'cur', limit: 25 });
  });

  it('knows which ranges move', () => {
    expect(isRelative(parse('since=-1h').filters)).toBe(true);
    expect(isRelative(parse('until=today').filters)).toBe(true);
    expect(isRelative(parse('received_until=-1d&since=ever').filters)).toBe(true);
    expect(isRelative(parse('since=2026-11-20T09:00:00Z').filters)).toBe(false);
    expect(isRelative(parse('since=ever').filters)).toBe(false);
  });
});
