// The viewer's one door to the server: typed requests, key or session, answers parsed without loss.
//
// Every failure is a `Problem`. What a request bears is asked for each time, so that signing out ends its use at once.

import createClient, { type Client } from 'openapi-fetch';

import { isObject, parseJson, type Json, type JsonObject } from '$lib/json';

import { Problem, toProblem } from './problem';
// Generated from the server's OpenAPI document: `npm run generate`.
import type { components, paths } from './schema';
import type {
  ActionType,
  AuditEvent,
  EventPage,
  FactorOffer,
  FieldValues,
  ObjectType,
  Histogram,
  OpenSession,
  Profile,
  ProofBundle,
  Provider,
  Session,
  SignInOffers,
  SignedIn,
  Stats,
} from './types';

export type EventsQuery = NonNullable<paths['/v1/events']['get']['parameters']['query']>;
export type TailQuery = NonNullable<paths['/v1/tail']['get']['parameters']['query']>;
type Bodies = components['schemas'];

/** What requests bear: a key of this tab, or the browser's session cookie and what shows that the page sent them. */
export type Credential = { kind: 'key'; key: string } | { kind: 'session'; csrf: string | null };

/** Nobody yet: a cookie that the browser may have is sent, and one that the server gives is kept. */
export const VISITOR: Credential = { kind: 'session', csrf: null };

const SAFE_METHODS = ['GET', 'HEAD'];
const CSRF_HEADER = 'X-CSRF-Token';
/** Of a path to come back to, in bytes: as the server has it. */
const RETURN_TO_LEN_MAX = 1024;

export interface ApiOptions {
  /** Where the server is: the path prefix that it is hosted under. */
  base: string;
  credential: () => Credential;
  /** Told what was refused: a key or a session that ended. */
  onRefused?: (credential: Credential) => void;
  /** Told that something is not permitted: what the page knows of its reader may be out of date. */
  onForbidden?: () => void;
  /** Asked after a refused change for the token that the same user's session has by now; null: there is no other. */
  renewedToken?: (refused: string) => Promise<string | null>;
  /** Told the server's clock with every answer. */
  onServerTime?: (epochMs: number) => void;
  fetch?: (request: Request) => Promise<Response>;
}

export interface HistogramOptions {
  /** The calendar's IANA zone. */
  tz: string;
  /** ISO 8601, such as `PT1H`; chosen by the range where absent. */
  interval?: string;
  /** The field whose values are told apart. */
  by?: string;
}

export interface ValuesOptions {
  /** Only values that begin so, without case. */
  prefix?: string;
  /** 1 to 1000. */
  limit?: number;
}

/** What the client library makes of an answer. */
export type Outcome<T> = { data?: T; error?: unknown; response: Response };

export class Api {
  private readonly client: Client<paths>;

  constructor(private readonly options: ApiOptions) {
    this.client = createClient<paths>({
      // Requests need an absolute address outside of a page, in tests.
      baseUrl: new URL(options.base, globalThis.location.origin).href.replace(/\/$/, ''),
      fetch: (request) => this.send(request),
      cache: 'no-store',
    });
    this.client.use({
      onRequest: ({ request }) => {
        const credential = options.credential();
        if (credential.kind === 'key') {
          // The key is the only credential: a session, and cookies of other products on this host, stay out of it.
          const bare = new Request(request, { credentials: 'omit' });
          bare.headers.set('Authorization', `Bearer ${credential.key}`);
          return bare;
        }
        const own = new Request(request, { credentials: 'same-origin' });
        if (credential.csrf !== null && !SAFE_METHODS.includes(own.method)) own.headers.set(CSRF_HEADER, credential.csrf);
        return own;
      },
    });
  }

  /** The same server for somebody else. */
  as(credential: Credential): Api {
    const { onRefused: _, renewedToken: __, onForbidden: ___, ...options } = this.options;
    return new Api({ ...options, credential: () => credential });
  }

  /** Begins a session by password, and by second factor where the account has one. */
  async signIn(body: Bodies['SignIn']): Promise<SignedIn> {
    const visitor = this.as(VISITOR);
    return visitor.json<SignedIn>(visitor.client.POST('/v1/sign-in', { body, parseAs: 'text' }));
  }

  async signOut(): Promise<void> {
    await this.done(this.client.POST('/v1/sign-out', { parseAs: 'text' }));
  }

  /** Ways to sign in elsewhere, and whether a forgotten password is helped; nothing where the server knows of nothing. */
  async signInOffers(signal?: AbortSignal): Promise<SignInOffers> {
    try {
      return await this.json<SignInOffers>(this.client.GET('/v1/sign-in/providers', { parseAs: 'text', ...abort(signal) }));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return { data: [], password_reset: false };
      throw error;
    }
  }

