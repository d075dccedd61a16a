// The result that the reader comes from, so that an event's own page knows its neighbours. In memory: it is about this
// visit, and ends with it.

import type { Api, EventsQuery } from '$api/client';

import { session } from './session.svelte';
import type { OpenEvent } from './url';

/** What brings the events after those that were loaded. */
export interface More {
  query: EventsQuery;
  /** Cursor. */
  after: string;
}

interface Result {
  events: readonly OpenEvent[];
  /** Null: there are no more. */
  more: More | null;
  /** Address of the list. */
  href: string;
  /** Whose result it is: somebody else who signs in here has none. */
  credential: object;
}

export interface Neighbours {
  href: string;
  previous: OpenEvent | null;
  next: OpenEvent | null;
  /** Whether events follow that are not loaded yet. */
  hasMore: boolean;
  /** Counts from 1. */
  place: number;
  count: number;
}

const identity = ({ id, tenant }: OpenEvent): OpenEvent => ({ id, tenant });

class LastResult {
  private last = $state.raw<Result | null>(null);

  /** Keeps what the list shows, all loaded pages in order. */
  remember(events: readonly OpenEvent[], href: string, more: More | null): void {
    this.last = { events: events.map(identity), more, href, credential: session.credential };
  }

  /** Loads the page after the last event. Throws `Problem`. */
  async loadMore(api: Api): Promise<void> {
    const { last } = this;
    if (last === null || last.more === null) return;
    const page = await api.events({ ...last.more.query, after: last.more.after });
    // By then it may be another result.
    if (this.last !== last) return;
    const { next } = page;
    const more = typeof next === 'string' ? { ...last.more, after: next } : null;
    this.last = { ...last, events: [...last.events, ...page.data.map(identity)], more };
  }

  /** Where an event stands in the result; null where it is in none. */
  around(event: OpenEvent): Neighbours | null {
    if (this.last === null || this.last.credential !== session.credential) return null;
    const { events, href, more } = this.last;
    const at = events.findIndex((one) => one.id === event.id && (event.tenant === '' || event.tenant === one.tenant));
    if (at < 0) return null;
    return { href, previous: events[at - 1] ?? null, next: events[at + 1] ?? null, hasMore: more !== null, place: at + 1, count: events.length };
  }
}

export const lastResult = new LastResult();
