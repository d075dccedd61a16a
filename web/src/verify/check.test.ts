// @vitest-environment node
import { beforeEach, describe, expect, it } from 'vitest';

import { Problem } from '$api/problem';
import type { AuditEvent, ProofBundle, Recognised } from '$api/types';
import { TestLedger } from '../test/ledger';

import { checkEvent, type Checked } from './check';
import { fromBase64 } from './bytes';
import { parseCheckpoint, parseNote } from './note';
import { forget, judgeHistory, recall, type Seen } from './seen';
import { compareShown, sameJson } from './shown';
import { parseJson } from '$lib/json';

const BODY = `{"id":"e1","time":"2026-11-20T10:00:00.5Z","action":"Update user","actor":{"type":"user","username":"ada","tenant":""},"client":{"ip":"-"},"targets":[{"type":"subscriber","id":"100"}],"parameters":{"big":12345678901234567890,"none":null},"changes":[{"field":"email","old":null,"new":"a@b.c"}],"details":"Changed"}`;

function shownEvent(): AuditEvent {
  return parseJson(`{"id":"e1","tenant":"acme","tenant_seq":3,"received_at":"2026-11-20T10:00:01.000002Z",
    "time":"2026-11-20T10:00:00.500000Z","time_source":"event","action":"Update user","action_type":"update",
    "actor":{"type":"user","username":"ada"},"client":{"host":"-"},"targets":[{"type":"subscriber","id":"100"}],
    "parameters":{"none":null,"big":12345678901234567890},"changes":[{"field":"email","old":null,"new":"a@b.c"}],
    "details":"Changed","severity":{"name":"low","number":4},"summary":"ada updated subscriber 100"}`) as unknown as AuditEvent;
}

function ledgerWith(events: number, name?: string, seed?: number): TestLedger {
  const ledger = new TestLedger(name, seed);
  for (let i = 0; i < events; i += 1) {
    ledger.record({
      id: `e${i}`,
      tenant: 'acme',
      tenantNumber: 1,
      tenantSeq: i === 1 ? 3 : 100 + i,
      receivedAtUs: 1763632801000002n + 31_536_000_000_000n,
      timeUs: 1763632800500000n + 31_536_000_000_000n,
      timeSource: 'event',
      protocol: 1,
      body: i === 1 ? BODY : `{"action":"${i}"}`,
    });
  }
  return ledger;
}

class MemoryStore {
  private readonly values = new Map<string, string>();
  getItem = (key: string): string | null => this.values.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.values.set(key, value);
  removeItem = (key: string): void => void this.values.delete(key);
}

let store = new MemoryStore();
beforeEach(() => {
  store = new MemoryStore();
});

interface Tampering {
  bundle?: Partial<ProofBundle>;
  body?: string;
  event?: Partial<AuditEvent>;
  consistency?: () => Promise<string[]>;
}

function check(ledger: TestLedger, tampering: Tampering = {}, size = ledger.size): Promise<Checked> {
  return checkEvent({
    api: {
      proof: () => Promise.resolve({ ...ledger.bundle(1, size), ...tampering.bundle }),
      consistency: (from, to) =>
        tampering.consistency === undefined
          ? Promise.resolve(ledger.consistency(Number(from), Number(to)))
          : tampering.consistency(),
    },
    event: { ...shownEvent(), ...tampering.event },
    original: () => Promise.resolve(new TextEncoder().encode(tampering.body ?? BODY)),
    store,
    base: '',
    now: () => new Date('2026-11-20T12:00:00Z'),
  });
}

const failed = (checked: Checked): string[] =>
  checked.verdict.steps.filter((step) => !step.passed).map((step) => step.reason ?? '');

