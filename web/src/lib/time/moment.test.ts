// @vitest-environment node
import { describe, expect, it } from 'vitest';

import {
  momentToken,
  parseEnd,
  parseMoment,
  printedEnd,
  printedMoment,
  resolveMoment,
  typedMoment,
} from './moment';
import { dayOf, isTypedGap } from './typed';

/** A Friday. */
const NOW = Date.parse('2026-11-20T15:45:30.250Z');

function resolved(typed: string, zone = 'UTC', now = NOW): string | null {
  const moment = parseMoment(typed, zone);
  return moment === null ? null : resolveMoment(moment, now, zone);
}

describe('typed moments', () => {
  it.each([
    ['2026-11-20 10:00', 'UTC', '2026-11-20T10:00:00Z'],
    ['2026-11-20 10:00', 'Europe/Paris', '2026-11-20T09:00:00Z'],
    ['2026-11-20T10:00:05', 'UTC', '2026-11-20T10:00:05Z'],
    ['2026-11-20 10:00:05.123456', 'UTC', '2026-11-20T10:00:05.123456Z'],
    ['2026-11-20', 'America/New_York', '2026-11-20T05:00:00Z'],
    ['2026-1-2 9', 'UTC', '2026-01-02T09:00:00Z'],
    ['2026-11-20 24:00', 'America/New_York', '2026-11-21T05:00:00Z'],
    ['2026-11-20T10:00:00Z', 'Asia/Tokyo', '2026-11-20T10:00:00Z'],
    ['2026-11-20 10:00+0530', 'UTC', '2026-11-20T04:30:00Z'],
    ['  now ', 'UTC', '2026-11-20T15:45:30.250Z'],
    ['today', 'UTC', '2026-11-20T00:00:00Z'],
    ['today', 'Asia/Tokyo', '2026-11-20T15:00:00Z'],
    ['week', 'UTC', '2026-11-16T00:00:00Z'],
    ['month', 'Europe/Paris', '2026-10-31T23:00:00Z'],
    ['-15m', 'UTC', '2026-11-20T15:30:30.250Z'],
    ['15min', 'UTC', '2026-11-20T15:30:30.250Z'],
    ['-3d', 'UTC', '2026-11-17T15:45:30.250Z'],
    ['3d ago', 'UTC', '2026-11-17T15:45:30.250Z'],
    ['-1d12h', 'UTC', '2026-11-19T03:45:30.250Z'],
    ['-1y', 'UTC', '2025-11-20T15:45:30.250Z'],
    ['P7D', 'UTC', '2026-11-13T15:45:30.250Z'],
    ['-PT24H', 'UTC', '2026-11-19T15:45:30.250Z'],
    ['-P12M', 'UTC', '2025-11-20T15:45:30.250Z'],
  ])('%s in %s', (typed, zone, expected) => {
    expect(resolved(typed, zone)).toBe(expected);
  });

  it.each(['', 'soon', '2026-13-01', '2026-02-30', '2026-11-20 24:01', '2026-11-20 25:00', '10:00', '-', 'P', 'PT', '-3', '-3q', '-9999999d'])(
    'refuses %j',
    (typed) => {
      expect(parseMoment(typed, 'UTC')).toBeNull();
    },
  );

  it('keeps to the calendar for months and days, and to the clock for hours', () => {
    // A month before 31 March is the last of February.
    expect(resolved('-1mo', 'UTC', Date.parse('2026-03-31T10:00:00Z'))).toBe('2026-02-28T10:00:00Z');
    // Over the switch to summer time a day has 23 hours.
    const after = Date.parse('2026-03-29T10:00:00Z');
    expect(resolved('-1d', 'Europe/Berlin', after)).toBe('2026-03-28T11:00:00Z');
    expect(resolved('-24h', 'Europe/Berlin', after)).toBe('2026-03-28T10:00:00Z');
  });

  it('never goes before the epoch', () => {
    expect(resolved('-100y')).toBe('1970-01-01T00:00:00Z');
  });

  it.each([
    ['3d', '-3d'],
    ['PT24H', '-24h'],
    ['-P1Y2M', '-1y2mo'],
    ['Today', 'today'],
    ['2026-11-20 10:00', '2026-11-20T09:00:00Z'],
  ])('keeps %s as the token %s, and reads it back alike', (typed, token) => {
    const moment = parseMoment(typed, 'Europe/Paris');
    expect(moment).not.toBeNull();
    if (moment === null) return;
    expect(momentToken(moment)).toBe(token);
    expect(parseMoment(token, 'UTC')).toEqual(moment);
  });

  it.each([
    ['2026-11-20T09:00:00Z', '2026-11-20 10:00'],
    ['2026-11-20T09:00:05Z', '2026-11-20 10:00:05'],
    ['2026-11-20T09:00:00.250Z', '2026-11-20 10:00:00.25'],
    ['-3d', '-3d'],
    ['today', 'today'],
    ['', ''],
  ])('shows the token %s as it is typed: %s', (token, typed) => {
    expect(typedMoment(token, 'Europe/Paris')).toBe(typed);
  });
});

