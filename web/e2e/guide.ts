// What the pictures of the guide are about: a telephone company with two territories, and three weeks of what people did
// there. All of it is made up and always the same; addresses and names are those that are kept for examples.

import { PASSWORD } from './people';
import { Server } from './server';

/** Territories, and the domains below them. */
const TENANTS: Record<string, string[]> = {
  north: ['acme.example', 'birch-dental.example', 'harbour-hotel.example'],
  south: ['cedar-law.example', 'quay-books.example'],
};

interface Person {
  username: string;
  id: string;
  tenant: string;
  ip: string;
}

function person(id: string, username: string, tenant: string, ip: string): Person {
  return { id, username, tenant, ip };
}

const SAM = person('7001', 'sam.north', 'north', '198.51.100.20');
const KIM = person('7002', 'kim.new', 'north', '198.51.100.21');
const LENA = person('1041', 'lena', 'acme.example', '192.0.2.41');
const OMAR = person('1052', 'omar', 'acme.example', '192.0.2.52');
const IVY = person('2003', 'ivy', 'birch-dental.example', '192.0.2.103');
const NOOR = person('3011', 'noor', 'harbour-hotel.example', '192.0.2.211');
const TED = person('4007', 'ted', 'cedar-law.example', '192.0.2.147');
const STRANGER = '203.0.113.77';

interface Sent {
  id: string;
  tenant: string;
  time: string;
  [field: string]: unknown;
}

type Target = Record<string, unknown>;

function by({ username, id, tenant }: Person): Record<string, unknown> {
  return { type: 'user', username, id, tenant };
}

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0';

/** What people do in the portal. */
function portal(id: string, time: string, who: Person, action: string, type: string, tenant: string, more: Target = {}): Sent {
  return {
    id,
    tenant,
    time: `2026-11-${time}Z`,
    source: { application: 'portal', component: 'manager', node: 'web-02' },
    actor: by(who),
    client: { ip: who.ip, user_agent: BROWSER, channel: 'web' },
    action,
    action_type: type,
    outcome: { result: 'success' },
    ...more,
  };
}

function subscriber(id: string, name: string, tenant: string): Target {
  return { type: 'subscriber', id, username: name, tenant };
}

function thing(type: string, id: string, name: string, tenant: string): Target {
  return { type, id, name, tenant };
}

/** A sign-in; one that failed says why. */
function signIn(id: string, time: string, who: Person, more: Target = {}): Sent {
  return portal(id, time, who, 'Login', 'login', who.tenant, { session_id: `s-${id}`, ...more });
}

const WRONG_PASSWORD = { outcome: { result: 'failure', reason: 'Wrong password', code: '401' } };
const ACME = 'acme.example';