  /**
   * Where a provider's button leads; `returnTo` is where the visitor wants to be, a path below the prefix.
   *
   * Of one that the server refuses (browsers take `//host` for another host) the start page is left.
   */
  providerAddress(provider: Provider, returnTo: string): string {
    const path = `/v1/sign-in/providers/${encodeURIComponent(provider.id)}`;
    const taken = returnTo.length <= RETURN_TO_LEN_MAX && /^\/(?!\/)[^\\]*$/.test(returnTo);
    return `${this.options.base}${path}?return_to=${encodeURIComponent(taken ? returnTo : '/')}`;
  }

  /** Whether the server waits for its first administrator. */
  async setUpNeeded(signal?: AbortSignal): Promise<boolean> {
    const visitor = this.as(VISITOR);
    const request = visitor.client.GET('/v1/set-up', { parseAs: 'text', ...abort(signal) });
    return (await visitor.json<{ needed: boolean }>(request)).needed;
  }

  /** Makes the first administrator and begins their session. */
  async setUp(body: Bodies['SetUp']): Promise<SignedIn> {
    const visitor = this.as(VISITOR);
    return visitor.json<SignedIn>(visitor.client.POST('/v1/set-up', { body, parseAs: 'text' }));
  }

  /** Chooses a password by the link of an invitation or a reset. */
  async choosePassword(body: Bodies['PasswordByLink']): Promise<void> {
    const visitor = this.as(VISITOR);
    await visitor.done(visitor.client.POST('/v1/password', { body, parseAs: 'text' }));
  }

  /** Asks for a mail with a link to choose a password by. `user` is a username or an e-mail address; the answer is always the same. */
  async resetPassword(user: string): Promise<void> {
    const visitor = this.as(VISITOR);
    await visitor.done(visitor.client.POST('/v1/password/reset', { body: { user }, parseAs: 'text' }));
  }

  async profile(signal?: AbortSignal): Promise<Profile> {
    return this.json<Profile>(this.client.GET('/v1/profile', { parseAs: 'text', ...abort(signal) }));
  }

  async changeProfile(body: Bodies['ProfileChange']): Promise<Profile> {
    return this.json<Profile>(this.client.PATCH('/v1/profile', { body, parseAs: 'text' }));
  }

  async changePassword(body: Bodies['PasswordChange']): Promise<void> {
    await this.done(this.client.PUT('/v1/profile/password', { body, parseAs: 'text' }));
  }

  async offerSecondFactor(): Promise<FactorOffer> {
    return this.json<FactorOffer>(this.client.POST('/v1/profile/second-factor', { parseAs: 'text' }));
  }

  /** Puts the offered second factor in force; returns the recovery codes. */
  async takeSecondFactor(body: Bodies['FactorProof']): Promise<string[]> {
    const request = this.client.PUT('/v1/profile/second-factor', { body, parseAs: 'text' });
    return (await this.json<{ recovery_codes: string[] }>(request)).recovery_codes;
  }

  async removeSecondFactor(body: Bodies['CurrentPassword']): Promise<void> {
    await this.done(this.client.DELETE('/v1/profile/second-factor', { body, parseAs: 'text' }));
  }

  /** One's own sessions, the one used last first. */
  async sessions(signal?: AbortSignal): Promise<OpenSession[]> {
    const request = this.client.GET('/v1/sessions', { parseAs: 'text', ...abort(signal) });
    return (await this.json<{ data: OpenSession[] }>(request)).data;
  }

  async endSession(id: string): Promise<void> {
    await this.done(this.client.DELETE('/v1/sessions/{id}', { params: { path: { id } }, parseAs: 'text' }));
  }

  async session(signal?: AbortSignal): Promise<Session> {
    return this.json<Session>(this.client.GET('/v1/session', { parseAs: 'text', ...abort(signal) }));
  }

  async events(query: EventsQuery, signal?: AbortSignal): Promise<EventPage> {
    return this.json<EventPage>(
      this.client.GET('/v1/events', { params: { query }, parseAs: 'text', ...abort(signal) }),
    );
  }

  /** The bytes of a stream of what matches, behind a cursor or from now on: Server-Sent Events. */
  async tail(query: TailQuery, signal?: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const stream = await this.answer(this.client.GET('/v1/tail', { params: { query }, parseAs: 'stream', ...abort(signal) }));
    return stream as ReadableStream<Uint8Array>;
  }

  /** The exact number of events that match. */
  async count(query: EventsQuery, signal?: AbortSignal): Promise<number> {
    const page = await this.events({ ...query, limit: 1, total: true }, signal);
    if (typeof page.total !== 'number') throw new Problem(200, null, 'no total in the answer', null, null);
    return page.total;
  }