describe('checking an event', () => {
  it('verifies an honest one, and says against which checkpoint', async () => {
    const checked = await check(ledgerWith(5));
    expect(failed(checked)).toEqual([]);
    expect(checked.shown).toEqual({ differing: [], compared: 'fields' });
    expect(checked.state).toBe('verified');
    expect(checked.verdict.checkpoint?.size).toBe(5n);
    expect(checked.seenAt).toBe('2026-11-20T12:00:00.000Z');
  });

  it('fails for a changed original', async () => {
    const checked = await check(ledgerWith(5), { body: BODY.replace('a@b.c', 'x@y.z') });
    expect(checked.state).toBe('failed');
    expect(failed(checked)).toEqual(['commitment_differs']);
  });

  it.each<[string, Partial<AuditEvent>, string]>([
    ['action', { action: 'View user' }, 'action'],
    ['actor', { actor: { type: 'user', username: 'eve' } }, 'actor'],
    ['an added target', { targets: [...(shownEvent().targets ?? []), { type: 'x', id: '1' }] }, 'targets'],
    ['a rounded number', { parameters: { big: 12345678901234567000, none: null } }, 'parameters'],
    ['a left-out change', { changes: [] }, 'changes'],
    ['an outcome that was not sent', { outcome: { result: 'success' } }, 'outcome'],
    ['details', { details: 'Nothing' }, 'details'],
    ['time', { time: '2026-11-20T10:00:00.500001Z' }, 'time'],
    ['id', { id: 'e2' }, 'id'],
    ['number', { tenant_seq: 4 }, 'tenant_seq'],
    ['time received', { received_at: '2026-11-20T10:00:01.000003Z' }, 'received_at'],
  ])('fails where the page shows another %s than was recorded', async (_, event, field) => {
    const checked = await check(ledgerWith(5), { event });
    expect(checked.shown?.differing).toEqual([field]);
    expect(checked.state).toBe('failed');
  });

  it('fails for another place, another signature and a malformed proof', async () => {
    const ledger = ledgerWith(5);
    expect(failed(await check(ledger, { bundle: { index: 2 } }))).toEqual(['index_differs']);
    const other = ledgerWith(5, 'indelible/test', 9);
    const forged = ledger.bundle(1).proof.replace(ledger.checkpoint(), other.checkpoint());
    expect(failed(await check(ledger, { bundle: { proof: forged } }))).toContain('signature_of_unknown_key');
    const malformed = await check(ledger, { bundle: { proof: 'nonsense' } });
    expect(malformed.state).toBe('failed');
    expect(failed(malformed)).toEqual(['malformed']);
    expect(failed(await check(ledger, { bundle: { salt: null, envelope: null } }))).toEqual(['no_opening']);
  });

  it('compares only the envelope for records that were mapped', () => {
    const entry = { kind: 1, tenantSeq: 3n, receivedAtUs: 0n, chainId: new Uint8Array(), previous: new Uint8Array(), commitment: new Uint8Array() };
    const envelope = {
      eventTimeUs: 0n,
      timeSource: 'event' as const,
      protocol: 4,
      ruleVersion: 1,
      mappingVersion: 1,
      tenantNumber: 1n,
      keyId: new Uint8Array(16),
      eventId: 'e1',
      tenantName: 'acme',
      mediaType: '',
      mappingName: 'aws-cloudtrail',
      people: [],
    };
    const event = { ...shownEvent(), time: '1970-01-01T00:00:00Z', received_at: '1970-01-01T00:00:00Z' };
    expect(compareShown(event, entry, envelope, new Uint8Array())).toEqual({ differing: [], compared: 'envelope' });
    expect(compareShown(event, { ...entry, kind: 2 }, envelope, new Uint8Array()).differing).toEqual(['kind']);
    const ada: Recognised = {
      place: '/actor',
      user: '00000000-0000-0000-0000-000000000001',
      groups: ['Support'],
      roles: null,
    };
    const cases: [Recognised[], Recognised[] | null, string[]][] = [
      [[ada], [ada], []],
      [[ada], null, []],
      [[ada], [{ ...ada, groups: [] }], ['recognised']],
      [[ada], [], ['recognised']],
      [[], [ada], ['recognised']],
    ];
    for (const [people, recognised, differing] of cases) {
      const about = recognised === null ? event : { ...event, recognised };
      expect(compareShown(about, entry, { ...envelope, people }, new Uint8Array()).differing).toEqual(differing);
    }
  });

  it('compares JSON by digits, not by key order', () => {
    expect(sameJson(parseJson('{"a":1,"b":[1.0]}'), parseJson('{"b":[1.0],"a":1}'))).toBe(true);
    expect(sameJson(parseJson('1.0'), parseJson('1'))).toBe(false);
    expect(sameJson(parseJson('null'), parseJson('{}'))).toBe(false);
    expect(sameJson(parseJson('[]'), parseJson('{}'))).toBe(false);
  });
});

