// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { microsecondsOf, toRfc3339 } from './instant';
import { fullTime, instantOf, knownZone, offsetAt, secondTime, shortTime, shownTime, wallOf } from './zone';

const at = (text: string): number => Date.parse(text);

describe('instants', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0n],
    ['2026-03-01T12:34:56.123456Z', 1772368496123456n],
    ['2026-03-01T12:34:56.1234569Z', 1772368496123456n],
    ['2026-03-01T13:34:56.5+01:00', 1772368496500000n],
    ['2026-02-29T00:00:00Z', null],
    ['2026-03-01 12:34:56Z', null],
    ['2026-03-01T12:34:56', null],
  ])('reads %s', (text, microseconds) => {
    expect(microsecondsOf(text)).toBe(microseconds);
  });

  it.each(['1970-01-01T00:00:00Z', '2026-03-01T12:34:56.123456Z', '2026-03-01T12:34:56.120Z'])(
    'writes %s back',
    (text) => {
      expect(toRfc3339(microsecondsOf(text) ?? -1n)).toBe(text);
    },
  );
});

describe('zones', () => {
  it('shows one instant in any zone, microseconds kept', () => {
    const text = '2026-11-20T23:30:05.000042Z';
    expect(fullTime(text, 'UTC')).toBe('2026-11-20 23:30:05.000042 UTC');
    expect(fullTime(text, 'Europe/Paris')).toBe('2026-11-21 00:30:05.000042 +01:00 Europe/Paris');
    expect(fullTime(text, 'Asia/Kathmandu')).toBe('2026-11-21 05:15:05.000042 +05:45 Asia/Kathmandu');
    expect(fullTime(text, 'America/St_Johns')).toBe('2026-11-20 20:00:05.000042 -03:30 America/St_Johns');
    expect(secondTime(text, 'Europe/London')).toBe('2026-11-20 23:30:05 +00:00 Europe/London');
    expect(shortTime(text, 'America/New_York')).toBe('2026-11-20 18:30:05');
  });

  it('shows midnight as 00 and what is no time as it is', () => {
    expect(shortTime('2026-11-20T00:00:00Z', 'UTC')).toBe('2026-11-20 00:00:00');
    expect(shortTime('soon', 'UTC')).toBe('soon');
    expect(shownTime('soon', 'UTC')).toBeNull();
  });

  it('tells both sides of a daylight-saving switch apart', () => {
    expect(fullTime('2026-10-25T00:30:00Z', 'Europe/Berlin')).toContain('02:30:00.000000 +02:00');
    expect(fullTime('2026-10-25T01:30:00Z', 'Europe/Berlin')).toContain('02:30:00.000000 +01:00');
    expect(offsetAt(at('2026-03-29T00:59:59Z'), 'Europe/Berlin')).toBe(3_600_000);
    expect(offsetAt(at('2026-03-29T01:00:00Z'), 'Europe/Berlin')).toBe(7_200_000);
  });

  it('finds the instant of a wall-clock time: the earlier of two, the later where there is none', () => {
    const wall = (text: string) => {
      const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = text.split(/[- :]/).map(Number);
      return { year, month, day, hour, minute, second: 0 };
    };
    expect(instantOf(wall('2026-11-20 10:00'), 'Europe/Berlin')).toBe(at('2026-11-20T09:00:00Z'));
    expect(instantOf(wall('2026-10-25 02:30'), 'Europe/Berlin')).toBe(at('2026-10-25T00:30:00Z'));
    expect(instantOf(wall('2026-03-29 02:30'), 'Europe/Berlin')).toBe(at('2026-03-29T01:30:00Z'));
    expect(instantOf(wall('2026-11-01 01:30'), 'America/New_York')).toBe(at('2026-11-01T05:30:00Z'));
    expect(instantOf(wall('2026-03-08 02:30'), 'America/New_York')).toBe(at('2026-03-08T07:30:00Z'));
    // Lord Howe shifts by half an hour.
    expect(instantOf(wall('2026-10-04 02:15'), 'Australia/Lord_Howe')).toBe(at('2026-10-03T15:45:00Z'));
    expect(instantOf(wall('2026-11-20 10:00'), 'UTC')).toBe(at('2026-11-20T10:00:00Z'));
  });

  it('is its own inverse every hour of a year', () => {
    for (const zone of ['Europe/Berlin', 'America/St_Johns', 'Pacific/Chatham']) {
      for (let hour = 0; hour < 366 * 24; hour += 1) {
        const instant = at('2026-01-01T00:00:00Z') + hour * 3_600_000;
        const back = instantOf(wallOf(instant, zone), zone);
        // In autumn two instants share a wall-clock time; the earlier is meant.
        expect([instant, instant - 3_600_000], `${zone} ${new Date(instant).toISOString()}`).toContain(back);
      }
    }
  });

  it.each([
    ['2026-10-25T00:30:00Z', 'Europe/Paris', '2026-10-25 02:30:00 +02:00'],
    ['2026-10-25T01:30:00Z', 'Europe/Paris', '2026-10-25 02:30:00 +01:00'],
    ['2026-10-24T21:59:59Z', 'Europe/Paris', '2026-10-24 23:59:59'],
    ['2026-10-25T23:00:00Z', 'Europe/Paris', '2026-10-26 00:00:00'],
    ['2026-03-29T10:00:00Z', 'Europe/London', '2026-03-29 11:00:00 +01:00'],
    ['2026-04-04T16:30:00Z', 'Australia/Sydney', '2026-04-05 02:30:00 +10:00'],
    // The clock is put back at the end of the Saturday, and forward at its end half a year later.
    ['2026-04-05T03:30:00Z', 'America/Santiago', '2026-04-04 23:30:00 -04:00'],
    ['2026-04-05T04:00:00Z', 'America/Santiago', '2026-04-05 00:00:00'],
    ['2026-09-06T03:59:59Z', 'America/Santiago', '2026-09-05 23:59:59'],
  ])('says the offset on a day on which the clock is changed, and on no other: %s in %s', (instant, zone, expected) => {
    expect(shortTime(instant, zone)).toBe(expected);
  });

  it('knows IANA names in any case, and nothing else', () => {
    expect(knownZone('utc')).toBe('UTC');
    expect(knownZone('europe/paris')).toBe('Europe/Paris');
    expect(knownZone('Asia/Katmandu')).toBe('Asia/Kathmandu');
    expect(knownZone('asia/kolkata')).toBe('Asia/Kolkata');
    expect(knownZone('Mars/Olympus')).toBeNull();
    expect(knownZone('+01:00')).toBeNull();
    expect(knownZone('')).toBeNull();
  });
});
