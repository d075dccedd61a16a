// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { AuditEvent } from '$api/types';

import { askedQuery, eventsPath, investigatePath, isNewFor, parseInvestigation, resolveRange } from './investigate';
import { investigateTargets } from './people';

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

describe('whom to investigate', () => {
  const ada = { type: 'user', id: '1041', username: 'ada' };
  it.each([
    ['the affected user first, then the performer', { actor: ada, targets: [{ type: 'subscriber', id: '100', name: 'user100' }] }, 'user100 affected, ada performer'],
    ['the performer where a thing was affected', { actor: ada, targets: [{ type: 'recording', id: 'rec-7' }] }, 'ada performer'],
    ['the first of the targets that is somebody', { actor: ada, targets: [{ type: 'domain', id: 'c.com' }, { type: 'User', id: '7' }] }, '7 affected, ada performer'],
    ['somebody by the type of the catalogue', { object_type: 'subscriber', targets: [{ type: 'Subscribers', id: '100' }] }, '100 affected'],
    ['which is that of the first target only', { object_type: 'subscriber', targets: [{ type: 'x', id: '1' }, { type: 'y', id: '2' }] }, '1 affected'],
    ['who has a username is somebody', { targets: [{ username: 'bo' }] }, 'bo affected'],
    ['one person once', { actor: ada, targets: [{ type: 'user', name: 'ADA' }] }, 'ADA affected'],
    ['an id where there is no username', { actor: { type: 'service', id: 'billing' } }, 'billing performer'],
    ['an alias where there is nothing else', { actor: { aliases: ['ada@company.com'] } }, 'ada@company.com performer'],
    ['nobody by a first name, which no filter finds', { actor: { first_name: 'Ada', last_name: 'Li' } }, ''],
    ['nobody by the name of the system', { actor: { type: 'system' } }, ''],
    ['no name that a filter reads as "not"', { actor: { username: '!ada' } }, ''],
    ['nobody', { actor: null, targets: null }, ''],
  ])('%s', (_, fields, expected) => {
    expect(investigateTargets(event(fields)).map(({ name, as }) => `${name} ${as}`).join(', ')).toBe(expected);
  });
});

describe('the address of an investigation', () => {
  it.each([
    ['/investigate?user=ada', { user: 'ada', since: '-1y', until: '', isSplit: false }],
    ['/investigate?user=a%26b+c%3D%2B', { user: 'a&b c=+', since: '-1y', until: '', isSplit: false }],
    ['/investigate?user=ada&since=ever', { user: 'ada', since: '', until: '', isSplit: false }],
    ['/investigate?user=ada&since=-7d&columns=2', { user: 'ada', since: '-7d', until: '', isSplit: true }],
    ['/investigate?user=ada&since=2026-11-20T10:00:00Z&until=2026-11-21T10:00:00Z', { user: 'ada', since: '2026-11-20T10:00:00Z', until: '2026-11-21T10:00:00Z', isSplit: false }],
  ])('%s', (path, investigation) => {
    expect(investigatePath(investigation, null)).toBe(path);
    expect(parseInvestigation(new URLSearchParams(path.split('?')[1]))).toEqual(investigation);
  });

  it('carries the zone of a link, and has the last year for what it cannot read', () => {
    expect(investigatePath({ user: 'ada' }, 'Europe/Rome')).toBe('/investigate?user=ada&tz=Europe/Rome');
    expect(parseInvestigation(new URLSearchParams('since=some+day'))).toEqual({ user: '', since: '-1y', until: '', isSplit: false });
  });
});

describe('the events behind a number', () => {
  const range = { since: '-1y', until: '' };
  it('are those of the same filters', () => {
    const asked = [['actor', 'ada'], ['outcome', 'failure'], ['outcome', 'denied']] as const;
    expect(eventsPath(asked, range, null)).toBe('/?actor=ada&outcome=failure&outcome=denied&since=-1y');
    expect(askedQuery(asked, { since: '2025-11-20T10:00:00Z' })).toEqual({
      actor: 'ada',
      outcome: ['failure', 'denied'],
      since: '2025-11-20T10:00:00Z',
    });
  });

  it('are of everybody of that name, also of one that looks like a negation', () => {
    expect(askedQuery([['user', '!a"b']], {})).toEqual({ filter: 'user eq "!a\\"b"' });
    expect(new URLSearchParams(eventsPath([['user', '!a"b']], range, 'UTC').slice(2)).get('filter')).toBe('user eq "!a\\"b"');
  });

  it('say where the range has no beginning', () => {
    expect(eventsPath([['user', 'ada']], { since: '', until: '2026-11-20T10:00:00Z' }, null)).toBe(
      '/?user=ada&since=ever&until=2026-11-20T10:00:00Z',
    );
  });
});

it('a range is resolved in the zone', () => {
  const now = Date.parse('2026-11-20T10:30:00Z');
  expect(resolveRange({ since: 'today', until: '' }, now, 'Asia/Kolkata')).toEqual({ since: '2026-11-19T18:30:00Z' });
  expect(resolveRange({ since: '', until: '' }, now, 'UTC')).toEqual({});
});

it.each([
  ['lately, of somebody known for long', '2026-11-18T00:00:00Z', '2026-01-01T00:00:00Z', true],
  ['long ago', '2026-11-01T00:00:00Z', '2026-01-01T00:00:00Z', false],
  ['lately, of somebody new', '2026-11-18T00:00:00Z', '2026-11-10T00:00:00Z', false],
  ['of nobody', '2026-11-18T00:00:00Z', '', false],
])('an address first seen %s', (_, first, firstOfUser, expected) => {
  expect(isNewFor(first, firstOfUser, Date.parse('2026-11-20T00:00:00Z'))).toBe(expected);
});
