// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { AuditEvent } from '$api/types';

import { detailsText } from './lines';
import { placeTarget, target } from './pivot';
import { relations } from './related';

function event(fields: Partial<AuditEvent>): AuditEvent {
  return {
    id: 'one',
    tenant: 'acme',
    tenant_seq: 7,
    received_at: '2026-11-20T10:00:06.000000Z',
    time: '2026-11-20T10:00:05.123456Z',
    time_source: 'event',
    time_original: null,
    action: 'Login',
    action_type: 'login',
    ...fields,
  };
}

describe('Copy Details', () => {
  it('is the sentence, the full time with its zone, and the labelled lines', () => {
    const copied = detailsText(
      event({
        summary: 'ada failed to sign in from 203.0.113.9: Wrong password.',
        actor: { type: 'user', id: '1041', username: 'ada', first_name: 'Ada', last_name: 'Li', tenant: 'company.com', roles: ['Tech', 'Ops'] },
        client: { ip: '203.0.113.9' },
        outcome: { result: 'failure', reason: 'Wrong password' },
        severity: { name: 'high', number: 2 },
        session_id: 'session-1',
      }),
      'Europe/Paris',
    );
    expect(copied).toBe(`ada failed to sign in from 203.0.113.9: Wrong password.

Timestamp: 2026-11-20 11:00:05.123456 +01:00 Europe/Paris
Action: Login
Action details: N/A
Outcome: Failure
Reason: Wrong password
Severity: High
Performed by user: ada (User)
Also known as: Ada Li, 1041
Performed by domain: company.com
Roles: Tech, Ops
Affected user: N/A
Affected domain: N/A
Object type: N/A
Performed by IP address: 203.0.113.9
Application: N/A
Tenant: acme
Event id: one
Received: 2026-11-20 11:00:06.000000 +01:00 Europe/Paris
Number in the tenant's chain: 7
Session: session-1
`);
  });

  it('lets no value pretend to be a line, and masks what looks like a secret', () => {
    const copied = detailsText(
      event({
        summary: 'x\nPerformed by user: root',
        details: 'token=abcdef123456\r\nOutcome: Success\u202E',
        action: 'Do\tit',
      }),
      'UTC',
    );
    expect(copied.split('\n')[0]).toBe('x \u23ce Performed by user: root');
    expect(copied).toContain('Action as sent: Do \u23ce it\n');
    expect(copied).toContain('Action details: token=\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022[U+000D] \u23ce Outcome: Success[U+202E]\n');
    expect(copied.match(/^Performed by user:/gm)).toHaveLength(1);
  });
});

describe('filters of values', () => {
  it.each<[string, NonNullable<AuditEvent['client']> | null, unknown]>([
    ['an address', { ip: '203.0.113.9' }, { name: 'ip', value: '203.0.113.9' }],
    ['an address with a zone', { ip: 'fe80::1', zone: 'eth0' }, { name: 'ip', value: 'fe80::1%eth0' }],
    ['a host in its place', { host: 'AWS Internal' }, { name: 'host', value: 'AWS Internal' }],
    ['what is no address', { ip: 'cloudtrail.amazonaws.com' }, null],
    ['nothing', null, null],
  ])('%s', (_, client, found) => {
    expect(placeTarget(event({ client }))).toEqual(found);
  });

  it('asks for nothing that the API would read otherwise, and for nothing endless', () => {
    for (const value of [null, undefined, '', '  ', '!x', 'x'.repeat(501)]) expect(target('actor', value)).toBeNull();
  });
});

describe('related events', () => {
  it('are of the same session, request and trace, and from the same address within an hour', () => {
    const all = relations(event({ session_id: 's', request_id: 'r', trace_id: 't', client: { ip: '203.0.113.9' } }));
    expect(all.map(({ query }) => query)).toEqual([
      { session_id: 's', limit: 6 },
      { request_id: 'r', limit: 6 },
      { trace_id: 't', limit: 6 },
      { ip: '203.0.113.9', since: '2026-11-20T09:00:05.123456Z', until: '2026-11-20T11:00:05.123456Z', limit: 6 },
    ]);
    expect(relations(event({}))).toEqual([]);
  });
});
