// The result that the reader comes from, so that an event's own page knows its neighbours. In memory: it is about this
// visit, and ends with it.

import { session } from './session.svelte';
import type { OpenEvent } from './url';

interface Result {
  events: readonly OpenEvent[];
  /** Address of the list. */
  href: string;
  /** Whose result it is: somebody else who signs in here has none. */
  credential: object;
}

export interface Neighbours {
  href: string;
  previous: OpenEvent | null;
  next: OpenEvent | null;
  /** Counts from 1. */
  place: number;
  count: number;
}

class LastResult {
  private last = $state.raw<Result | null>(null);

  /** Keeps what the list shows, all loaded pages in order. */
  remember(events: readonly OpenEvent[], href: string): void {
    const known = events.map(({ id, tenant }) => ({ id, tenant }));
    this.last = { events: known, href, credential: session.credential };
  }

  /** Where an event stands in the result; null where it is in none. */
  around(event: OpenEvent): Neighbours | null {
    if (this.last === null || this.last.credential !== session.credential) return null;
    const { events, href } = this.last;
    const at = events.findIndex((one) => one.id === event.id && (event.tenant === '' || event.tenant === one.tenant));
    if (at < 0) return null;
    return { href, previous: events[at - 1] ?? null, next: events[at + 1] ?? null, place: at + 1, count: events.length };
  }
}

export const lastResult = new LastResult();
