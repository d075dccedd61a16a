// @vitest-environment node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from 'vitest';

import type { AuditEvent } from '$api/types';

import { catalogue } from './catalogue.svelte';
import { BAD_PASSWORD, actionLabel, actionTone, clientPlace, isBadPassword, objectTone, objectTypeLabel, partyName, partyNames } from './event';

const RULES = join(import.meta.dirname, '../../../crates/event/data/rules-v1.json');

afterEach(() => {
  catalogue.actions = [];
  catalogue.objects = [];
});

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
    expect(actionTone(login({ result: 'failure', code: 'BadPassword' }))).toBe('red');
    expect(actionTone(login({ result: 'denied', code: 'WRONG_PASSWORD' }))).toBe('red');
    expect(actionTone(login({ result: 'failure', reason: 'Refused: the password did not match.' }))).toBe('red');
    for (const reason of ['Unknown user', 'Invalid credentials', 'bad passwords', 'badpassword', 'Address not allowed', 'Invalid user or password']) {
      expect(actionTone(login({ result: 'failure', reason })), reason).toBe('blue');
    }
    expect(actionTone(login({ result: 'failure' }, 'Login failed: incorrect password'))).toBe('blue');
    expect(actionTone(login({ result: 'success', reason: 'Wrong password' }))).toBe('blue');
    expect(isBadPassword(event({ action_type: 'update', outcome: { result: 'failure', reason: 'Wrong password' } }))).toBe(
      false,
    );
  });

  it('has the phrases of the server, no more and no fewer', () => {
    const { colours } = JSON.parse(readFileSync(RULES, 'utf8')) as { colours: unknown[] };
    expect(colours).toEqual([
      { action_type: 'login', outcome: ['failure', 'denied'], colour: 'red', reason: BAD_PASSWORD.map((phrase) => `* ${phrase} *`) },
    ]);
  });

  it('has the colours of the built-in catalogue, and those of the server where it has others', () => {
    const { action_types: types } = JSON.parse(readFileSync(RULES, 'utf8')) as { action_types: { id: string; label: string; colour: string }[] };
    for (const { id, label, colour } of types) {
      expect(actionTone(event({ action_type: id })), id).toBe(colour);
      expect(actionLabel(id)).toBe(label);
    }
    catalogue.actions = [
      { id: 'view', label: 'View', colour: 'cyan' },
      { id: 'teleport_home', label: 'Go home', colour: 'ultraviolet' },
    ];
    expect(actionTone(event({ action_type: 'view' }))).toBe('cyan');
    expect(actionTone(event({ action_type: 'teleport_home' }))).toBe('grey');
    expect(actionLabel('teleport_home')).toBe('Go home');
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

describe('types of objects', () => {
  it('are called what the catalogue calls them, else what the sender does', () => {
    const of = (type: string, canonical?: string): string | null => objectTypeLabel(event({ targets: [{ type }], object_type: canonical ?? null }));
    expect(of('AWS::IAM::User', 'subscriber')).toBe('AWS::IAM::User');
    catalogue.objects = [{ id: 'subscriber', label: 'Subscriber', category: 'users_domains', aliases: ['User'], colour: 'purple' }];
    expect(of('AWS::IAM::User', 'subscriber')).toBe('Subscriber');
    expect(of('rocket', 'rocket')).toBe('rocket');
    expect(objectTypeLabel(event({}))).toBeNull();
    expect(objectTone('subscriber', null)).toBe('purple');
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
