// A small ledger in memory, for tests: it records events and proves them as the server does.

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import type { ProofBundle } from '$api/types';
import { concatBytes, toBase64, toHex, u64be } from '$verify/bytes';
import { commitment } from '$verify/entry';
import { leafHash, nodeHash } from '$verify/merkle';

const encoder = new TextEncoder();

export interface Recorded {
  id: string;
  tenant: string;
  tenantNumber: number;
  tenantSeq: number;
  receivedAtUs: bigint;
  timeUs: bigint;
  timeSource: 'received' | 'event';
  /** 1 JSON, 4 import. */
  protocol: number;
  mediaType?: string;
  mapping?: string;
  body: string;
}

function u32be(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

function shortText(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return concatBytes(Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
}

export function envelopeOf(event: Recorded): Uint8Array {
  return concatBytes(
    Uint8Array.of(1),
    u64be(event.timeUs),
    Uint8Array.of(event.timeSource === 'event' ? 1 : 0, event.protocol),
    u32be(1),
    u32be(event.mapping === undefined ? 0 : 1),
    u64be(event.tenantNumber),
    new Uint8Array(16),
    ...[event.id, event.tenant, event.mediaType ?? 'application/json', event.mapping ?? ''].map(shortText),
  );
}

export class TestLedger {
  private readonly secret: Uint8Array;
  readonly origin: string;
  readonly vkey: string;
  private readonly keyHash: Uint8Array;
  private readonly entries: { entry: Uint8Array; salt: Uint8Array; envelope: Uint8Array; event: Recorded }[] = [];

  constructor(name = 'indelible/test', seed = 7) {
    this.secret = new Uint8Array(32).fill(seed);
    this.origin = name;
    const key = concatBytes(Uint8Array.of(1), ed25519.getPublicKey(this.secret));
    this.keyHash = sha256(concatBytes(encoder.encode(`${name}\n`), key)).slice(0, 4);
    this.vkey = `${name}+${toHex(this.keyHash)}+${toBase64(key)}`;
  }

  get size(): number {
    return this.entries.length;
  }

  record(event: Recorded): number {
    const index = this.entries.length;
    const salt = new Uint8Array(16).fill(index & 255);
    const envelope = envelopeOf(event);
    const entry = concatBytes(
      Uint8Array.of(1, 1, 1),
      new Uint8Array(16).fill(event.tenantNumber),
      u64be(event.tenantSeq),
      u64be(event.receivedAtUs),
      new Uint8Array(32),
      commitment(salt, envelope, encoder.encode(event.body)),
    );
    this.entries.push({ entry, salt, envelope, event });
    return index;
  }

  private root(from: number, to: number): Uint8Array {
    if (to - from === 1) return leafHash(this.entries[from]?.entry ?? new Uint8Array());
    const split = from + largestPowerBelow(to - from);
    return nodeHash(this.root(from, split), this.root(split, to));
  }

  private path(index: number, from: number, to: number): Uint8Array[] {
    if (to - from === 1) return [];
    const split = from + largestPowerBelow(to - from);
    return index < split
      ? [...this.path(index, from, split), this.root(split, to)]
      : [...this.path(index, split, to), this.root(from, split)];
  }

  /** RFC 9162, 2.1.4.1. */
  consistency(from: number, to: number): string[] {
    const prove = (m: number, start: number, end: number, whole: boolean): Uint8Array[] => {
      if (m === end - start) return whole ? [] : [this.root(start, end)];
      const split = largestPowerBelow(end - start);
      return m <= split
        ? [...prove(m, start, start + split, whole), this.root(start + split, end)]
        : [...prove(m - split, start + split, end, false), this.root(start, start + split)];
    };
    return prove(from, 0, to, true).map(toBase64);
  }

  checkpoint(size = this.size): string {
    const text = `${this.origin}\n${size}\n${toBase64(this.root(0, size))}\n`;
    const signature = concatBytes(this.keyHash, ed25519.sign(encoder.encode(text), this.secret));
    return `${text}\n\u2014 ${this.origin} ${toBase64(signature)}\n`;
  }

  /** As `GET /v1/ledger` answers. */
  told(size = this.size): { origin: string; vkey: string; size: number; root: string; checkpoint: string } {
    const { origin, vkey } = this;
    return { origin, vkey, size, root: toBase64(this.root(0, size)), checkpoint: this.checkpoint(size) };
  }

  bundle(index: number, size = this.size): ProofBundle {
    const recorded = this.entries[index];
    if (recorded === undefined) throw new Error(`nothing recorded at ${index}`);
    const hashes = this.path(index, 0, size).map((hash) => `${toBase64(hash)}\n`);
    return {
      index,
      tenant_seq: recorded.event.tenantSeq,
      entry: toBase64(recorded.entry),
      salt: toBase64(recorded.salt),
      envelope: toBase64(recorded.envelope),
      proof: `c2sp.org/tlog-proof@v1\nindex ${index}\n${hashes.join('')}\n${this.checkpoint(size)}`,
      vkey: this.vkey,
    };
  }
}

function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
