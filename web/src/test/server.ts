// A small stand-in for the server in component tests: the API's shapes, in memory, with proofs that verify.
//
// It knows what the page needs and no more; the real server is what the browser tests run against.

import type { ActionType, AuditEvent, EventPage, FieldValues, ObjectType, Session } from '$api/types';
import { microsecondsOf } from '$lib/time/instant';

import { TestLedger } from './ledger';

export interface Sent {
  id: string;
  tenant?: string;
  time: string;
  action: string;
  action_type?: string;
  object_category?: string;
  summary?: string;
  [field: string]: unknown;
}

const SERVER_FIELDS = ['action_type', 'object_category', 'summary', 'severity'];

export class TestServer {
  readonly ledger = new TestLedger();
  readonly events: AuditEvent[] = [];
  private readonly bodies = new Map<string, string>();
  private readonly places = new Map<string, number>();
  /** Requests as they came: method, path and query. */
  readonly requests: { method: string; url: URL; headers: Headers; credentials: RequestCredentials }[] = [];
  keys = new Map<string, Session>([
    ['secret', { kind: 'api_key', name: 'auditor', permissions: ['audit.read', 'audit.verify', 'audit.originals'], reach: 'everything', tenants: 2 }],
  ]);
  completeThrough = '2026-11-21T12:00:00.000000Z';
  now = new Date('2026-11-21T12:00:00Z');
  /** Answers a request otherwise, once. */
  intercept: ((url: URL, request: Request) => Response | Promise<Response | null> | null) | null = null;

  constructor(sent: Sent[] = SAMPLES) {
    sent.forEach((event, index) => this.add(event, index));
    this.events.sort((left, right) => (left.time < right.time ? 1 : -1));
  }

  /** An event that comes in later: answers as of before don't have it. */
  arrive(event: Sent): void {
    this.add(event, this.events.length);
    this.events.sort((left, right) => (left.time < right.time ? 1 : -1));
  }

  /** The events that a question is about: its `as_of` is how many there were. */
  asOf(params: URLSearchParams): AuditEvent[] {
    const moment = Number(params.get('as_of') ?? this.events.length);
    return this.events.filter((event) => Number(event.tenant_seq) < moment);
  }

  private add(event: Sent, seq: number): void {
    const tenant = event.tenant ?? 'acme';
    const body = JSON.stringify(Object.fromEntries(Object.entries(event).filter(([name]) => !SERVER_FIELDS.includes(name))));
    const receivedAt = '2026-11-21T11:00:00.000001Z';
    const place = this.ledger.record({
      id: event.id,
      tenant,
      tenantNumber: tenant === 'acme' ? 1 : 2,
      tenantSeq: seq,
      receivedAtUs: microsecondsOf(receivedAt) ?? 0n,
      timeUs: microsecondsOf(event.time) ?? 0n,
      timeSource: 'event',
      protocol: 1,
      body,
    });
    const shown = {
      ...event,
      tenant,
      tenant_seq: seq,
      received_at: receivedAt,
      time: event.time,
      time_original: event.time,
      time_source: 'event',
      action_type: event.action_type ?? 'other',
      summary: event.summary ?? `Someone did ${event.action}.`,
    } as AuditEvent;
    this.events.push(shown);
    this.bodies.set(`${tenant}/${event.id}`, body);
    this.places.set(`${tenant}/${event.id}`, place);
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const { method, headers, credentials } = request;
    this.requests.push({ method, url, headers, credentials });
    const other = await this.intercept?.(url, request);
    if (other !== null && other !== undefined) return other;
    const who = this.keys.get((request.headers.get('authorization') ?? '').replace('Bearer ', ''));
    if (who === undefined) return problem(401, 'unauthorized', 'No valid key');
    return this.route(url, who);
  };

