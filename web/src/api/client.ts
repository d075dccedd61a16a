// The viewer's one door to the server: typed requests, the key in a header, answers parsed without loss.
//
// Every failure is a `Problem`. The key is asked for at each request, so that signing out ends its use at once.

import createClient, { type Client } from 'openapi-fetch';

import { isObject, parseJson, type Json, type JsonObject } from '$lib/json';

import { Problem, toProblem } from './problem';
// Generated from the server's OpenAPI document: `npm run generate`.
import type { operations, paths } from './schema';
import type { AuditEvent, EventPage, ProofBundle, Session } from './types';

export type EventsQuery = NonNullable<operations['list']['parameters']['query']>;

export interface ApiOptions {
  /** Where the server is: the path prefix that it is hosted under. */
  base: string;
  key: () => string | null;
  /** Told the server's clock with every answer. */
  onServerTime?: (epochMs: number) => void;
  fetch?: (request: Request) => Promise<Response>;
}

type Outcome<T> = { data?: T; error?: unknown; response: Response };

export class Api {
  private readonly client: Client<paths>;
  private readonly onServerTime: (epochMs: number) => void;

  constructor(options: ApiOptions) {
    this.onServerTime = options.onServerTime ?? (() => undefined);
    const send = options.fetch;
    this.client = createClient<paths>({
      // Requests need an absolute address outside of a page, in tests.
      baseUrl: new URL(options.base, globalThis.location.origin).href.replace(/\/$/, ''),
      ...(send === undefined ? {} : { fetch: send }),
      // The key is the only credential; cookies of other products on this host stay out of it.
      credentials: 'omit',
      cache: 'no-store',
    });
    this.client.use({
      onRequest: ({ request }) => {
        const key = options.key();
        if (key !== null) request.headers.set('Authorization', `Bearer ${key}`);
        return request;
      },
    });
  }

  async session(signal?: AbortSignal): Promise<Session> {
    return this.json<Session>(this.client.GET('/v1/session', { parseAs: 'text', ...abort(signal) }));
  }

  async events(query: EventsQuery, signal?: AbortSignal): Promise<EventPage> {
    return this.json<EventPage>(
      this.client.GET('/v1/events', { params: { query }, parseAs: 'text', ...abort(signal) }),
    );
  }

  /** The exact number of events that match. */
  async count(query: EventsQuery, signal?: AbortSignal): Promise<number> {
    const page = await this.events({ ...query, limit: 1, total: true }, signal);
    if (typeof page.total !== 'number') throw new Problem(200, null, 'no total in the answer', null, null);
    return page.total;
  }

  async event(id: string, tenant: string, signal?: AbortSignal): Promise<AuditEvent> {
    const params = { path: { id }, query: inTenant(tenant) };
    return this.json<AuditEvent>(this.client.GET('/v1/events/{id}', { params, parseAs: 'text', ...abort(signal) }));
  }

  /** The bytes as the sender sent them. */
  async original(id: string, tenant: string, signal?: AbortSignal): Promise<Uint8Array> {
    const params = { path: { id }, query: inTenant(tenant) };
    const buffer = await this.answer(
      this.client.GET('/v1/events/{id}/original', { params, parseAs: 'arrayBuffer', ...abort(signal) }),
    );
    return new Uint8Array(buffer);
  }

  async proof(id: string, tenant: string, signal?: AbortSignal): Promise<ProofBundle> {
    const params = { path: { id }, query: inTenant(tenant) };
    const headers = { Accept: 'application/json' };
    return this.json<ProofBundle>(
      this.client.GET('/v1/events/{id}/proof', { params, headers, parseAs: 'text', ...abort(signal) }),
    );
  }

  /** The proof that the tree of `from` entries is a prefix of the tree of `to` entries, base64. */
  async consistency(from: bigint, to: bigint, signal?: AbortSignal): Promise<string[]> {
    // Sizes within what a number holds exactly, until trees have 2^53 entries.
    const params = { query: { from: Number(from), to: Number(to) } };
    const answer = await this.json<{ hashes: string[] }>(
      this.client.GET('/v1/ledger/consistency', { params, parseAs: 'text', ...abort(signal) }),
    );
    return answer.hashes;
  }

  /** Names of the tenants within reach; empty where the key may not list them. */
  async tenantNames(signal?: AbortSignal): Promise<string[]> {
    try {
      const answer = await this.json<JsonObject>(
        this.client.GET('/v1/tenants', { parseAs: 'text', ...abort(signal) }),
      );
      const list: Json = Array.isArray(answer) ? answer : (answer.data ?? answer.tenants ?? []);
      return (Array.isArray(list) ? list : []).flatMap((tenant) =>
        isObject(tenant) && typeof tenant.name === 'string' ? [tenant.name] : [],
      );
    } catch (error) {
      if (error instanceof Problem && (error.status === 403 || error.status === 404)) return [];
      throw error;
    }
  }

  private async answer<T>(request: Promise<Outcome<T>>): Promise<T> {
    let outcome: Outcome<T>;
    try {
      outcome = await request;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new Problem(0, null, 'no answer', error instanceof Error ? error.message : null, null);
    }
    const date = Date.parse(outcome.response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.onServerTime(date);
    if (!outcome.response.ok) throw toProblem(outcome.response, outcome.error);
    if (outcome.data === undefined) throw new Problem(outcome.response.status, null, 'empty answer', null, null);
    return outcome.data;
  }

  private async json<T>(request: Promise<Outcome<string>>): Promise<T> {
    const text = await this.answer(request);
    try {
      // The server's own OpenAPI document is what vouches for the shape.
      return parseJson(text) as unknown as T;
    } catch {
      throw new Problem(200, null, 'unreadable answer', null, null);
    }
  }
}

function abort(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function inTenant(tenant: string): { tenant?: string } {
  return tenant === '' ? {} : { tenant };
}
