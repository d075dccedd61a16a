// @vitest-environment node
import { beforeEach, describe, expect, it } from 'vitest';

import type { Ledger } from '$api/admin';
import { Problem } from '$api/problem';
import { TestLedger } from '../test/ledger';

import { checkLedger, lastCheck, rememberCheck, type LedgerChecked, type LedgerStep } from './ledger';
import { recall } from './seen';

function ledgerWith(events: number, name?: string, seed?: number): TestLedger {
  const ledger = new TestLedger(name, seed);
  for (let i = 0; i < events; i += 1) {
    ledger.record({
      id: `e${i}`,
      tenant: 'acme',
      tenantNumber: 1,
      tenantSeq: i,
      receivedAtUs: 1n,
      timeUs: 1n,
      timeSource: 'event',
      protocol: 1,
      body: `{"action":"${i}"}`,
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
  ledger?: Partial<Ledger>;
  consistency?: () => Promise<string[]>;
  onstep?: (step: LedgerStep) => void;
}

function check(ledger: TestLedger, { ledger: told, consistency, onstep }: Tampering = {}): Promise<LedgerChecked> {
  return checkLedger({
    api: {
      ledger: () => Promise.resolve({ ...ledger.told(), ...told }),
      consistency: consistency ?? ((from, to) => Promise.resolve(ledger.consistency(Number(from), Number(to)))),
    },
    store,
    base: '',
    now: () => new Date('2026-11-20T12:00:00Z'),
    ...(onstep === undefined ? {} : { onstep }),
  });
}

describe('the ledger', () => {
  it('is remembered on the first visit, and then has to continue that', async () => {
    expect(await check(ledgerWith(3))).toMatchObject({ state: 'first', failure: null });
    expect(recall(store, '')?.size).toBe('3');
    const steps: LedgerStep[] = [];
    const checked = await check(ledgerWith(8), { onstep: (step) => steps.push(step) });
    expect(checked).toMatchObject({ state: 'verified', history: { state: 'same', seen: { size: '3' } } });
    expect(checked.checkpoint?.size).toBe(8n);
    expect(steps).toEqual(['fetch', 'signature', 'history']);
    expect(recall(store, '')?.size).toBe('8');
  });

  it.each<[string, Tampering]>([
    ['another size', { ledger: { size: 4 } }],
    ['another root', { ledger: { root: `${'A'.repeat(43)}=` } }],
    ['another origin', { ledger: { origin: 'else' } }],
    ['a checkpoint that nobody signed', { ledger: { checkpoint: ledgerWith(3, 'indelible/test', 8).checkpoint() } }],
    ['a key of another log', { ledger: { vkey: ledgerWith(3, 'else').vkey } }],
    ['no checkpoint', { ledger: { checkpoint: 'nothing' } }],
    ['no key', { ledger: { vkey: 'nothing' } }],
  ])('fails where the answer has %s', async (_, tampering) => {
    expect(await check(ledgerWith(3), tampering)).toMatchObject({ state: 'failed', failure: { step: 'signature' } });
    expect(recall(store, '')).toBeNull();
  });

  it('fails where it is shorter, of two histories, or rewritten', async () => {
    const other = ledgerWith(0);
    for (let i = 0; i < 9; i += 1) {
      const event = { tenant: 'acme', tenantNumber: 1, tenantSeq: i, receivedAtUs: 1n, timeUs: 1n, timeSource: 'event', protocol: 1 } as const;
      other.record({ ...event, id: `other-${i}`, body: '{}' });
    }
    await check(ledgerWith(5));
    expect(await check(ledgerWith(4))).toMatchObject({ state: 'failed', failure: { step: 'history', detail: 'shrunk' } });
    expect(await check(other)).toMatchObject({ state: 'failed', failure: { step: 'history', detail: 'rewritten' } });
    expect(recall(store, '')?.size).toBe('5');
  });

  it('is another one where the key is another', async () => {
    await check(ledgerWith(3));
    expect(await check(ledgerWith(5, 'indelible/test', 8))).toMatchObject({ state: 'other_ledger', failure: null });
  });

  it('is not proven where the proof can not be had, and says so', async () => {
    await check(ledgerWith(3));
    const refuse = (): Promise<string[]> => Promise.reject(new Problem(503, 'unavailable', 'unavailable', null, null));
    expect(await check(ledgerWith(5), { consistency: refuse })).toMatchObject({ state: 'unproven' });
    expect(recall(store, '')?.size).toBe('3');
  });
});

describe('the last verification', () => {
  it('is remembered for each server of a host', async () => {
    const checked = await check(ledgerWith(3));
    const last = { at: '2026-11-20T12:00:00.000Z', size: '3', state: 'first' };
    expect(rememberCheck(store, '/audit', checked)).toEqual(last);
    expect([lastCheck(store, '/audit'), lastCheck(store, '')]).toEqual([last, null]);
  });

  it.each(['nonsense', 'null', '{}', '{"at":"x","size":"-1","state":"first"}', '{"at":"x","size":"1","state":"good"}'])(
    'is none where the browser holds %s',
    (text) => {
      store.setItem('indelible.checked', text);
      expect(lastCheck(store, '')).toBeNull();
    },
  );
});
