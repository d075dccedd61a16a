// What jobs say and ask: states, sizes, pace, and queries from the page and back.

import { describe, expect, it } from 'vitest';

import { DEFAULT_FILTERS, NO_FILTERS, parseState } from '$lib/url';
import { viewAddress } from '$lib/view-address';

import { anExport, aRun } from '../../test/jobs';
import { fileColumns } from './columns';
import { STATE_LOOKS, percentOf, problemText, progressText, sharedLabel, shownBytes } from './looks';
import { Pace } from './polling';
import { exportQuery, filtersOf, pageQueryOf, reportQuery, viewQuery } from './query';

describe('looks', () => {
  it('every state has a word and an icon of its own', () => {
    const labels = Object.values(STATE_LOOKS).map(({ label }) => label());
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).toContain('Completed');
  });

  it('sizes are in steps of a thousand', () => {
    expect([0, 999, 1000, 1_234_567, 250_000_000].map(shownBytes)).toEqual(['0 byte', '999 byte', '1 kB', '1.2 MB', '250 MB']);
  });

  it('progress is a part of a hundred, where its end is known', () => {
    expect(percentOf({ done: 1, total: 3 })).toBe(33);
    expect(percentOf({ done: 5, total: 3 })).toBe(100);
    expect(percentOf({ done: 0, total: 0 })).toBe(100);
    expect(percentOf({ done: 5, total: null })).toBeNull();
    expect(progressText({ done: 1200, total: 3400 })).toBe('1,200 of 3,400 events');
  });

  it('says why in our words where it knows the code, and the server’s after them', () => {
    expect(problemText({ code: 'range_not_allowed', detail: '' })).toBe('The time range goes beyond what its owner may ask for.');
    expect(problemText({ code: 'new_one', detail: 'The disk left.' })).toBe('The disk left.');
    expect(problemText({ code: 'new_one', detail: '' })).toBe('new_one');
  });

  it('names whom it is shared with', () => {
    expect(sharedLabel({ kind: 'tenant', name: 'acme' })).toBe('Tenant acme');
    expect(sharedLabel({ kind: 'nobody' })).toBe('Only me');
    expect(sharedLabel({ kind: 'tenant', name: null })).toBe('A tenant');
  });
});

describe('the pace of asking', () => {
  const running = (done: number) => [anExport('1', { state: 'running', progress: { done, total: 100 } })];

  it('is none where nothing is under way', () => {
    const pace = new Pace();
    expect(pace.next(undefined)).toBe(false);
    expect(pace.next([anExport('1', { state: 'completed' })])).toBe(false);
  });

  it('goes on until the mails of a run are sent', () => {
    const run = (state: string) => [aRun('1', { state: 'completed', deliveries: [{ to: 'a@b.c', state, attempts: 1, answer: null, at: null }] })];
    const pace = new Pace();
    expect(pace.next(run('waiting'))).toBe(1000);
    expect(pace.next(run('sent'))).toBe(false);
  });

  it('slows down while nothing changes, to a quarter of a minute, and begins anew with a change', () => {
    const pace = new Pace();
    const delays = Array.from({ length: 12 }, () => pace.next(running(5)));
    expect(delays.slice(0, 3)).toEqual([1000, 1500, 2250]);
    expect(delays.at(-1)).toBe(15_000);
    expect(pace.next(running(6))).toBe(1000);
  });

  it('is the same however often the same answer is looked at', () => {
    const pace = new Pace();
    const answer = running(1);
    expect([pace.next(answer), pace.next(answer), pace.next(answer)]).toEqual([1000, 1000, 1000]);
  });
});

describe('queries', () => {
  it('of an export are those that were asked, with the zone and without a page', () => {
    const asked = { action_type: ['delete', '!login'], since: '2026-11-01T00:00:00Z', limit: 25, as_of: 'sealed' } as never;
    expect(exportQuery(asked, 'Europe/Rome')).toBe('action_type=delete&action_type=!login&since=2026-11-01T00:00:00Z&tz=Europe/Rome');
  });

  it('of a report count back from each run, as the API has it', () => {
    const conditions = [{ name: 'action_type', value: 'delete', not: true }];
    expect(reportQuery({ q: '"call queue"', conditions, since: '-1mo', until: '' })).toBe('q=%22call+queue%22&action_type=!delete&since=P1M');
    expect(reportQuery({ ...NO_FILTERS, since: '-1d12h' })).toBe('since=P1DT12H');
    expect(reportQuery({ ...NO_FILTERS, since: '2026-11-01T00:00:00Z' })).toMatch(/^since=2026-11-01T00:00:00(\.0+)?Z$/);
  });

  it('of a report can not begin with a day of the calendar', () => {
    expect(reportQuery({ ...NO_FILTERS, since: 'today' })).toBeNull();
  });

  it.each(['action_type=delete&since=P30D', 'actor=ada&outcome=!success', 'since=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z&tz=Europe/Rome'])(
    '%s comes back as the filters that it was of',
    (query) => {
      const again = filtersOf(reportQuery(filtersOf(query)) ?? '');
      expect(again).toEqual(filtersOf(query));
      expect(parseState(new URLSearchParams(pageQueryOf(query))).filters).toEqual(filtersOf(query));
    },
  );

  it('without a range are since ever, not the last day', () => {
    expect(filtersOf('').since).toBe('');
    expect(pageQueryOf('')).toBe('since=ever');
  });
});

describe('views', () => {
  it('keep filters, zone, size and columns, and no page of a result', () => {
    expect(viewQuery('?action_type=delete&since=-7d&limit=50&columns=time,by&after=x&page=2&at=2026-11-01T00:00:00Z&open=1&tz=UTC')).toEqual({
      query: 'action_type=delete&since=-7d&tz=UTC&limit=50',
      columns: ['time', 'by'],
    });
    expect(viewQuery('')).toEqual({ query: 'since=-24h', columns: null });
  });

  it('are opened by an address that says everything', () => {
    expect(viewAddress({ query: 'since=-24h&open=1&after=x', columns: ['time', 'by'] })).toBe('?since=-24h&columns=time,by');
    expect(viewAddress({ query: '', columns: null })).toBe('?since=-24h');
    expect(parseState(new URLSearchParams(viewAddress({ query: '', columns: [] }))).columns).toEqual([]);
    expect(parseState(new URLSearchParams(viewAddress({ query: '', columns: null }))).filters).toEqual(DEFAULT_FILTERS);
  });
});

describe('columns', () => {
  it('of the table are the file’s, in the table’s order', () => {
    expect(fileColumns(['time', 'action', 'by'])).toEqual(['time', 'action_type', 'action', 'outcome', 'actor']);
  });
});
