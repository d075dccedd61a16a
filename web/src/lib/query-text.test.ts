// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { FIELD_NAMES, kindOf, valuesOf } from './fields';
import { nearestName } from './nearest';
import { parseQueryText, printQueryText } from './query-text';
import { DEFAULT_FILTERS, NO_FILTERS, canonical, type Condition, type Filters } from './url';

const is = (name: string, value: string): Condition => ({ name, value, not: false });
const not = (name: string, value: string): Condition => ({ name, value, not: true });

describe('a query as text', () => {
  it.each<[string, Partial<Filters>]>([
    ['', {}],
    [
      'action:delete -outcome:failure user:1041 "call queue" since:-3d',
      { q: '"call queue"', conditions: [is('action', 'delete'), not('outcome', 'failure'), is('user', '1041')], since: '-3d' },
    ],
    ['login -failed "not found" pre* -"a b"', { q: 'login -failed "not found" pre* -"a b"' }],
    ['action_type:login  action_type:logout', { conditions: [is('action_type', 'login'), is('action_type', 'logout')] }],
    ['OUTCOME:Failure', { conditions: [is('outcome', 'failure')] }],
    ['outcome:!failure', { conditions: [not('outcome', 'failure')] }],
    ['actor:"Ada Li" affected:"a:b" role:"say \\"hi\\" \\\\ \\u00e9"', {
      conditions: [is('actor', 'Ada Li'), is('affected', 'a:b'), is('role', 'say "hi" \\ é')],
    }],
    ['actor:“Ada Li”', { conditions: [is('actor', 'Ada Li')] }],
    ['ip:2001:db8::/32', { conditions: [is('ip', '2001:db8::/32')] }],
    ['actor:"!x"', { conditions: [is('filter', 'actor eq "!x"')] }],
    ['-filter:"severity le 2"', { conditions: [not('filter', 'severity le 2')] }],
    ['since:ever', { since: '' }],
    ['until:"2026-11-20 10:00"', { since: '', until: '2026-11-20T09:00:00Z' }],
    ['since:2026-11-20T10:00 until:now', { since: '2026-11-20T09:00:00Z', until: 'now' }],
    ['received_since:-7d', { conditions: [is('received_since', '-7d')] }],
    // What only looks like a filter is words.
    ['http://example.com/a arn:aws:iam ec2:RunInstances 12:30:00 std::move', { q: 'http://example.com/a arn:aws:iam ec2:RunInstances 12:30:00 std::move' }],
    ['q:actor:ada* -q:outcome:x', { q: 'actor:ada* -outcome:x' }],
    ['"actor:ada"', { q: '"actor:ada"' }],
    ['constructor:x', { q: 'constructor:x' }],
  ])('%s', (text, expected) => {
    const parsed = parseQueryText(text, 'Europe/Paris');
    expect(parsed).toEqual({ filters: { ...DEFAULT_FILTERS, ...expected }, error: null });
  });

  it.each<[string, string, number, number]>([
    ['actr:ada', 'Position 1: There is no filter actr. Did you mean actor?', 0, 4],
    ['login -outcom:failure', 'Position 8: There is no filter outcom. Did you mean outcome?', 7, 13],
    ['😀 username:ada', 'Position 3: There is no filter username. Did you mean user?', 3, 11],
    ['domain:acme', 'Did you mean affected_tenant?', 0, 6],
    ['actor:', 'Position 7: actor: lacks its value.', 6, 6],
    ['actor:""', 'Position 7: actor: lacks its value.', 6, 8],
    ['outcome:failed', 'Position 9: outcome is one of success, failure, denied, challenge, unknown.', 8, 14],
    ['a "call queue', 'Position 3: This quote is not closed.', 2, 13],
    ['actor:"Ada', 'Position 7: This quote is not closed.', 6, 10],
    ['actor:"Ada"x', 'Position 12: After the closing quote stands a blank.', 11, 12],
    ['actor:"a\\x"', 'Position 9: A backslash stands before', 8, 10],
    ['since:soon', 'Position 7: Not a time.', 6, 10],
    ['since:-1d since:-2d', 'Position 11: since can be given only once.', 10, 16],
    ['-until:-1d', 'Position 1: until can\'t be negated.', 0, 7],
    ['-received_since:-1d', 'Position 1: received_since can\'t be negated.', 0, 19],
    ['received_since:-1d received_since:-2d', 'Position 20: received_since can be given only once.', 19, 37],
  ])('refuses %j', (text, message, start, end) => {
    const { error } = parseQueryText(text, 'UTC');
    expect(error?.message).toContain(message);
    expect([error?.start, error?.end]).toEqual([start, end]);
  });

  it('prints what people would type', () => {
    const filters: Filters = {
      q: '"call queue"',
      conditions: [is('action_type', 'delete'), not('outcome', 'failure'), is('user', '1041'), is('actor', 'Ada "A" Li'), is('ip', '::1')],
      since: '2026-11-20T09:00:00Z',
      until: '',
    };
    expect(printQueryText(filters, 'Europe/Paris')).toBe(
      'action_type:delete -outcome:failure user:1041 actor:"Ada \\"A\\" Li" ip:"::1" "call queue" since:"2026-11-20 10:00"',
    );
    expect(printQueryText(DEFAULT_FILTERS, 'UTC')).toBe('');
    expect(printQueryText(NO_FILTERS, 'UTC')).toBe('since:ever');
  });

  it('prints a time that the clock shows twice so that it is read as the one that was meant', () => {
    // 02:30 in Berlin, the second one of the night.
    const filters = { ...NO_FILTERS, since: '2026-10-25T01:30:00Z' };
    const text = printQueryText(filters, 'Europe/Berlin');
    expect(text).toBe('since:"2026-10-25 02:30 +01:00"');
    expect(parseQueryText(text, 'Europe/Berlin').filters).toEqual(filters);
  });

  it.each([
    ['until:2026-11-07', { since: '', until: '2026-11-07T23:00:00Z' }],
    ['since:2026-11-01 until:"2026-11-07 00:00"', { since: '2026-10-31T23:00:00Z', until: '2026-11-06T23:00:00Z' }],
  ])('includes a last day whole, and ends at a time: %s', (text, range) => {
    expect(parseQueryText(text, 'Europe/Paris').filters).toMatchObject(range);
  });

  it('is its own inverse, whatever the filters', () => {
    const random = randomFrom(20_261_122);
    for (let round = 0; round < 3000; round += 1) {
      const filters = canonical(randomFilters(random));
      const zone = random.of(['UTC', 'Europe/Berlin', 'America/St_Johns']);
      const text = printQueryText(filters, zone);
      expect(parseQueryText(text, zone), text).toEqual({ filters, error: null });
    }
  });

  it('reads anything without breaking, and prints what it read', () => {
    const random = randomFrom(7);
    for (let round = 0; round < 3000; round += 1) {
      const text = Array.from({ length: random.below(12) }, () => random.of(PIECES)).join('');
      const { filters, error } = parseQueryText(text, 'UTC');
      if (filters === null) expect(error.end, text).toBeLessThanOrEqual(text.length);
      else expect(parseQueryText(printQueryText(filters, 'UTC'), 'UTC').filters, text).toEqual(filters);
    }
  });
});

