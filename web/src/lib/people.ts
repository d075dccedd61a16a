// Whom an event is about, as filters find them: by username, id, name or alias.

import type { AuditEvent, Party } from '$api/types';

import { given } from './event';
import { target } from './pivot';

/** Types of targets that are somebody, as the server counts users. */
const PERSONS: readonly string[] = ['user', 'subscriber', 'person', 'account', 'agent', 'member'];

export interface InvestigateTarget {
  /** What the filters `user`, `actor` and `affected` find them by. */
  name: string;
  as: 'affected' | 'performer';
}

/** Whether it is somebody, and not a thing. `canonical` is the catalogue's name of its type. */
function isPerson(target: Party, canonical: string | null | undefined): boolean {
  const types = [target.type, canonical].map((type) => (given(type) ?? '').toLowerCase());
  return given(target.username) !== null || types.some((type) => PERSONS.includes(type));
}

/** What a performer is found by; a first and last name find nobody. */
function performerName(party: Party): string | null {
  return given(party.username) ?? given(party.id) ?? given(party.aliases?.[0]);
}

/** What somebody affected is found by: the name that the table shows. */
function affectedName(party: Party): string | null {
  return given(party.username) ?? given(party.name) ?? given(party.id) ?? given(party.aliases?.[0]);
}

/** Whom to investigate: the affected user first, else the performer; both where an event has both. */
export function investigateTargets(event: AuditEvent): InvestigateTarget[] {
  const { actor } = event;
  const targets = event.targets ?? [];
  const found: InvestigateTarget[] = [];
  const add = (name: string | null, as: InvestigateTarget['as']): void => {
    if (name === null || target('user', name) === null || found.some((one) => one.name.toLowerCase() === name.toLowerCase())) return;
    found.push({ name, as });
  };
  // The catalogue's type is that of the first target.
  const person = targets.find((target, index) => isPerson(target, index === 0 ? event.object_type : null));
  if (person !== undefined) add(affectedName(person), 'affected');
  if (actor !== null && actor !== undefined) add(performerName(actor), 'performer');
  return found;
}