  private route(url: URL, who: Session): Response {
    const { pathname, searchParams } = url;
    if (pathname === '/v1/session') return this.json(who);
    if (pathname === '/v1/ledger/consistency') {
      const size = (name: string): number => Number(searchParams.get(name));
      return this.json({ from: size('from'), to: size('to'), hashes: this.ledger.consistency(size('from'), size('to')) });
    }
    if (pathname === '/v1/tenants') return this.json({ data: [{ name: 'acme' }, { name: 'umbrella' }] });
    if (pathname === '/v1/actions') return this.json(ACTIONS);
    if (pathname === '/v1/objects') return this.json(OBJECTS);
    if (pathname.startsWith('/v1/values/')) return this.json(this.values(pathname.slice('/v1/values/'.length), searchParams, who));
    if (pathname === '/v1/events') return this.json(this.page(searchParams, who));
    const match = /^\/v1\/events\/([^/]+)(?:\/(original|proof))?$/.exec(pathname);
    const id = decodeURIComponent(match?.[1] ?? '');
    const event = this.within(who).find(
      (one) => one.id === id && (searchParams.get('tenant') ?? one.tenant) === one.tenant,
    );
    if (match === null || event === undefined) return problem(404, 'not_found', 'Not found');
    const place = `${event.tenant}/${event.id}`;
    if (match[2] === undefined) return this.json(event);
    if (match[2] === 'original') {
      return who.permissions.includes('audit.originals')
        ? new Response(this.bodies.get(place) ?? '', { headers: this.headers('application/octet-stream') })
        : problem(403, 'forbidden', 'Not permitted');
    }
    return who.permissions.includes('audit.verify')
      ? this.json(this.ledger.bundle(this.places.get(place) ?? 0))
      : problem(403, 'forbidden', 'Not permitted');
  }

  private within(who: Session): AuditEvent[] {
    const { reach } = who;
    return reach === 'everything' ? this.events : this.events.filter((event) => reach.includes(event.tenant));
  }

  private page(params: URLSearchParams, who: Session): EventPage {
    const q = (params.get('q') ?? '').toLowerCase();
    const tenant = params.get('tenant');
    const since = params.get('since') ?? '';
    const until = params.get('until') ?? '9999';
    const [place, sealed] = (params.get('after') ?? params.get('before') ?? '').split('@');
    const moment = params.get('as_of') ?? sealed ?? String(this.events.length);
    const known = this.asOf(new URLSearchParams({ as_of: moment }));
    const found = this.within(who).filter(
      (event) =>
        known.includes(event) &&
        JSON.stringify(event).toLowerCase().includes(q) &&
        (tenant === null || event.tenant === tenant) &&
        event.time >= since &&
        event.time < until,
    );
    const limit = Number(params.get('limit') ?? '25');
    const start = params.has('before') ? Math.max(0, Number(place) - limit) : Number(place ?? 0);
    return {
      data: found.slice(start, start + limit),
      ...(params.get('total') === 'true' ? { total: found.length } : {}),
      complete_through: this.completeThrough,
      // Cursors carry their moment.
      next: start + limit < found.length ? `${start + limit}@${moment}` : null,
      prev: start > 0 ? `${start}@${moment}` : null,
      as_of: moment,
    };
  }

