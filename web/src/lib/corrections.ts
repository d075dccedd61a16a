// What was probably meant by conditions that find nothing: a domain that is spelt so nowhere, a kind of action that was
// taken for the source's own name of one.

import type { ActionType } from '$api/types';

import { nearestName } from './nearest';
import type { Condition, Filters } from './url';

export interface Correction {
  from: Condition;
  to: Condition;
}

const DOMAINS: readonly string[] = ['actor_tenant', 'affected_tenant', 'involves_tenant', 'tenant'];

/** The conditions that name a domain. */
export function domainsOf(filters: Filters): Condition[] {
  return filters.conditions.filter(({ name, not }) => !not && DOMAINS.includes(name));
}

export function corrections(filters: Filters, domains: readonly string[], actions: readonly ActionType[]): Correction[] {
  const folded = new Set(domains.map((name) => name.toLowerCase()));
  return filters.conditions.flatMap((from): Correction[] => {
    const { name, value, not } = from;
    if (not) return [];
    const wanted = value.toLowerCase();
    if (name === 'action') {
      const type = actions.find(({ id, label }) => id === wanted || label.toLowerCase() === wanted);
      return type === undefined ? [] : [{ from, to: { name: 'action_type', value: type.id, not } }];
    }
    if (!DOMAINS.includes(name) || folded.has(wanted)) return [];
    const near = nearestName(value, domains);
    return near === null ? [] : [{ from, to: { name, value: near, not } }];
  });
}