describe('what this browser has seen', () => {
  it('trusts the first key, then notices another', async () => {
    expect((await check(ledgerWith(5))).history?.state).toBe('first');
    expect((await check(ledgerWith(6))).history?.state).toBe('same');
    const other = await check(ledgerWith(9, 'indelible/other', 9));
    expect(other.state).toBe('other_ledger');
    expect(other.verdict.verified).toBe(true);
    forget(store, '');
    expect((await check(ledgerWith(9, 'indelible/other', 9))).state).toBe('verified');
  });

  it('notices a tree that shrank', async () => {
    const ledger = ledgerWith(9);
    await check(ledger);
    const checked = await check(ledger, {}, 5);
    expect(checked.history?.state).toBe('shrunk');
    expect(checked.state).toBe('failed');
    expect(recall(store, '')?.size).toBe('9');
  });

  it('notices two histories', async () => {
    await check(ledgerWith(5));
    const fork = ledgerWith(4);
    fork.record({ ...ledgerEvent(), body: '{"action":"other"}' });
    const checked = await check(fork);
    expect(checked.history?.state).toBe('split');
    expect(checked.state).toBe('failed');
  });

  it('notices a longer tree that does not continue the one seen', async () => {
    await check(ledgerWith(5));
    const rewritten = ledgerWith(4);
    rewritten.record({ ...ledgerEvent(), body: '{"action":"other"}' });
    rewritten.record({ ...ledgerEvent(), id: 'e5', body: '{"action":"more"}' });
    const checked = await check(rewritten);
    expect(checked.verdict.verified).toBe(true);
    expect(checked.history?.state).toBe('rewritten');
    expect(checked.state).toBe('failed');
    expect(recall(store, '')?.size).toBe('5');
    expect((await check(ledgerWith(7), { consistency: () => Promise.resolve(['?']) })).history?.state).toBe('rewritten');
  });

  it('says so where it may not see that a tree continues, and proves it later', async () => {
    await check(ledgerWith(5));
    const refused = () => Promise.reject(new Problem(403, 'forbidden', 'No', null, null));
    const unproven = await check(ledgerWith(7), { consistency: refused });
    expect(unproven.history?.state).toBe('unproven');
    expect(unproven.state).toBe('verified');
    expect(recall(store, '')?.size).toBe('5');
    expect((await check(ledgerWith(7))).history?.state).toBe('same');
    expect(recall(store, '')?.size).toBe('7');
  });

  it('is not alarmed by answers that overtake each other', async () => {
    const ledger = ledgerWith(9);
    const checkpoint = (size: number) => parseCheckpoint(parseNote(ledger.checkpoint(size)).text);
    const judge = async (before: Seen | null, size: number) => {
      const prove = (from: bigint, to: bigint) =>
        Promise.resolve(ledger.consistency(Number(from), Number(to)).map((hash) => fromBase64(hash, 'hash')));
      return (await judgeHistory(store, '', before, ledger.vkey, checkpoint(size), new Date(), prove)).state;
    };
    const before = recall(store, '');
    expect(await judge(before, 9)).toBe('first');
    expect(await judge(before, 5)).toBe('same');
    expect(recall(store, '')?.size).toBe('9');
    expect(await judge(recall(store, ''), 8)).toBe('shrunk');
  });

  it('keeps ledgers under different prefixes apart, and survives nonsense in storage', async () => {
    const checkpoint = { origin: 'x', size: 1n, root: new Uint8Array(32) };
    await judgeHistory(store, '/a', null, 'k', checkpoint, new Date(), () => Promise.resolve(null));
    expect(recall(store, '/a')?.vkey).toBe('k');
    expect(recall(store, '/b')).toBeNull();
    store.setItem('indelible.seen', '{"vkey":1}');
    expect(recall(store, '')).toBeNull();
    store.setItem('indelible.seen', 'nonsense');
    expect(recall(store, '')).toBeNull();
  });

  it('says nothing about history for a checkpoint that nobody signed', async () => {
    const ledger = ledgerWith(5);
    const unsigned = ledger.bundle(1).proof.replace(/\n5\n/, '\n6\n');
    const checked = await check(ledger, { bundle: { proof: unsigned } });
    expect(checked.state).toBe('failed');
    expect(checked.history).toBeNull();
    expect(recall(store, '')).toBeNull();
  });
});

function ledgerEvent() {
  return {
    id: 'e4',
    tenant: 'acme',
    tenantNumber: 1,
    tenantSeq: 104,
    receivedAtUs: 0n,
    timeUs: 0n,
    timeSource: 'event' as const,
    protocol: 1,
  };
}
