// What people do to filters: let a value in, keep it out, take one away. Pure; each returns the filters changed.

import { canonical, condition, sameFilters, type Condition, type Filters } from './url';
import { negated, termsOf } from './words';

/** Filter for it, filter it out, or this and nothing else. */
export type Pivot = 'for' | 'out' | 'only';

function equal(left: Condition, right: Condition): boolean {
  return left.name === right.name && left.value === right.value && left.not === right.not;
}

function withConditions(filters: Filters, conditions: Condition[]): Filters {
  return canonical({ ...filters, conditions });
}

/**
 * The filters narrowed by a value that is shown.
 *
 * Several values of one filter mean any of them, so filtering for one takes the place of the others.
 */
export function pivoted(filters: Filters, { name, value }: Condition, how: Pivot): Filters {
  const wanted = condition(name, value, how === 'out');
  if (wanted === null) return filters;
  if (how === 'only') return withConditions({ ...filters, q: '' }, [wanted]);
  const others = filters.conditions.filter((one) => {
    if (one.name !== wanted.name || one.name === 'filter') return true;
    return how === 'for' ? one.not && one.value !== value : one.value !== value;
  });
  return withConditions(filters, [...others, wanted]);
}

/** The filters without one condition. */
export function without(filters: Filters, gone: Condition): Filters {
  return withConditions(
    filters,
    filters.conditions.filter((one) => !equal(one, gone)),
  );
}

/** One condition in the place of another. */
export function replaced(filters: Filters, old: Condition, by: Condition): Filters {
  return withConditions(
    filters,
    filters.conditions.map((one) => (equal(one, old) ? by : one)),
  );
}

/** The opposite of one condition in its place. */
export function turned(filters: Filters, which: Condition): Filters {
  return replaced(filters, which, { ...which, not: !which.not });
}

/** The text with the term at `index` changed, or without it where that is null. */
export function withTerm(filters: Filters, index: number, term: string | null): Filters {
  const terms = termsOf(filters.q).flatMap((one, at) => (at === index ? (term ?? []) : one));
  return canonical({ ...filters, q: terms.join(' ') });
}

/** The text with the opposite of the term at `index`. */
export function turnedTerm(filters: Filters, index: number): Filters {
  const term = termsOf(filters.q)[index];
  return term === undefined ? filters : withTerm(filters, index, negated(term));
}

/** `list` without one of each of `gone`. */
function less(list: readonly string[], gone: readonly string[]): string[] {
  const left = [...gone];
  return list.filter((one) => {
    const at = left.indexOf(one);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** A draft with what changed from `before` to `after` done to it, too; the rest of it stays as it is. */
export function rebased(draft: Filters, before: Filters, after: Filters): Filters {
  if (sameFilters(draft, before)) return after;
  const lost = before.conditions.filter((one) => !after.conditions.some((other) => equal(one, other)));
  const won = after.conditions.filter((one) => !before.conditions.some((other) => equal(one, other)));
  const kept = draft.conditions.filter((one) => !lost.some((other) => equal(one, other)));
  const [old, wanted] = [termsOf(before.q), termsOf(after.q)];
  const terms = [...less(termsOf(draft.q), less(old, wanted)), ...less(less(wanted, old), termsOf(draft.q))];
  const { since, until } = after.since === before.since && after.until === before.until ? draft : after;
  return canonical({ q: terms.join(' '), conditions: [...kept, ...won], since, until });
}

/** The values that a filter lets in. */
export function values(filters: Filters, name: string): string[] {
  return filters.conditions.filter((one) => one.name === name && !one.not).map(({ value }) => value);
}

/** The filters that let in these values of one filter, and keep out what they kept out. */
export function withValues(filters: Filters, name: string, wanted: readonly string[]): Filters {
  const others = filters.conditions.filter((one) => one.name !== name || one.not);
  return withConditions(filters, [...others, ...wanted.flatMap((value) => condition(name, value) ?? [])]);
}

/** The values in a field of the form: apart by commas; one that has a comma itself stands in quotes. */
export function splitValues(typed: string): string[] {
  const found = typed.match(/\s*"(?:[^"]|"")*"(?=\s*(?:,|$))|[^,]+/g) ?? [];
  return found.flatMap((one) => {
    const value = one.trim();
    const inner = /^"((?:[^"]|"")*)"$/.exec(value)?.[1]?.replaceAll('""', '"') ?? value;
    return inner === '' ? [] : inner;
  });
}

export function joinValues(list: readonly string[]): string {
  const plain = (value: string): boolean => !/[,"]/.test(value) && value === value.trim();
  return list.map((value) => (plain(value) ? value : `"${value.replaceAll('"', '""')}"`)).join(', ');
}

/** What is being typed in such a field: the values before it, and the one that may still be completed. */
export function lastValue(typed: string): { before: string[]; text: string } {
  const list = splitValues(typed);
  const text = /,\s*$/.test(typed) ? '' : (list.pop() ?? '');
  return { before: list, text };
}
