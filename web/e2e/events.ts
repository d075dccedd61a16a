// Events that the tests send: one of each kind that the page treats in its own way.

export const ACME = [
  {
    id: 'acme-login-failed',
    tenant: 'acme',
    time: '2026-11-20T10:15:04.123456Z',
    source: { application: 'web', component: 'portal', node: 'ias-01', version: '4.2' },
    actor: { type: 'user', id: '1041', username: 'ada', first_name: 'Ada', last_name: 'Li', tenant: 'company.com' },
    client: { ip: '203.0.113.9', user_agent: 'Mozilla/5.0', channel: 'AdminConsole' },
    action: 'Login',
    action_type: 'login',
    outcome: { result: 'failure', reason: 'Wrong password', code: '401' },
    severity: { name: 'high', number: 2 },
  },
  {
    id: 'acme-update',
    tenant: 'acme',
    time: '2026-11-20T10:10:00Z',
    actor: { type: 'user', username: 'admin1', tenant: 'company.com', groups: ['Support'], roles: ['Tech'] },
    on_behalf_of: { type: 'user', id: '2002', username: 'boss' },
    client: { ip: '198.51.100.7', chain: ['198.51.100.7', '10.0.0.1'], port: 50000 },
    action: 'Update user',
    action_type: 'update',
    outcome: { result: 'success' },
    targets: [
      { type: 'subscriber', id: '100', name: 'user100', tenant: 'customer.com' },
      { type: 'domain', id: 'customer.com' },
    ],
    related: [{ type: 'reports', id: 'd67fcacc-617c-4f3e-b507-d3415680bd0b' }],
    details: 'Changed the call queue of user100',
    parameters: { 'Recording Id': 'c333d58a', Limit: 25, Serial: 12345678901234567890n, Nested: { a: [1, 2] } },
    changes: [
      { field: 'email', old: null, new: 'a@b.c' },
      { field: 'phone', new: '' },
    ],
    data: { raw: true },
    session_id: 'session-1',
  },
  {
    id: 'acme-delete',
    tenant: 'acme',
    time: '2026-11-19T09:00:00Z',
    actor: { type: 'user', username: 'admin1' },
    action: 'Delete recording',
    action_type: 'delete',
    outcome: { result: 'denied', reason: 'not permitted' },
    targets: [{ type: 'recording', id: 'rec-7' }],
  },
  { id: 'acme-nightly', tenant: 'acme', time: '2026-11-19T01:30:00Z', actor: { type: 'system' }, action: 'Nightly clean-up' },
  { id: 'acme-nobody', tenant: 'acme', time: '2026-11-18T08:00:00Z', action: 'Something happened' },
  { id: 'acme-received', tenant: 'acme', action: 'Sent without a time', actor: { type: 'service', id: 'billing' } },
];

export const HOSTILE = {
  id: 'acme-hostile',
  tenant: 'acme',
  time: '2026-11-17T08:00:00Z',
  actor: { type: 'user', username: '\u05D0\u05D3\u05DE\u05D9\u05DF', first_name: '{{7*7}}' },
  client: { user_agent: '"><svg onload=window.hacked=1>' },
  action: '<img src=x onerror=window.hacked=2>\u202Etxt.exe',
  action_type: 'delete',
  targets: [{ type: '<b>type</b>', id: 'javascript:window.hacked=3', name: 'a\u0007\u200Bb\u2066c' }],
  details: '<script>window.hacked=4</script>',
  parameters: { '<i>name</i>': '\u001B[31mred</script><script>window.hacked=5</script>', '#2': 'b', '#1': 'a' },
  changes: [{ field: '<u>f</u>', old: '<img src=y onerror=window.hacked=6>', new: '\u2067' }],
};

export const LARGE = {
  id: 'acme-large',
  tenant: 'acme',
  time: '2026-11-16T08:00:00Z',
  action: 'Large event',
  parameters: Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`parameter ${index}`, `value ${index}`])),
  data: 'x'.repeat(1_000_000),
};

export const UMBRELLA = [
  {
    id: 'umbrella-secret',
    tenant: 'umbrella',
    time: '2026-11-20T11:00:00Z',
    actor: { type: 'user', username: 'wesker' },
    action: 'Open the hive',
    action_type: 'activate',
    outcome: { result: 'success' },
  },
];

/** JSON as JavaScript can't write it: integers of any size, and keys `#2`, `#1` as `2`, `1` in the order given. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `\u0000${inner}\u0000` : inner))
    .replace(/"\\u0000(\d+)\\u0000"/g, '$1')
    .replace(/"#(\d+)":/g, '"$1":');
}

/** 60 plain events, a minute apart: pages. */
export const MANY = Array.from({ length: 60 }, (_, index) => ({
  id: `pages-${String(index).padStart(2, '0')}`,
  tenant: 'pages',
  time: new Date(Date.UTC(2026, 10, 10, 12, 0, 0) - index * 60_000).toISOString(),
  actor: { type: 'user', username: `user${index % 7}` },
  action: `Step ${index}`,
  action_type: ['create', 'update', 'delete', 'view'][index % 4],
  outcome: { result: index % 9 === 0 ? 'failure' : 'success' },
}));