  /** Of the fields that the tests ask for. */
  private values(field: string, params: URLSearchParams, who: Session): FieldValues {
    const counts = new Map<string, number>();
    let missing = 0;
    for (const event of this.within(who)) {
      const found = VALUES_OF[field]?.(event).filter((value) => typeof value === 'string') ?? [];
      if (found.length === 0) missing += 1;
      for (const value of found) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    const prefix = (params.get('prefix') ?? '').toLowerCase();
    const all = [...counts].map(([value, count]) => ({ value, count })).filter(({ value }) => value.toLowerCase().startsWith(prefix));
    all.sort((left, right) => right.count - left.count || (left.value < right.value ? -1 : 1));
    return { field, values: all.slice(0, Number(params.get('limit') ?? '20')), distinct: all.length, missing };
  }

  private headers(type: string): Record<string, string> {
    return { 'Content-Type': type, Date: this.now.toUTCString() };
  }

  private json(value: unknown): Response {
    return new Response(JSON.stringify(value), { headers: this.headers('application/json') });
  }
}

const VALUES_OF: Record<string, (event: AuditEvent) => (string | null | undefined)[]> = {
  action_type: (event) => [event.action_type],
  outcome: (event) => [event.outcome?.result],
  actor: ({ actor }) => [actor?.username, actor?.id],
  actor_tenant: ({ actor }) => [actor?.tenant],
  affected_tenant: ({ targets }) => (targets ?? []).map((target) => target.tenant),
  object: ({ targets }) => (targets ?? []).map((target) => target.type),
  tenant: (event) => [event.tenant],
};

export const ACTIONS: ActionType[] = [
  ['login', 'Login'],
  ['create', 'Add/Create'],
  ['deactivate', 'Deactivate'],
  ['delete', 'Delete'],
  ['update', 'Modify/Update'],
  ['teleport', 'Teleport'],
].map(([id = '', label = '']) => ({ id, label, colour: 'grey' }));

export const OBJECTS: ObjectType[] = [
  { id: 'oauth', label: 'OAuth', category: 'authentication', aliases: ['OAuth Token'], colour: 'blue' },
  { id: 'subscriber', label: 'Subscriber', category: 'users_domains', aliases: ['User'], colour: 'green' },
  { id: 'phone_number', label: 'Phone Number', category: 'communication', aliases: [], colour: 'orange' },
  { id: 'call_queue', label: 'Call Queue', category: 'communication', aliases: [], colour: 'orange' },
  { id: 'route', label: 'Route', category: 'configuration', aliases: [], colour: 'cyan' },
];

export function problem(status: number, code: string, title: string, detail?: string, more: ProblemExtras = {}): Response {
  const { field, retryAfter } = more;
  const errors = field === undefined ? [] : [{ code, field, message: detail ?? title }];
  const body = { type: 'about:blank', title, status, code, detail, instance: 'req-4711', errors };
  const headers = new Headers({ 'Content-Type': 'application/problem+json' });
  if (retryAfter !== undefined) headers.set('Retry-After', String(retryAfter));
  return new Response(JSON.stringify(body), { status, headers });
}

export interface ProblemExtras {
  /** JSON pointer of what is wrong. */
  field?: string;
  /** Seconds. */
  retryAfter?: number;
}

/** One event of each kind that the page treats in its own way. */
export const SAMPLES: Sent[] = [
  {
    id: 'login-1',
    time: '2026-11-21T10:15:04.123456Z',
    action: 'ConsoleLogin',
    action_type: 'login',
    actor: { type: 'user', id: '1041', username: 'ada', first_name: 'Ada', last_name: 'Li', tenant: 'company.com' },
    client: { ip: '203.0.113.9', user_agent: 'Mozilla/5.0' },
    outcome: { result: 'failure', reason: 'Wrong password' },
    summary: 'ada failed to sign in from 203.0.113.9: Wrong password.',
  },
  {
    id: 'update-1',
    time: '2026-11-21T10:10:00.000000Z',
    action: 'Update user',
    action_type: 'update',
    object_category: 'users & domains',
    actor: { type: 'user', username: 'admin1', tenant: 'company.com', roles: ['Tech'] },
    targets: [
      { type: 'subscriber', id: '100', name: 'user100', tenant: 'customer.com' },
      { type: 'domain', id: 'customer.com' },
    ],
    outcome: { result: 'success' },
    parameters: { 'Recording Id': 'c333d58a', Limit: 25, Nested: { a: [1, 2] } },
    changes: [
      { field: 'email', old: null, new: 'a@b.c' },
      { field: 'phone', new: '' },
    ],
    related: [{ type: 'reports', id: 'd67fcacc' }],
    summary: 'admin1 updated subscriber user100.',
  },
  {
    id: 'nightly',
    tenant: 'umbrella',
    time: '2026-11-20T01:30:00.000000Z',
    action: 'Nightly clean-up',
    action_type: 'execute',
    actor: { type: 'system' },
    summary: 'The system ran Nightly clean-up.',
  },
  {
    id: 'nobody',
    time: '2026-11-19T08:00:00.000000Z',
    action: 'Something happened',
    summary: 'Something happened.',
  },
  {
    id: 'hostile',
    time: '2026-11-18T08:00:00.000000Z',
    action: '<img src=x onerror=alert(1)>\u202Etxt.exe',
    action_type: 'delete',
    actor: { type: 'user', username: '\u05D0\u05D3\u05DE\u05D9\u05DF' },
    parameters: { '<b>bold</b>': '\u0000\u200B</script><script>alert(2)</script>' },
    summary: '<script>alert(3)</script> deleted \u202Eeverything',
  },
];