  /** Totals over all events that match, exact; as of another answer's moment where `asOf` is its `as_of`. */
  async stats(query: EventsQuery, asOf: string | null = null, signal?: AbortSignal): Promise<Stats> {
    const params = { query: asOf === null ? query : { ...query, as_of: asOf } };
    return this.json<Stats>(this.client.GET('/v1/stats', { params, parseAs: 'text', ...abort(signal) }));
  }

  /** Events by time, exact, in calendar units of the zone. */
  async histogram(query: EventsQuery, options: HistogramOptions, signal?: AbortSignal): Promise<Histogram> {
    const params = { query: { ...query, ...options } };
    return this.json<Histogram>(this.client.GET('/v1/histogram', { params, parseAs: 'text', ...abort(signal) }));
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

  /** The values of a field among the events that match, those that most have first. */
  async values(field: string, query: EventsQuery, options: ValuesOptions, signal?: AbortSignal): Promise<FieldValues> {
    const params = { path: { field }, query: { ...query, ...options } };
    return this.json<FieldValues>(this.client.GET('/v1/values/{field}', { params, parseAs: 'text', ...abort(signal) }));
  }

  /** The types of actions that there are. */
  async actions(signal?: AbortSignal): Promise<ActionType[]> {
    return this.json<ActionType[]>(this.client.GET('/v1/actions', { parseAs: 'text', ...abort(signal) }));
  }

  /** The types of objects that there are. */
  async objects(signal?: AbortSignal): Promise<ObjectType[]> {
    return this.json<ObjectType[]>(this.client.GET('/v1/objects', { parseAs: 'text', ...abort(signal) }));
  }

  /** Names of the tenants within reach; empty where the caller may not list them. */
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

  /** The view that the caller's page opens with; null: none. */
  async defaultView(signal?: AbortSignal): Promise<{ query: string; columns: string[] | null } | null> {
    let after: string | null = null;
    do {
      const params = { query: { limit: 200, ...(after === null ? {} : { after }) } };
      const answer: Bodies['SavedViews'] = await this.json(
        this.client.GET('/v1/views', { params, parseAs: 'text', ...abort(signal) }),
      );
      const chosen = answer.data.find((view) => view.default);
      if (chosen !== undefined) return { query: chosen.query, columns: chosen.columns ?? null };
      after = answer.next ?? null;
    } while (after !== null);
    return null;
  }

  // Parts of the page that are loaded on demand ask by these what nobody else asks (api/admin.ts).

  /** A question whose answer is JSON. */
  async read<T>(ask: (client: Client<paths>) => Promise<Outcome<string>>): Promise<T> {
    return this.json<T>(ask(this.client));
  }

  /** A question whose answer is text. */
  async readText(ask: (client: Client<paths>) => Promise<Outcome<string>>): Promise<string> {
    return this.answer(ask(this.client));
  }

  /** A change that is answered by nothing but success. */
  async change(ask: (client: Client<paths>) => Promise<Outcome<unknown>>): Promise<void> {
    await this.done(ask(this.client));
  }

  /** A change is sent twice where the browser's session is another one than the page knew of. */
  private async send(request: Request): Promise<Response> {
    const { fetch = globalThis.fetch, renewedToken } = this.options;
    const token = request.headers.get(CSRF_HEADER);
    if (token === null || renewedToken === undefined) return fetch(request);
    const again = request.clone();
    const response = await fetch(request);
    const renewed = response.status === 403 ? await renewedToken(token) : null;
    if (renewed === null) return response;
    again.headers.set(CSRF_HEADER, renewed);
    return fetch(again);
  }

  private async done(request: Promise<Outcome<unknown>>): Promise<Response> {
    return (await this.outcome(request)).response;
  }

  private async answer<T>(request: Promise<Outcome<T>>): Promise<T> {
    const outcome = await this.outcome(request);
    if (outcome.data === undefined) throw new Problem(outcome.response.status, null, 'empty answer', null, null);
    return outcome.data;
  }

  private async outcome<T>(request: Promise<Outcome<T>>): Promise<Outcome<T>> {
    // The request is on its way: it bears what is in force now.
    const credential = this.options.credential();
    let outcome: Outcome<T>;
    try {
      outcome = await request;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new Problem(0, null, 'no answer', error instanceof Error ? error.message : null, null);
    }
    const date = Date.parse(outcome.response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) this.options.onServerTime?.(date);
    if (outcome.response.status === 401) this.options.onRefused?.(credential);
    if (outcome.response.status === 403) this.options.onForbidden?.();
    if (!outcome.response.ok) throw toProblem(outcome.response, outcome.error);
    return outcome;
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