describe('the nearest name', () => {
  it.each([
    ['actr', 'actor'],
    ['acotr', 'actor'],
    ['Tenantt', 'tenant'],
    ['xy', null],
    ['', null],
    ['t'.repeat(1000), null],
  ])('of %j is %j', (typed, expected) => {
    expect(nearestName(typed, ['actor', 'tenant', 'severity'])).toBe(expected);
  });
});

const PIECES = [
  'actor:', 'outcome:', 'since:', 'until:', 'q:', 'filter:', 'actr:', 'failure', '-3d', 'ever', 'x', '-', '!', '"', '\u201c', '\\', ' ', '  ', ':', '*', 'é', '😀', '\ud800', '2026-11-20 10:00',
];

const VALUES = [
  'x', 'Ada Li', '!x', '"', '\\', 'a:b', "o'neil", '-x', 'é😀', '\u202eabc', '日本', 'a\tb\nc', '\u201ca\u201d', '\ud800', '10.0.0.0/8', '2001:db8::1', '*', 'since:-3d', ' padded ',
];

const WORDS = ['x', '-x', 'pre*', '"a b"', '-"a b"', 'actor:ada', '-outcome:x', 'q:x', 'since:-3d', 'actr:x', 'http://x', '-', '--x', 'a"b', '\u201ca b\u201d', '+1', '""', '"', 'note:x'];

const MOMENTS = ['', '-3d', 'today', '-1d12h', '2026-11-20T09:00:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00.123456Z', '2026-11-20T00:00:00Z', '-24h'];

interface Random {
  below: (count: number) => number;
  of: <T>(list: readonly T[]) => T;
}

/** The same numbers at each run (mulberry32). */
function randomFrom(seed: number): Random {
  let state = seed;
  const below = (count: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * count | 0;
  };
  return { below, of: (list) => list[below(list.length)] as (typeof list)[number] };
}

function randomFilters(random: Random): Filters {
  const conditions = Array.from({ length: random.below(5) }, (): Condition => {
    const name = random.of(FIELD_NAMES);
    const list = kindOf(name) === 'moment' ? MOMENTS : (valuesOf(name) ?? VALUES);
    return { name, value: random.of(list), not: random.below(3) === 0 };
  });
  const q = Array.from({ length: random.below(4) }, () => random.of(WORDS)).join(' ');
  return { q, conditions, since: random.of(MOMENTS), until: random.of(MOMENTS) };
}
