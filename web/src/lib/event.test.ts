// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { AuditEvent } from '$api/types';

import { actionLabel, actionTone, clientPlace, isBadPassword, objectTone, partyName, partyNames } from './event';

function event(fields: Partial<AuditEvent>): AuditEvent {
  return {
    id: 'x',
    tenant: 'acme',
    tenant_seq: 0,
    received_at: '2026-11-20T10:00:00Z',
    time: '2026-11-20T10:00:00Z',
    time_source: 'event',
    action: 'x',
    action_type: 'other',
    ...fields,
  };
}

describe('action colours', () => {
  it.each([
    ['login', 'blue'],
    ['import', 'blue'],
    ['validate', 'blue'],
    ['create', 'green'],
    ['activate', 'green'],
    ['update', 'orange'],
    ['delete', 'red'],
    ['logout', 'purple'],
    ['export', 'purple'],
    ['view', 'grey'],
    ['something_new', 'grey'],
    ['constructor', 'grey'],
  ])('%s is %s', (action_type, tone) => {
    expect(actionTone(event({ action_type }))).toBe(tone);
  });

  it('is red for a sign-in with a bad password only', () => {
    const login = (outcome: AuditEvent['outcome'], details?: string): AuditEvent =>
      event({ action_type: 'login', outcome: outcome ?? null, details: details ?? null });
    expect(actionTone(login({ result: 'failure', reason: 'Wrong password' }))).toBe('red');
    expect(actionTone(login({ result: 'denied', code: 'INVALID_CREDENTIALS' }))).toBe('red');
    expect(actionTone(login({ result: 'failure', code: 'BadPassword' }))).toBe('red');
    expect(actionTone(login({ result: 'failure', reason: 'Password did not match' }))).toBe('red');
    expect(actionTone(login({ result: 'failure' }, 'Login failed: incorrect password'))).toBe('red');
    expect(actionTone(login({ result: 'failure', reason: 'Unknown user' }))).toBe('blue');
    expect(actionTone(login({ result: 'failure', reason: 'Address not allowed' }))).toBe('blue');
    expect(actionTone(login({ result: 'success', reason: 'Wrong password' }))).toBe('blue');
    expect(isBadPassword(event({ action_type: 'update', outcome: { result: 'failure', reason: 'Wrong password' } }))).toBe(
      false,
    );
  });

  it('labels what it knows and names what it does not', () => {
    expect(actionLabel('mfa')).toBe('Google Authenticator');
    expect(actionLabel('create')).toBe('Add/Create');
    expect(actionLabel('teleport_home')).toBe('teleport home');
    expect(actionLabel('toString')).toBe('toString');
  });
});

describe('object colours', () => {
  it.each([
    ['API Key', 'authentication', 'blue'],
    ['subscriber', 'users & domains', 'green'],
    ['Domain', 'users & domains', 'purple'],
    ['Conference', 'communication', 'orange'],
    ['Answer Rule', 'configuration', 'cyan'],
    ['Server', 'system', 'grey'],
    [null, null, 'grey'],
  ])('%s of %s is %s', (type, category, tone) => {
    expect(objectTone(type, category)).toBe(tone);
  });
});

describe('parties', () => {
  it('is "System" for actors of type system only, never a guess', () => {
    expect(partyName({ type: 'system' })).toBe('System');
    expect(partyName({ type: 'system', username: 'cron' })).toBe('cron');
    expect(partyName(null)).toBeNull();
    expect(partyName(undefined)).toBeNull();
    expect(partyName({})).toBeNull();
    expect(partyName({ type: 'user', username: '' })).toBeNull();
  });

  it('shows the shortest name and lists the others once', () => {
    const ada = { type: 'user', id: '1041', username: 'ada', first_name: 'Ada', last_name: 'Li', aliases: ['ada', 'a@b.c'] };
    expect(partyName(ada)).toBe('ada');
    expect(partyNames(ada)).toEqual(['ada', 'Ada Li', '1041', 'a@b.c']);
    expect(partyName({ first_name: 'Ada' })).toBe('Ada');
    expect(partyName({ aliases: ['a@b.c'] })).toBe('a@b.c');
  });

  it('shows the address with its zone, else the host', () => {
    expect(clientPlace(event({ client: { ip: 'fe80::1', zone: 'eth0' } }))).toBe('fe80::1%eth0');
    expect(clientPlace(event({ client: { host: 'AWS Internal' } }))).toBe('AWS Internal');
    expect(clientPlace(event({}))).toBeNull();
  });
});
