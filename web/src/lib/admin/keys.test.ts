// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { Key } from '$api/admin';

import { endOf, keyState } from './keys';

const NOW = new Date('2026-11-22T12:00:00Z');

function key(id: string, more: Partial<Key> = {}): Key {
  return {
    id,
    name: id,
    prefix: 'ik_00000',
    permissions: ['events.send'],
    reach: 'everything',
    tenant_from_target: false,
    create_tenants: false,
    created_at: '2026-01-01T00:00:00Z',
    valid: true,
    ...more,
  };
}

describe('a key', () => {
  const followed = key('followed', { expires: '2026-11-23T00:00:00Z' });
  it.each([
    ['valid', key('one')],
    ['valid', key('one', { expires: '2027-01-01T00:00:00Z' })],
    ['ending', followed],
    ['revoked', key('one', { valid: false, revoked_at: '2026-11-01T00:00:00Z' })],
    ['ended', key('one', { valid: false, expires: '2026-11-01T00:00:00Z' })],
  ])('is %s', (expected, one) => {
    expect(keyState(one, [one, key('follower', { replaces: 'followed' })])).toBe(expected);
  });

  it.each([
    ['never', '', null],
    ['30', '', '2026-12-22T12:00:00.000Z'],
    ['date', '2026-12-31', '2026-12-31T23:00:00.000Z'],
    ['date', '2026-03-28', '2026-03-28T23:00:00.000Z'],
    ['date', '2026-03-29', '2026-03-29T22:00:00.000Z'],
    ['date', '', undefined],
    ['date', 'tomorrow', undefined],
  ])('ends as chosen: %s %s', (choice, date, expected) => {
    expect(endOf(choice, date, 'Europe/Paris', NOW)).toBe(expected);
  });
});