/** The events that the guide talks about. */
const STORY: Sent[] = [
  // Numbers and extensions.
  portal('number-100', '12T09:41:17', SAM, 'Assign number', 'update', ACME, {
    targets: [thing('phone_number', '+1 555 010 0144', '+1 555 010 0144', ACME), subscriber('100', 'front-desk', ACME)],
    changes: [{ field: 'assigned_to', old: '108 store-room', new: '100 front-desk' }],
    parameters: { Number: '+1 555 010 0144', Extension: '100', Ticket: 'T-20931' },
  }),
  portal('move-100', '18T15:22:48', KIM, 'Change subscriber', 'update', ACME, {
    targets: [subscriber('100', 'front-desk', ACME)],
    changes: [
      { field: 'phone_number', old: '+1 555 010 0144', new: '+1 555 010 0199' },
      { field: 'voicemail_pin', old: '1111', new: '4826' },
    ],
    parameters: { Ticket: 'T-20977' },
  }),
  // New people.
  ...(
    [
      ['03T10:05:12', '121', 'reception-2', ACME],
      ['09T13:30:40', '122', 'warehouse', ACME],
      ['10T08:55:03', '2010', 'hygienist', 'birch-dental.example'],
      ['17T11:12:29', '3020', 'night-porter', 'harbour-hotel.example'],
    ] as const
  ).map(([time, id, name, tenant]) =>
    portal(`new-${id}`, time, id === '122' ? KIM : SAM, 'Add subscriber', 'create', tenant, {
      targets: [subscriber(id, name, tenant)],
      parameters: { Extension: id, Licence: 'Standard' },
    }),
  ),
  // Whose number changed, and routes that stopped working.
  portal('route-birch', '20T07:38:55', KIM, 'Change dial plan', 'update', 'birch-dental.example', {
    targets: [thing('dialing', 'dp-7', 'Birch main', 'birch-dental.example')],
    changes: [{ field: 'inbound_route', old: 'Reception, then voicemail', new: 'Closed announcement' }],
    parameters: { Plan: 'Birch main', Ticket: 'T-20990' },
    session_id: 's-kim-20',
  }),
  portal('route-gone', '20T07:36:20', KIM, 'Delete route', 'delete', 'birch-dental.example', {
    targets: [thing('route', 'r-19', 'Overflow to mobile', 'birch-dental.example')],
    session_id: 's-kim-20',
  }),
  signIn('kim-20', '20T07:31:02', KIM, { session_id: 's-kim-20' }),
  portal('queue-gone', '20T14:05:31', SAM, 'Delete call queue', 'delete', ACME, {
    targets: [thing('call_queue', 'q-12', 'Reception', ACME)],
    details: 'Call queue Reception with 4 members deleted',
    parameters: { Queue: 'Reception', Members: 4, Ticket: 'T-20995' },
    session_id: 's-sam-20',
  }),
  signIn('sam-20', '20T13:58:11', SAM, { session_id: 's-sam-20' }),
  // Somebody who leaves.
  portal('lena-export', '19T17:46:38', LENA, 'Export recordings', 'export', ACME, {
    targets: [thing('recording', 'batch-88', 'All of Sales, November', ACME)],
    parameters: { Files: 212, Format: 'zip' },
    session_id: 's-lena-19',
  }),
  portal('lena-forward', '19T17:51:09', LENA, 'Change answer rule', 'update', ACME, {
    targets: [thing('answer_rule', 'ar-1041', 'Lena, after hours', ACME)],
    changes: [{ field: 'forward_to', new: '+1 555 010 0162' }],
    session_id: 's-lena-19',
  }),
  signIn('lena-19', '19T17:40:22', LENA, { session_id: 's-lena-19' }),
  portal('lena-off', '20T09:00:47', SAM, 'Disable subscriber', 'deactivate', ACME, {
    targets: [subscriber('1041', 'lena', ACME)],
  }),
  // An address that nobody knows.
  ...['02:11:04', '02:11:19', '02:11:37', '02:12:02', '02:12:40', '02:13:15'].map((at, index) =>
    signIn(`stranger-${index}`, `20T${at}`, { ...OMAR, ip: STRANGER }, WRONG_PASSWORD),
  ),
  signIn('stranger-in', '20T02:14:48', { ...OMAR, ip: STRANGER }, { session_id: 's-stranger' }),
  portal('stranger-pin', '20T02:16:30', { ...OMAR, ip: STRANGER }, 'Change answer rule', 'update', ACME, {
    targets: [thing('answer_rule', 'ar-1052', 'Omar, always', ACME)],
    changes: [{ field: 'forward_to', old: 'Voicemail', new: '+1 900 555 0100' }],
    session_id: 's-stranger',
  }),
  portal('stranger-key', '20T02:18:05', { ...OMAR, ip: STRANGER }, 'Create API key', 'create', ACME, {
    targets: [thing('api_key', 'k-31', 'sync', ACME)],
    parameters: { Name: 'sync', Scope: 'calls.read', Secret: 'sk_live_51Hx9q2eZvKYlo2C' },
    session_id: 's-stranger',
  }),
  portal('stranger-no', '20T02:19:44', { ...OMAR, ip: STRANGER }, 'Change domain', 'update', ACME, {
    targets: [thing('domain', ACME, ACME, ACME)],
    outcome: { result: 'denied', reason: 'Needs the role Office Manager' },
    session_id: 's-stranger',
  }),
  {
    id: 'warning',
    tenant: ACME,
    time: '2026-11-20T02:14:49Z',
    source: { application: 'guard' },
    actor: { type: 'system' },
    client: { ip: STRANGER },
    action: 'Sign-in from a new country',
    action_type: 'security_warning',
    targets: [subscriber('1052', 'omar', ACME)],
  },
  portal('omar-mfa', '20T08:20:10', OMAR, 'Set up authenticator', 'mfa', ACME, { targets: [subscriber('1052', 'omar', ACME)] }),
  {
    id: 'nightly',
    tenant: ACME,
    time: '2026-11-20T01:30:00Z',
    source: { application: 'scheduler' },
    actor: { type: 'system' },
    action: 'Remove old recordings',
    action_type: 'delete',
    outcome: { result: 'success' },
    targets: [thing('recording', 'before-2025-11', 'Recordings before November 2025', ACME)],
    occurrences: { count: 37 },
  },
];

