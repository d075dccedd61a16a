// What a reader may ask for: as the server has it, to the minute.

import { describe, expect, it } from 'vitest';

import { isBeyond } from './limit';

const NOW = new Date('2026-11-22T12:00:00Z');
const LIMIT = { back: 'P1Y', span: 'P3M' };

describe('a range', () => {
  it.each([
    ['-24h', '', false],
    ['-3mo', '', false],
    ['-6mo', '', true],
    ['-1y', '', true],
    ['', '', true],
    ['month', '', false],
    ['2026-01-01T00:00:00Z', '2026-03-31T00:00:00Z', false],
    ['2026-01-01T00:00:00Z', '2026-05-01T00:00:00Z', true],
    ['2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z', true],
  ])('from %s to %s: beyond %s', (since, until, expected) => {
    expect(isBeyond(since, until, LIMIT, NOW, 'Europe/Rome')).toBe(expected);
  });

  it('of somebody without a limit is never beyond it', () => {
    expect(isBeyond('', '', null, NOW, 'UTC')).toBe(false);
    expect(isBeyond('', '', { back: null, span: null }, NOW, 'UTC')).toBe(false);
    expect(isBeyond('-1y', '', { back: 'P1Y', span: null }, NOW, 'UTC')).toBe(false);
  });
});
