// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { chipText, chipsOf } from './chips';
import { corrections } from './corrections';
import { joinValues, lastValue, pivoted, rebased, replaced, splitValues, turned, turnedTerm, withTerm, withValues, without, type Pivot } from './filters';
import { LoadedPages } from './pages.svelte';
import { DEFAULT_FILTERS, type Condition, type Cursor, type Filters } from './url';

const is = (name: string, value: string): Condition => ({ name, value, not: false });
const not = (name: string, value: string): Condition => ({ name, value, not: true });
const having = (...conditions: Condition[]): Filters => ({ ...DEFAULT_FILTERS, conditions });

describe('a draft', () => {
  const before: Filters = { q: 'gate "call queue"', conditions: [is('actor', 'ada'), is('tenant', 'acme')], since: '-24h', until: '' };

  it.each<[string, Partial<Filters>, Partial<Filters>, Partial<Filters>]>([
    ['that changed nothing is what is in force', {}, { q: 'x' }, { q: 'x' }],
    ['loses what was taken away', { q: 'gate "call queue" more' }, { conditions: [is('tenant', 'acme')], q: 'gate' }, { conditions: [is('tenant', 'acme')], q: 'gate more' }],
    ['gets what came', { conditions: [is('tenant', 'acme')] }, { conditions: [is('actor', 'ada'), not('ip', '::1'), is('tenant', 'acme')] }, { conditions: [not('ip', '::1'), is('tenant', 'acme')] }],
    ['gets the range', { until: '-1h' }, { since: '-7d' }, { since: '-7d', until: '' }],
    ['keeps its range where that did not change', { since: 'today' }, { q: '' }, { since: 'today', q: '' }],
    ['gets nothing twice', { conditions: [is('actor', 'ada'), is('role', 'x'), is('tenant', 'acme')], q: 'new' }, { conditions: [...before.conditions, is('role', 'x')], q: 'new' }, { conditions: [is('actor', 'ada'), is('tenant', 'acme'), is('role', 'x')], q: 'new' }],
  ])('%s', (_, draft, after, merged) => {
    expect(rebased({ ...before, ...draft }, before, { ...before, ...after })).toEqual({ ...before, ...merged });
  });
});

describe('pivots', () => {
  it.each<[string, Condition[], Condition, Pivot, Condition[]]>([
    ['for a value narrows', [is('tenant', 'acme')], is('actor', 'ada'), 'for', [is('actor', 'ada'), is('tenant', 'acme')]],
    ['for one of several leaves that one', [is('object', 'a'), is('object', 'b')], is('object', 'b'), 'for', [is('object', 'b')]],
    ['for what was kept out lets it in', [not('actor', 'ada'), not('actor', 'eve')], is('actor', 'ada'), 'for', [not('actor', 'eve'), is('actor', 'ada')]],
    ['out keeps the others', [is('object', 'a'), is('object', 'b')], is('object', 'b'), 'out', [is('object', 'a'), not('object', 'b')]],
    ['out twice is out once', [not('actor', 'ada')], is('actor', 'ada'), 'out', [not('actor', 'ada')]],
    ['only drops all else', [is('tenant', 'acme'), not('actor', 'eve')], is('actor', 'ada'), 'only', [is('actor', 'ada')]],
    ['for a value that begins with "!"', [is('filter', 'changes pr')], is('actor', '!x'), 'for', [is('filter', 'changes pr'), is('filter', 'actor eq "!x"')]],
    ['out of a value that begins with "!"', [], is('actor', '!x'), 'out', [not('actor', '!x')]],
  ])('%s', (_, before, value, how, after) => {
    expect(pivoted(having(...before), value, how).conditions).toEqual(after);
  });

  it('keep the range; "only this" drops the words too', () => {
    const filters: Filters = { q: 'x', conditions: [], since: '-7d', until: '-1d' };
    expect(pivoted(filters, is('actor', 'ada'), 'for')).toEqual({ ...filters, conditions: [is('actor', 'ada')] });
    expect(pivoted(filters, is('actor', 'ada'), 'only')).toEqual({ ...filters, q: '', conditions: [is('actor', 'ada')] });
  });
});