/** Numbers that look drawn by lot and are always the same. */
function lot(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** An ordinary fortnight and a half: sign-ins in the morning, changes during the day, signing out in the evening. */
function everyday(): Sent[] {
  const draw = lot(20);
  const events: Sent[] = [];
  for (let day = 2; day <= 20; day += 1) {
    const weekday = new Date(Date.UTC(2026, 10, day)).getUTCDay();
    if (weekday === 0 || weekday === 6) continue;
    for (const who of [SAM, KIM, LENA, OMAR, IVY, NOOR, TED]) {
      // Whoever is new began in the second week, and whoever leaves is not there on the last day.
      if ((who === KIM && day < 9) || (who === LENA && day === 20) || draw(8) === 0) continue;
      const at = (hour: number): string => `${two(day)}T${two(hour)}:${two(draw(60))}:${two(draw(60))}`;
      const id = `${who.username}-${day}`;
      if (draw(14) === 0) events.push(signIn(`${id}-typo`, at(8), who, WRONG_PASSWORD));
      events.push(signIn(`${id}-in`, at(8), who));
      const domains = Object.values(TENANTS).flat();
      const where = who.tenant === 'north' ? (domains[draw(3)] ?? ACME) : who.tenant;
      for (let change = draw(3); change > 0; change -= 1) {
        const extension = String(100 + draw(30));
        const kinds = [
          ['Change subscriber', 'update', subscriber(extension, `ext-${extension}`, where)],
          ['Change answer rule', 'update', thing('answer_rule', `ar-${extension}`, `Extension ${extension}`, where)],
          ['Change timerange', 'update', thing('timerange', `tr-${extension}`, 'Opening hours', where)],
          ['Play recording', 'view', thing('recording', `rec-${extension}`, `Call ${extension}`, where)],
          ['Add subscriber to queue', 'update', thing('call_queue', 'q-12', 'Reception', where)],
          ['Download phone config', 'download', thing('phone_config', `pc-${extension}`, `Phone ${extension}`, where)],
        ] as const;
        const [action, type, target] = kinds[draw(kinds.length)] ?? kinds[0];
        events.push(portal(`${id}-${change}`, at(9 + draw(8)), who, action, type, where, { targets: [target] }));
      }
      if (draw(3) > 0) events.push(portal(`${id}-out`, at(17), who, 'Logout', 'logout', who.tenant));
    }
  }
  return events;
}

/** All that is in the trail, in the order in which it happened. */
export const GUIDE: Sent[] = [...STORY, ...everyday()].sort((left, right) => (left.time < right.time ? -1 : 1));

/** What comes in while a reader watches. */
export const ARRIVING: Sent[] = [
  portal('arriving-1', '20T17:52:12', IVY, 'Change timerange', 'update', 'birch-dental.example', {
    targets: [thing('timerange', 'tr-1', 'Opening hours', 'birch-dental.example')],
  }),
  signIn('arriving-2', '20T17:53:31', NOOR),
  portal('arriving-3', '20T17:54:48', SAM, 'Add route', 'create', 'birch-dental.example', {
    targets: [thing('route', 'r-20', 'Overflow to mobile', 'birch-dental.example')],
  }),
];

/** A server with all of it, an administrator `alex` and a partner `priya` who reaches the north alone. */
export async function startGuide(): Promise<Server> {
  const server = await Server.start();
  for (const [territory, domains] of Object.entries(TENANTS)) {
    await server.createTenant(territory);
    for (const domain of domains) await server.createTenant(domain, territory);
  }
  await server.send(GUIDE);
  const alex = await server.createUser('alex', PASSWORD);
  await server.call('PATCH', `/v1/users/${alex}`, { first_name: 'Alex', last_name: 'Moss', email: 'alex@north.example' });
  for (const [username, role, territories] of [
    ['priya', 'Channel Partner', ['north']],
    ['wim', 'White Label Partner', ['south']],
  ] as const) {
    const roles = [{ role, territories }];
    const { id } = await server.call<{ id: string }>('POST', '/v1/users', { username, roles });
    const { link } = await server.call<{ link: string }>('POST', `/v1/users/${id}/link`);
    await server.call('POST', '/v1/password', { link, password: PASSWORD });
  }
  await server.call('POST', '/v1/users', { username: 'rosa', tenant: ACME, roles: [{ role: 'Tenant Auditor' }] });
  await server.call('POST', '/v1/roles', { name: 'Support desk', permissions: ['audit.read', 'audit.verify'], reach: 'territories' });
  await server.createKey({ name: 'Portal', permissions: ['events.send'], reach: { tenants: Object.keys(TENANTS) } });
  await server.createKey({ name: 'Weekly report', permissions: ['audit.read'], reach: { tenants: ['north'] } });
  await server.waitForCount(`application=${['portal', 'guard', 'scheduler'].join('&application=')}`, GUIDE.length);
  return server;
}
