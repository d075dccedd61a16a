// People in the stand-in for the server: an account, its session, its second factor, one-time links.

import type { OpenSession, Profile } from '$api/types';

import { problem, type TestServer } from './server';

export const PASSWORD = 'four grey herons';
export const LINK = `il_${'0'.repeat(64)}`;
/** Codes of the authenticator app and of recovery that are good. */
export const CODE = '123456';
export const RECOVERY = '2G8K-9ABC-X4YZ-01PQ';

function json(value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { 'Content-Type': 'application/json' } });
}

const done = (): Response => new Response(null, { status: 204 });

export class People {
  profile: Profile = {
    id: 'u-1',
    username: 'ada',
    first_name: 'Ada',
    last_name: 'Li',
    email: 'ada@example.com',
    locale: null,
    zone: null,
    tenant: null,
    roles: [{ role: 'Administrator' }],
    has_password: true,
    has_second_factor: false,
  };
  password = PASSWORD;
  /** Whether the browser has a session. */
  signedIn = false;
  /** What shows that a change comes from a page that knows of this session. */
  csrf = 'csrf';
  setUpNeeded = false;
  permissions = ['audit.read'];
  reach: 'everything' | string[] = 'everything';
  tenants = 2;
  providers: { id: string; name: string }[] | null = null;
  /** Whether mail is set up. */
  passwordReset = false;
  /** Whether everybody must have a second factor. */
  factorRequired = false;
  sessions: OpenSession[] = [
    session('s-1', true, 'password', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'),
    session('s-2', false, 'password+totp', 'curl/8.5.0'),
  ];
  /** What the server was asked to change, in order. */
  readonly changes: { path: string; method: string; body: Record<string, unknown> }[] = [];
  /** Answers to the next requests that sign in or prove a password, before any other. */
  readonly next: Response[] = [];

  /** Takes the part of the server that is about people. */
  static of(server: TestServer): People {
    const people = new People();
    server.intercept = (url, request) => people.answer(url, request);
    return people;
  }

  async answer(url: URL, request: Request): Promise<Response | null> {
    if (request.headers.has('authorization')) return null;
    const { method } = request;
    const text = await request.clone().text();
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (method !== 'GET') this.changes.push({ path: url.pathname, method, body });
    const open = this.open(`${method} ${url.pathname}`, body);
    if (open !== null) return open;
    if (!this.signedIn) return problem(401, 'unauthorized', 'No session');
    if (method !== 'GET' && request.headers.get('x-csrf-token') !== this.csrf) return problem(403, 'forbidden', 'No token');
    return this.own(`${method} ${url.pathname}`, body);
  }

  /** What anybody may ask. */
  private open(what: string, body: Record<string, unknown>): Response | null {
    switch (what) {
      case 'GET /v1/set-up':
        return json({ needed: this.setUpNeeded });
      case 'GET /v1/sign-in/providers':
        if (this.providers === null && !this.passwordReset) return problem(404, 'not_found', 'Not found');
        return json({ data: this.providers ?? [], password_reset: this.passwordReset });
      case 'POST /v1/sign-in':
        return this.next.shift() ?? this.signIn(body);
      case 'POST /v1/set-up':
        return this.next.shift() ?? (body.link === LINK ? this.begin() : problem(404, 'not_found', 'Not found'));
      case 'POST /v1/password':
        return this.next.shift() ?? (body.link === LINK ? done() : problem(404, 'not_found', 'Not found'));
      case 'POST /v1/password/reset':
        return this.next.shift() ?? new Response(null, { status: 202 });
      default:
        return null;
    }
  }

  private signIn(body: Record<string, unknown>): Response {
    if (body.username !== this.profile.username || body.password !== this.password) {
      return problem(401, 'unauthorized', 'unauthorized', 'username or password is wrong');
    }
    if (!this.profile.has_second_factor) return this.begin();
    if (body.code === CODE || body.code === RECOVERY) return this.begin();
    return problem(401, 'second_factor_required', 'second factor required', 'enter the code');
  }

  private begin(): Response {
    this.signedIn = true;
    return json({ user: this.profile.id, username: this.profile.username, csrf: this.csrf, expires_at: '2026-11-22T00:00:00Z' });
  }

  private own(what: string, body: Record<string, unknown>): Response | null {
    const { profile } = this;
    const proven = (): Response | null =>
      this.next.shift() ??
      (body.current === this.password ? null : problem(403, 'forbidden', 'No', 'this is not your password', { field: '/current' }));
    switch (what) {
      case 'GET /v1/session':
        return json({
          kind: 'user',
          name: profile.username,
          user: profile.id,
          shown_name: [profile.first_name, profile.last_name].filter((name) => name !== null).join(' '),
          csrf: this.csrf,
          expires_at: null,
          second_factor_due: this.factorRequired && !profile.has_second_factor,
          permissions: this.permissions,
          reach: this.reach,
          tenants: this.tenants,
        });
      case 'POST /v1/sign-out':
        this.signedIn = false;
        return done();
      case 'GET /v1/actions':
      case 'GET /v1/objects':
        return json([]);
      case 'GET /v1/profile':
        return json(profile);
      case 'PATCH /v1/profile':
        Object.assign(profile, body);
        return this.next.shift() ?? json(profile);
      case 'PUT /v1/profile/password':
        return proven() ?? done();
      case 'POST /v1/profile/second-factor':
        return json({ secret: 'ABCD EFGH', uri: 'otpauth://totp/x', svg: SVG, pending: 'pending' });
      case 'PUT /v1/profile/second-factor': {
        const refused = proven();
        if (refused !== null) return refused;
        if (body.code !== CODE) return problem(400, 'invalid_string', 'No', 'this is not the code', { field: '/code' });
        profile.has_second_factor = true;
        return json({ recovery_codes: [RECOVERY, '0000-1111-2222-3333'] });
      }
      case 'DELETE /v1/profile/second-factor':
        if (this.factorRequired) return problem(403, 'forbidden', 'No', 'this installation asks everybody for a second factor');
        return proven() ?? this.withoutFactor();
      case 'GET /v1/sessions':
        return json({ data: this.sessions });
      default:
        if (!what.startsWith('DELETE /v1/sessions/')) return null;
        this.sessions = this.sessions.filter(({ id }) => !what.endsWith(`/${id}`));
        return done();
    }
  }

  private withoutFactor(): Response {
    this.profile.has_second_factor = false;
    return done();
  }
}

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path fill="#000" d="M1 1h1v1H1z"/><script>alert(1)</script></svg>';

function session(id: string, current: boolean, method: string, userAgent: string): OpenSession {
  return {
    id,
    method,
    address: '192.0.2.7',
    user_agent: userAgent,
    created_at: '2026-11-21T08:00:00.000000Z',
    last_seen_at: '2026-11-21T09:00:00.000000Z',
    expires_at: '2026-11-21T20:00:00.000000Z',
    current,
  };
}
