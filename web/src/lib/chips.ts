// The conditions in force as chips show them: one for each value and each word, in a fixed order, and one for the range.

import type { ObjectType } from '$api/types';
import { m } from '$lib/paraglide/messages';

import { fieldLabel, isEnd, kindOf, valueLabel } from './fields';
import { momentLabel, rangeLabel } from './range';
import { asShown, cut } from './text';
import type { Condition, Filters } from './url';
import { termsOf } from './words';

const SPOKEN_MAX = 80;

export type Chip =
  | { kind: 'condition'; key: string; label: string; value: string; not: boolean; condition: Condition }
  | { kind: 'term'; key: string; label: string; value: string; not: boolean; index: number }
  | { kind: 'range'; key: string; label: string; value: string; not: false };

export function conditionChip(condition: Condition, zone: string, objects: readonly ObjectType[] = []): Chip {
  const { name, value, not } = condition;
  const shown = kindOf(name) === 'moment' ? momentLabel(value, zone, isEnd(name)) : valueLabel(name, value, objects);
  const key = `${name}:${not ? '!' : ''}${value}`;
  return { kind: 'condition', key, label: fieldLabel(name), value: shown, not, condition };
}

export function rangeChip({ since, until }: Filters, zone: string): Chip {
  return { kind: 'range', key: 'range', label: m.chip_range(), value: rangeLabel(since, until, zone), not: false };
}

export function chipsOf(filters: Filters, zone: string, objects: readonly ObjectType[] = []): Chip[] {
  const terms = termsOf(filters.q).map((term, index): Chip => {
    const not = term.startsWith('-');
    return { kind: 'term', key: `q${index}`, label: m.chip_words(), value: not ? term.slice(1) : term, not, index };
  });
  return [...filters.conditions.map((one) => conditionChip(one, zone, objects)), ...terms, rangeChip(filters, zone)];
}

/** A chip in words, for names of buttons and for announcements. */
export function chipText({ label, value, not }: Pick<Chip, 'label' | 'value' | 'not'>): string {
  const shown = { label, value: asShown(cut(value, SPOKEN_MAX)) };
  return not ? m.chip_is_not(shown) : m.chip_is(shown);
}