describe('single conditions', () => {
  const filters = having(is('actor', 'ada'), not('actor', 'eve'), is('ip', '10.0.0.1'));

  it('are removed, replaced, negated and set', () => {
    expect(without(filters, not('actor', 'eve')).conditions).toEqual([is('actor', 'ada'), is('ip', '10.0.0.1')]);
    expect(replaced(filters, is('actor', 'ada'), is('actor', 'bob')).conditions[0]).toEqual(is('actor', 'bob'));
    expect(turned(filters, is('ip', '10.0.0.1')).conditions[2]).toEqual(not('ip', '10.0.0.1'));
    expect(withValues(filters, 'actor', ['bob', 'cy']).conditions).toEqual([
      not('actor', 'eve'),
      is('actor', 'bob'),
      is('actor', 'cy'),
      is('ip', '10.0.0.1'),
    ]);
  });

  it('of the text too', () => {
    const worded = { ...DEFAULT_FILTERS, q: 'a "b c" -d' };
    expect(withTerm(worded, 1, null).q).toBe('a -d');
    expect(withTerm(worded, 0, 'x y').q).toBe('x y "b c" -d');
    expect([0, 1, 2].map((index) => turnedTerm(worded, index).q)).toEqual(['-a "b c" -d', 'a -"b c" -d', 'a "b c" d']);
  });
});

describe('several values in one field', () => {
  it.each([
    ['', []],
    ['1041', ['1041']],
    ['1041, admin', ['1041', 'admin']],
    [' , a,,b , ', ['a', 'b']],
    ['Ada Li, "CN=ada,OU=x"', ['Ada Li', 'CN=ada,OU=x']],
    ['"say ""hi"""', ['say "hi"']],
    ['"open', ['"open']],
  ])('%j are %j', (typed, expected) => {
    expect(splitValues(typed)).toEqual(expected);
    expect(splitValues(joinValues(expected))).toEqual(expected);
  });

  it('of which the last one is being typed', () => {
    expect(lastValue('a, b')).toEqual({ before: ['a'], text: 'b' });
    expect(lastValue('a, ')).toEqual({ before: ['a'], text: '' });
    expect(lastValue('')).toEqual({ before: [], text: '' });
  });
});

describe('chips', () => {
  it('stand in a fixed order and say everything', () => {
    const objects = [{ id: 'call_queue', label: 'Call Queue', category: 'communication', aliases: [], colour: 'grey' }];
    const filters: Filters = {
      q: 'gate -"not found"',
      conditions: [is('action_type', 'create'), is('object', 'call_queue'), not('outcome', 'success'), is('severity', '2'), is('held', 'true'), is('received_since', '-7d')],
      since: '-24h',
      until: '',
    };
    expect(chipsOf(filters, 'UTC', objects).map(chipText)).toEqual([
      'Action: Add/Create',
      'Objects: Call Queue',
      'Outcome: not Success',
      'Severity: High',
      'On legal hold: yes',
      'Received since: 7d ago',
      'Text: gate',
      'Text: not "not found"',
      'Date range: Last 24 Hours',
    ]);
  });
});

describe('corrections', () => {
  const actions = [{ id: 'delete', label: 'Delete', colour: 'red' }, { id: 'create', label: 'Add/Create', colour: 'green' }];

  it.each<[Condition, Condition | null]>([
    [is('affected_tenant', 'custmer.com'), is('affected_tenant', 'customer.com')],
    [is('affected_tenant', 'Customer.com'), null],
    [is('actor_tenant', 'elsewhere.org'), null],
    [not('affected_tenant', 'custmer.com'), null],
    [is('actor', 'custmer.com'), null],
    [is('action', 'Delete'), is('action_type', 'delete')],
    [is('action', 'add/create'), is('action_type', 'create')],
    [is('action', 'ConsoleLogin'), null],
  ])('%o', (from, to) => {
    expect(corrections(having(from), ['customer.com', 'acme'], actions)).toEqual(to === null ? [] : [{ from, to }]);
  });
});

describe('pages that were loaded', () => {
  const answer = (id: string) => ({ data: [{ id }], complete_through: '' }) as unknown as Parameters<LoadedPages['keep']>[1]['answer'];
  const cursor = (token: string, page: number): Cursor => ({ direction: 'after', token, page, anchor: '' });

  it('are kept in order until the result is another one', () => {
    const pages = new LoadedPages();
    pages.keep('one', { cursor: null, answer: answer('a') });
    pages.keep('one', { cursor: cursor('t2', 2), answer: answer('b') });
    expect(pages.page('one', 1)?.cursor).toBeNull();
    expect(pages.at('one', cursor('t2', 2))?.answer.data[0]?.id).toBe('b');
    expect(pages.at('one', cursor('other', 2))).toBeNull();
    expect(pages.first('one')?.answer.data[0]?.id).toBe('a');
    expect(pages.events('one').map(({ id }) => id)).toEqual(['a', 'b']);
    // What the search before had is nothing of the next one's.
    expect(pages.events('two')).toEqual([]);
    pages.keep('two', { cursor: null, answer: answer('c') });
    expect(pages.page('one', 1)).toBeNull();
    expect(pages.events('two').map(({ id }) => id)).toEqual(['c']);
  });
});