describe('days on which the clock is changed', () => {
  it.each([
    // The hour that comes twice, first and second: on the northern half of the earth, on the southern, and by half an hour.
    ['Europe/Paris', '2026-10-25T00:30:00Z', '2026-10-25 02:30 +02:00'],
    ['Europe/Paris', '2026-10-25T01:30:00Z', '2026-10-25 02:30 +01:00'],
    ['Europe/London', '2026-10-25T01:30:00Z', '2026-10-25 01:30 +00:00'],
    ['America/New_York', '2026-11-01T06:30:15.500Z', '2026-11-01 01:30:15.5 -05:00'],
    ['Australia/Sydney', '2026-04-04T16:30:00Z', '2026-04-05 02:30 +10:00'],
    ['Australia/Lord_Howe', '2026-04-04T15:15:00Z', '2026-04-05 01:45 +10:30'],
    // Beside it there is nothing to tell apart.
    ['Europe/Paris', '2026-10-24T23:59:00Z', '2026-10-25 01:59'],
    ['Europe/Paris', '2026-10-25T02:00:00Z', '2026-10-25 03:00'],
    ['UTC', '2026-10-25T01:30:00Z', '2026-10-25 01:30'],
  ])('in %s %s is typed as %s, and read back as itself', (zone, token, typed) => {
    expect(printedMoment(token, zone)).toBe(typed);
    expect(resolved(typed, zone)).toBe(token);
  });

  it.each([
    ['Europe/Berlin', '2026-03-28'],
    ['Europe/Berlin', '2026-10-24'],
    ['Australia/Lord_Howe', '2026-04-04'],
    ['Australia/Lord_Howe', '2026-10-03'],
    ['America/Santiago', '2026-04-04'],
    ['America/Santiago', '2026-09-05'],
    ['America/Havana', '2026-10-31'],
  ])('prints every quarter of an hour about the change so that it is read as itself: %s, %s', (zone, day) => {
    const wrong: string[] = [];
    for (let quarter = 0; quarter < 3 * 96; quarter += 1) {
      const token = momentToken({ kind: 'absolute', microseconds: BigInt(Date.parse(day) + quarter * 900_000) * 1000n });
      if (resolved(printedMoment(token, zone), zone) !== token) wrong.push(printedMoment(token, zone));
      const end = parseEnd(printedEnd(token, zone), zone);
      if (end === null || momentToken(end) !== token) wrong.push(printedEnd(token, zone));
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['2026-03-29 02:30', 'Europe/Paris', true, '2026-03-29T01:30:00Z'],
    ['2026-03-29 03:00', 'Europe/Paris', false, '2026-03-29T01:00:00Z'],
    ['2026-10-04 02:30', 'Australia/Sydney', true, '2026-10-03T16:30:00Z'],
    // Midnight is skipped: the day begins at 01:00.
    ['2026-09-06', 'America/Santiago', false, '2026-09-06T04:00:00Z'],
    ['2026-09-06 00:30', 'America/Santiago', true, '2026-09-06T04:30:00Z'],
    ['2026-03-29 02:30 +01:00', 'Europe/Paris', false, '2026-03-29T01:30:00Z'],
    ['-3d', 'Europe/Paris', false, null],
  ])('%s in %s is in the gap: %s', (typed, zone, gap, instant) => {
    expect(isTypedGap(typed, zone)).toBe(gap);
    if (instant !== null) expect(resolved(typed, zone)).toBe(instant);
  });
});

describe('the end of a range', () => {
  it.each([
    // A whole day, 23, 25 or 24 hours of it.
    ['2026-03-29', 'Europe/Paris', '2026-03-29T22:00:00Z'],
    ['2026-10-25', 'Europe/Paris', '2026-10-25T23:00:00Z'],
    ['2026-11-7', 'Asia/Tokyo', '2026-11-07T15:00:00Z'],
    ['2026-12-31', 'UTC', '2027-01-01T00:00:00Z'],
    ['2026-11-07 00:00', 'UTC', '2026-11-07T00:00:00Z'],
    ['2026-11-07 12:00', 'UTC', '2026-11-07T12:00:00Z'],
    ['today', 'UTC', '2026-11-20T00:00:00Z'],
  ])('%s in %s is %s', (typed, zone, expected) => {
    const end = parseEnd(typed, zone);
    expect(end === null ? null : resolveMoment(end, NOW, zone)).toBe(expected);
  });

  it.each([
    ['2026-11-07T23:00:00Z', 'Europe/Paris', '2026-11-07'],
    ['2026-11-07T22:59:00Z', 'Europe/Paris', '2026-11-07 23:59'],
    ['2026-11-07T23:00:00Z', 'UTC', '2026-11-07 23:00'],
    ['-3d', 'UTC', '-3d'],
    ['', 'UTC', ''],
  ])('%s is typed in %s as %s', (token, zone, typed) => {
    expect(printedEnd(token, zone)).toBe(typed);
  });

  it.each([
    ['2026-11-07 10:00', '2026-11-07'],
    [' 2026-1-7', '2026-01-07'],
    ['-3d', ''],
    ['2026-11-071', ''],
  ])('the calendar shows %j as %j', (typed, day) => {
    expect(dayOf(typed)).toBe(day);
  });
});
