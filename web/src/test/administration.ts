// The administration in the stand-in for the server: tenants, users, roles, keys, providers, the switch, settings.
//
// Permissions are the real server's matter; here everything is answered, and what was asked for is kept.

import type { Auditing, Key, Mail, Provider, Role, Tenant, User } from '$api/admin';
import type { OpenSession, Session } from '$api/types';

import { LINK, People } from './people';
import { problem, type TestServer } from './server';

export const SECRET = `ik_${'7'.repeat(64)}`;
export const AT = '2026-11-21T11:00:00.000001Z';

export const ALL_PERMISSIONS = [
  'events.send', 'audit.read', 'audit.export', 'audit.reports', 'audit.originals', 'audit.verify', 'users.manage',
  'tenants.manage', 'settings.manage', 'keys.manage', 'retention.manage', 'holds.manage',
];

export const ADMINISTRATOR: Session = {
  kind: 'user',
  name: 'ada',
  user: 'u-1',
  shown_name: 'Ada Li',
  csrf: 'csrf',
  expires_at: null,
  complete_user_management: true,
  permissions: ALL_PERMISSIONS,
  reach: 'everything',
  tenants: 4,
};

export function tenant(name: string, parent: string | null = null, more: Partial<Tenant> = {}): Tenant {
  return {
    name,
    uuid: `uuid-of-${name}`,
    display_name: null,
    external_id: null,
    parent,
    kind: 'domain',
    zone: null,
    state: 'active',
    auditing: true,
    audited_since: AT,
    former_names: [],
    created_at: AT,
    ...more,
  };
}

export function user(id: string, username: string, more: Partial<User> = {}): User {
  return {
    id,
    username,
    first_name: null,
    last_name: null,
    email: null,
    locale: null,
    zone: null,
    tenant: null,
    groups: [],
    roles: [],
    state: 'active',
    has_password: true,
    has_second_factor: false,
    created_at: AT,
    sessions: 0,
    ...more,
  };
}

export function key(id: string, name: string, more: Partial<Key> = {}): Key {
  return {
    id,
    name,
    prefix: `ik_${id.padEnd(5, '0')}`,
    permissions: ['events.send'],
    reach: 'everything',
    default_tenant: null,
    tenant_from_target: false,
    create_tenants: false,
    replaces: null,
    expires: null,
    created_at: AT,
    revoked_at: null,
    last_used_at: null,
    valid: true,
    ...more,
  };
}

function role(id: string, name: string, permissions: string[], reach: string, more: Partial<Role> = {}): Role {
  return { id, name, permissions, reach, ready_made: true, users: 0, ...more };
}

function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });
}

const done = (): Response => new Response(null, { status: 204 });

type Body = Record<string, unknown>;

export class TestAdministration {
  auditing: Auditing = { auditing: false, audited_since: null, tenants: 4, audited_tenants: 3 };
  ready: { status: number; body: unknown } = { status: 200, body: { ingest: true, search: true } };
  tenants: Tenant[] = [
    tenant('acme', 'north', { external_id: 'crm-7', former_names: ['acme-old'] }),
    tenant('lab', 'acme', { auditing: false, audited_since: null, display_name: 'The Laboratory' }),
    tenant('north', null, { kind: 'territory' }),
    tenant('south', null, { state: 'suspended' }),
  ];
  users: User[] = [
    user('u-1', 'ada', { first_name: 'Ada', last_name: 'Li', email: 'ada@example.com', roles: [{ role: 'Administrator' }], sessions: 1 }),
    user('u-2', 'bob', { tenant: 'acme', state: 'locked', roles: [{ role: 'Channel Partner', territories: ['north'] }] }),
    user('u-3', 'eve', { tenant: 'acme', state: 'invited', has_password: false, email: 'eve@example.com' }),
    user('u-4', 'kim', { has_second_factor: true, groups: ['Support'], sessions: 2 }),
  ];
  roles: Role[] = [
    role('r-1', 'Administrator', ALL_PERMISSIONS, 'everything', { users: 1 }),
    role('r-4', 'Channel Partner', ['audit.read', 'audit.export', 'audit.reports'], 'territories', { users: 1 }),
    role('r-6', 'Reporter', ['audit.read', 'audit.reports'], 'tenant'),
    role('r-9', 'Night shift', ['audit.read'], 'tenant', { ready_made: false, users: 2 }),
  ];
  keys: Key[] = [
    key('1', 'PBX', { reach: { tenants: ['acme'] }, default_tenant: 'acme', last_used_at: AT }),
    key('2', 'SIEM', { permissions: ['audit.read'], expires: '2027-01-01T00:00:00.000000Z' }),
    key('3', 'Old one', { valid: false, revoked_at: AT }),
  ];
  providers: Provider[] = [];
  sessions: OpenSession[] = [];
  mail: Mail = { configured: false, host: null, port: null, tls: null, username: null, from: null };
  /** What the server was asked to change, in order. */
  readonly changes: { what: string; body: Body | null }[] = [];
  /** Answers to what is asked next, before any other: by method and path. */
  readonly next = new Map<string, () => Response | Promise<Response>>();

  constructor(
    private readonly server: TestServer,
    readonly people: People,
  ) {}

  /** Takes the part of the server that is administered, beside its people. */
  static of(server: TestServer): TestAdministration {
    const people = People.of(server);
    people.signedIn = true;
    const own = new TestAdministration(server, people);
    server.intercept = async (url, request) => (await own.answer(url, request)) ?? people.answer(url, request);
    return own;
  }

