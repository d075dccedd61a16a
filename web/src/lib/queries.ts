// The questions that more than one component asks, with their cache keys.

import type { QueryClient } from '@tanstack/svelte-query';

import type { Api, EventsQuery } from '$api/client';
import type { ActionType, AuditEvent, ObjectType, Stats } from '$api/types';
import type { Checked } from '$verify/check';

import { serverNow } from './clock';
import { figures } from './lanes';

type Identity = Pick<AuditEvent, 'id' | 'tenant'>;

/** The bytes as sent: they never change. */
export function originalQuery(api: Api, event: Identity) {
  return {
    queryKey: ['original', event.tenant, event.id],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<Uint8Array> => api.original(event.id, event.tenant, signal),
    staleTime: Infinity,
  };
}

const answers = new WeakMap<object, number>();
let answered = 0;

/** Tells one answer about an event from the next: a verdict is about the fields as they came in one answer. */
function answerOf(event: AuditEvent): number {
  let number = answers.get(event);
  if (number === undefined) {
    answered += 1;
    number = answered;
    answers.set(event, number);
  }
  return number;
}

/** The verdict on an event as shown. The verifier is loaded when the first event is opened. */
export function proofQuery(api: Api, client: QueryClient, event: AuditEvent, base: string) {
  return {
    queryKey: ['proof', event.tenant, event.id, answerOf(event)],
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Checked> => {
      const { checkEvent } = await import('$verify/check');
      return checkEvent({
        api,
        event,
        original: () => client.ensureQueryData(originalQuery(api, event)),
        store: localStorage,
        base,
        now: serverNow,
        signal,
      });
    },
    staleTime: Infinity,
  };
}

/** How long figures may take that nobody asked for. */
export const PATIENCE_MS = 2500;

/**
 * Totals over all that match, as of the moment in the query; null: the query is not known yet.
 *
 * They are asked for at once and dropped after `patienceMs`; null: somebody waits for them.
 */
export function statsQuery(api: Api, query: EventsQuery | null, refreshes: number, patienceMs: number | null) {
  return {
    queryKey: ['stats', query, refreshes, patienceMs === null],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<Stats> => {
      // The server stops with it.
      const until = patienceMs === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
      return figures.run(() => api.stats(query ?? {}, null, until), until);
    },
    enabled: query !== null,
  };
}

/** The catalogue of actions: it changes with the server's rules, hardly ever. */
export function actionsQuery(api: Api) {
  return {
    queryKey: ['actions'],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<ActionType[]> => api.actions(signal),
    staleTime: Infinity,
  };
}

/** The catalogue of objects. */
export function objectsQuery(api: Api) {
  return {
    queryKey: ['objects'],
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<ObjectType[]> => api.objects(signal),
    staleTime: Infinity,
  };
}

/** So many domains a field are looked through for the one that was meant. */
const DOMAINS_MAX = 1000;

/** Domains that events within reach have, for conditions of these names; empty where they can't be had. */
export function knownDomainsQuery(api: Api, names: readonly string[]) {
  // Tenants are known without asking events for them.
  const wanted = names.flatMap((name) => (name === 'involves_tenant' ? ['actor_tenant', 'affected_tenant'] : [name]));
  const fields = [...new Set(wanted)].filter((name) => name !== 'tenant');
  return {
    queryKey: ['domains', fields],
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<string[]> => {
      const answers = await Promise.all(fields.map((field) => api.values(field, {}, { limit: DOMAINS_MAX }, signal)));
      return answers.flatMap((answer) => answer.values.map(({ value }) => value));
    },
  };
}
