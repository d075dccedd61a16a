// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { isRelative, pageQuery } from './query';
import { DEFAULT_STATE, eventPath, formatState, parseState, type ViewState } from './url';

const parse = (query: string): ViewState => parseState(new URLSearchParams(query));

describe('the URL as state', () => {
  it('leaves the defaults out', () => {
    expect(formatState(DEFAULT_STATE)).toBe('');
    expect(parse('')).toEqual(DEFAULT_STATE);
  });

  it('says everything else, and reads it back', () => {
    const state: ViewState = {
      filters: { q: '"call queue" -x & y=1', tenant: 'acme', since: '-3d', until: '2026-11-20T09:00:00Z' },
      zone: 'America/New_York',
      limit: 50,
      cursor: { direction: 'before', token: 'a+b/c=', page: 3, anchor: '2026-11-20T10:00:00.000Z' },
      open: { id: 'ev~1', tenant: 'acme' },
    };
    const query = formatState(state);
    expect(parse(query)).toEqual(state);
    expect(query).toContain('since=-3d');
    expect(query).toContain('tz=America/New_York');
    expect(query).toContain('until=2026-11-20T09:00:00Z');
  });

  it('drops what it cannot read, and guesses nothing', () => {
    expect(parse('limit=7&tz=Mars&since=soon&after=x&page=2')).toEqual(DEFAULT_STATE);
    expect(parse('after=x&at=2026-11-20T10:00:00Z&page=-4').cursor?.page).toBe(1);
    expect(parse('since=P7D').filters.since).toBe('-7d');
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
  });

  it("keeps a later page on the first page's anchor: a cursor belongs to one query", () => {
    const later = parse('since=-24h&after=cur&page=2&at=2026-11-20T14:00:00.000Z');
    expect(pageQuery(later, anchor, 'UTC')).toEqual({ since: '2026-11-19T14:00:00Z', after: 'cur', limit: 25 });
  });

  it('knows which ranges move', () => {
    expect(isRelative(parse('since=-1h').filters)).toBe(true);
    expect(isRelative(parse('until=today').filters)).toBe(true);
    expect(isRelative(parse('since=2026-11-20T09:00:00Z').filters)).toBe(false);
    expect(isRelative(parse('').filters)).toBe(false);
  });
});