  private async answer(url: URL, request: Request): Promise<Response | null> {
    const { method } = request;
    const what = `${method} ${decodeURIComponent(url.pathname)}`;
    const text = await request.clone().text();
    const body = text === '' ? null : (JSON.parse(text) as Body);
    if (method !== 'GET') {
      if (request.headers.get('x-csrf-token') !== this.people.csrf) return problem(403, 'forbidden', 'No token');
      this.changes.push({ what, body });
    }
    const planned = this.next.get(what);
    if (planned !== undefined) {
      this.next.delete(what);
      return planned();
    }
    const [, kind = '', id = '', part = ''] = /^\/v1\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(decodeURIComponent(url.pathname)) ?? [];
    switch (kind) {
      case '':
        return url.pathname === '/readyz' ? json(this.ready.body, this.ready.status) : null;
      case 'auditing':
        if (method === 'PUT') this.auditing = { ...this.auditing, auditing: true, audited_since: AT };
        return json(this.auditing);
      case 'ledger':
        return id === '' ? json(this.server.ledger.told()) : json({ hashes: this.consistency(url) });
      case 'tenants':
        return this.tenant(method, id, body);
      case 'users':
        return this.user(method, id, part, body);
      case 'roles':
        return this.role(method, id, body);
      case 'keys':
        return this.key(method, id, body);
      case 'providers':
        return this.provider(method, id, body);
      case 'sign-in':
        return id === 'providers' ? json({ data: [], password_reset: this.mail.configured }) : null;
      case 'mail':
        return method === 'GET' ? json(this.mail) : done();
      case 'actions':
        return json([{ id: 'login', label: 'Login', colour: 'blue' }]);
      case 'objects':
        return json([{ id: 'user', label: 'User', category: 'users & domains', aliases: ['person'], colour: 'green' }]);
      case 'rules':
        return json({ version: 7, action_types: [], threshold: 1.5 });
      case 'mappings':
        return id === ''
          ? json({ data: [{ name: 'pbx', version: 2, title: 'A PBX', about: 'Reads its log.', form: 'json', origin: 'built_in', newest: true }] })
          : new Response('name = "pbx"\n', { headers: { 'Content-Type': 'application/toml' } });
      default:
        return null;
    }
  }

  private consistency(url: URL): string[] {
    const size = (name: string): number => Number(url.searchParams.get(name));
    return this.server.ledger.consistency(size('from'), size('to'));
  }

  private tenant(method: string, name: string, body: Body | null): Response {
    if (name === '' && method === 'GET') return json({ data: this.tenants });
    if (method === 'POST') {
      const made = tenant(String(body?.name), null, body ?? {});
      this.tenants.push(made);
      return json(made, 201);
    }
    const found = this.tenants.find((one) => one.name === name || one.former_names.includes(name));
    if (found === undefined) return problem(404, 'not_found', 'Not found', 'no such tenant');
    if (method === 'DELETE') {
      this.tenants = this.tenants.filter((one) => one !== found);
      return done();
    }
    if (method === 'PATCH') {
      if (typeof body?.name === 'string') found.former_names = [found.name, ...found.former_names];
      Object.assign(found, body, body?.auditing === true ? { audited_since: AT } : {});
    }
    return json(found);
  }

  private user(method: string, id: string, part: string, body: Body | null): Response {
    if (id === '' && method === 'GET') return json({ data: this.users });
    if (id === '') {
      const made = user(`u-${this.users.length + 1}`, '', { ...body, state: 'invited', has_password: false });
      this.users.push(made);
      return json(made, 201);
    }
    const found = this.users.find((one) => one.id === id);
    if (found === undefined) return problem(404, 'not_found', 'Not found', 'no such user');
    switch (part) {
      case 'link': {
        const ends = { expires_at: '2026-11-24T11:00:00.000000Z' };
        return json(body?.by_mail === true ? { ...ends, sent_to: found.email } : { ...ends, link: LINK }, 201);
      }
      case 'second-factor':
        found.has_second_factor = false;
        return done();
      case 'sessions':
        if (method === 'DELETE') this.sessions = [];
        return method === 'DELETE' ? done() : json({ data: this.sessions });
      default:
        if (method === 'PATCH') Object.assign(found, body);
        return json(found);
    }
  }

  private role(method: string, id: string, body: Body | null): Response {
    if (method === 'GET') return json({ data: this.roles });
    if (method === 'DELETE') {
      this.roles = this.roles.filter((one) => one.id !== id);
      return done();
    }
    const made = { ...role(id === '' ? 'r-10' : id, '', [], 'tenant', { ready_made: false }), ...body } as Role;
    this.roles = [...this.roles.filter((one) => one.id !== id), made];
    return json(made, method === 'POST' ? 201 : 200);
  }

  private key(method: string, id: string, body: Body | null): Response {
    if (method === 'GET') return json({ data: this.keys });
    const found = this.keys.find((one) => one.id === id);
    if (method === 'DELETE' && found !== undefined) {
      Object.assign(found, { valid: false, revoked_at: AT });
      return done();
    }
    const made = key(String(this.keys.length + 1), found?.name ?? String(body?.name), found === undefined ? (body ?? {}) : { replaces: id });
    this.keys.push(made);
    if (found !== undefined) found.expires = '2026-11-22T11:00:00.000000Z';
    return json({ id: made.id, key: SECRET, name: made.name, prefix: made.prefix }, 201);
  }

  private provider(method: string, id: string, body: Body | null): Response {
    if (method === 'GET') return json({ data: this.providers });
    this.providers = this.providers.filter((one) => one.id !== id);
    if (method === 'DELETE') return done();
    const { client_secret: secret, ...config } = body ?? {};
    const made = { ...config, id, has_secret: secret !== undefined, redirect_uri: `https://audit.example/v1/sign-in/providers/${id}/callback` };
    this.providers.push(made as unknown as Provider);
    return json(made);
  }
}
