// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { clocksChange, intervalLabel, rangeOf, stretchLabel, zoomedOut } from './buckets';

describe('a stretch of time in words', () => {
  it.each([
    ['a day', '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z', 'UTC', false, '2026-11-20'],
    ['a week', '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z', 'UTC', false, '2026-11-16 to 2026-11-22'],
    ['an hour', '2026-11-20T10:00:00Z', '2026-11-20T11:00:00Z', 'UTC', false, '2026-11-20 10:00 to 11:00'],
    ['the last hour of a day', '2026-11-20T23:00:00Z', '2026-11-21T00:00:00Z', 'UTC', false, '2026-11-20 23:00 to 00:00'],
    ['over midnight', '2026-11-20T22:00:00Z', '2026-11-21T02:00:00Z', 'UTC', false, '2026-11-20 22:00 to 2026-11-21 02:00'],
    ['a day of 23 hours', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z', 'Europe/Berlin', true, '2026-03-29'],
    ['a day of 25 hours', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', 'Europe/Berlin', true, '2026-10-25'],
    ['the hour that comes twice, first', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', 'Europe/Berlin', true, '2026-10-25 02:00 +02:00 to 02:00 +01:00'],
    ['and again', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z', 'Europe/Berlin', true, '2026-10-25 02:00 +01:00 to 03:00 +01:00'],
    ['a day in a zone of 45 minutes', '2026-11-19T18:15:00Z', '2026-11-20T18:15:00Z', 'Asia/Kathmandu', false, '2026-11-20'],
    ['where the clocks are set by half an hour', '2026-10-03T15:30:00Z', '2026-10-03T16:00:00Z', 'Australia/Lord_Howe', true, '2026-10-04 02:30 +11:00 to 03:00 +11:00'],
  ])('%s', (_, start, end, zone, offsets, expected) => {
    expect(stretchLabel({ start, end }, zone, offsets)).toBe(expected);
  });

  it('needs offsets where the clocks change', () => {
    expect(clocksChange([{ local: '2026-10-25T02:00:00+02:00' }, { local: '2026-10-25T02:00:00+01:00' }])).toBe(true);
    expect(clocksChange([{ local: '2026-10-26T02:00:00+01:00' }, { local: '2026-10-26T03:00:00+01:00' }])).toBe(false);
    expect(clocksChange([])).toBe(false);
  });
});

it.each([
  ['PT1M', 'a bar is 1 minute'],
  ['PT30M', 'a bar is 30 minutes'],
  ['PT1H', 'a bar is 1 hour'],
  ['PT12H', 'a bar is 12 hours'],
  ['P1D', 'a bar is 1 day'],
  ['P2D', 'a bar is 2 days'],
  ['P1W', 'a bar is 1 week'],
  ['P1M', 'a bar is 1 month'],
  ['P3M', 'a bar is 3 months'],
  ['P1Y', 'a bar is 1 year'],
  ['PT1S', 'PT1S'],
])('%s: %s', (interval, label) => {
  expect(intervalLabel(interval)).toBe(label);
});

describe('the range of buckets', () => {
  const bucket = (start: string, end: string) => ({ start: `2026-11-20T${start}:00.000000Z`, end: `2026-11-20T${end}:00.000000Z` });

  it('is theirs, within the one that was asked for', () => {
    const [first, last] = [bucket('10:00', '11:00'), bucket('13:00', '14:00')];
    expect(rangeOf(first, last, {})).toEqual({ since: '2026-11-20T10:00:00Z', until: '2026-11-20T14:00:00Z' });
    const asked = { since: '2026-11-20T10:17:03.500Z', until: '2026-11-20T13:45:00Z' };
    expect(rangeOf(first, last, asked)).toEqual({ since: '2026-11-20T10:17:03.500Z', until: '2026-11-20T13:45:00Z' });
    expect(rangeOf(last, last, { since: asked.since })).toEqual({ since: '2026-11-20T13:00:00Z', until: '2026-11-20T14:00:00Z' });
  });
});

describe('zooming out', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  it.each([
    ['twice around the middle', '2026-11-20T10:00:00Z', '2026-11-20T12:00:00Z', '2026-11-20T09:00:00Z', '2026-11-20T13:00:00Z'],
    ['further back at now', '2026-11-21T10:00:00Z', '2026-11-21T12:00:00Z', '2026-11-21T08:00:00Z', '2026-11-21T12:00:00Z'],
    ['further back without an end', '2026-11-21T10:00:00Z', undefined, '2026-11-21T08:00:00Z', '2026-11-21T12:00:00Z'],
    ['beyond now only what was there', '2026-11-21T10:00:00Z', '2026-11-21T14:00:00Z', '2026-11-21T06:00:00Z', '2026-11-21T14:00:00Z'],
    ['whole seconds', '2026-11-20T10:00:00.3Z', '2026-11-20T10:00:01.3Z', '2026-11-20T09:59:59Z', '2026-11-20T10:00:02Z'],
    ['not before 1970', '1970-01-01T00:00:10Z', '1970-01-01T01:00:10Z', '1970-01-01T00:00:00Z', '1970-01-01T01:30:10Z'],
  ])('%s', (_, since, until, from, to) => {
    expect(zoomedOut({ since, until }, now)).toEqual({ since: from, until: to });
  });

  it('needs a beginning', () => {
    expect(zoomedOut({ until: '2026-11-20T10:00:00Z' }, now)).toBeNull();
  });
});
