// What the server refused, at the field of the form that it is about.

import type { Problem } from '$api/problem';
import type { Wrong } from '$lib/attempt.svelte';
import { m } from '$lib/paraglide/messages';

/**
 * The fields of a form that a problem names; a pointer into a list or an object is about the field that holds it.
 *
 * Null: it names none of these.
 */
export function fieldsOf(problem: Problem, names: readonly string[]): Wrong | null {
  const fields: Record<string, string> = {};
  for (const { field, message } of problem.errors) {
    const name = (field ?? '').replace(/^\//, '').split('/')[0] ?? '';
    if (names.includes(name) && fields[name] === undefined) fields[name] = m.field_refused({ message });
  }
  return Object.keys(fields).length === 0 ? null : { fields };
}
