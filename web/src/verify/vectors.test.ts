// The vectors that the Rust and the Python verifier pass, too: testdata/vectors.

// @vitest-environment node
import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import type { ProofBundle, Recognised } from '$api/types';

import { Malformed, fromBase64, toBase64, toHex } from './bytes';
import { commitment, parseEntry, parseEnvelope } from './entry';
import { leafHash, verifyConsistency, verifyInclusion } from './merkle';
import { parseCheckpoint, parseNote, parseVerifierKey, verifyNote } from './note';
import { parseTlogProof } from './proof';
import { verifyEvent } from './verify';

interface Vectors<Valid, Refused> {
  valid: Valid[];
  refused: (Refused & { why: string })[];
}

function vectors<Valid, Refused = Valid>(name: string): Vectors<Valid, Refused> {
  const url = new URL(`../../../testdata/vectors/${name}.json`, import.meta.url);
  const read = JSON.parse(readFileSync(url, 'utf8')) as Vectors<Valid, Refused>;
  expect(read.valid.length, name).toBeGreaterThan(0);
  return read;
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

describe('entries', () => {
  interface Valid {
    name: string;
    bytes: string;
    kind: number;
    chain_id: string;
    tenant_seq: string;
    received_at_us: string;
    prev: string;
    commitment: string;
    leaf_hash: string;
  }
  const { valid, refused } = vectors<Valid, { bytes: string }>('entries');

  it.each(valid)('reads $name', (vector) => {
    const entry = parseEntry(hex(vector.bytes));
    expect({
      kind: entry.kind,
      chain_id: toHex(entry.chainId),
      tenant_seq: String(entry.tenantSeq),
      received_at_us: String(entry.receivedAtUs),
      prev: toHex(entry.previous),
      commitment: toHex(entry.commitment),
      leaf_hash: toHex(leafHash(hex(vector.bytes))),
    }).toEqual({ ...vector, name: undefined, bytes: undefined });
  });

  it.each(refused)('refuses $why', ({ bytes }) => {
    expect(() => parseEntry(hex(bytes))).toThrow(Malformed);
  });
});

describe.each(['envelopes', 'envelopes_v2'])('%s', (file) => {
  interface Valid {
    name: string;
    bytes: string;
    event_time_us: string;
    time_source: number;
    protocol: number;
    rule_version: number;
    mapping_version: number;
    tenant_number: string;
    key_id: string;
    event_id: string;
    tenant_name: string;
    media_type: string;
    mapping_name: string;
    people?: Recognised[];
  }
  const { valid, refused } = vectors<Valid, { bytes: string }>(file);

  it.each(valid)('reads $name', (vector) => {
    const envelope = parseEnvelope(hex(vector.bytes));
    expect({
      event_time_us: String(envelope.eventTimeUs),
      time_source: envelope.timeSource === 'event' ? 1 : 0,
      protocol: envelope.protocol,
      rule_version: envelope.ruleVersion,
      mapping_version: envelope.mappingVersion,
      tenant_number: String(envelope.tenantNumber),
      key_id: toHex(envelope.keyId),
      event_id: envelope.eventId,
      tenant_name: envelope.tenantName,
      media_type: envelope.mediaType,
      mapping_name: envelope.mappingName,
      people: envelope.people,
    }).toEqual({ people: [], ...vector, name: undefined, bytes: undefined });
  });

  it.each(refused)('refuses $why', ({ bytes }) => {
    expect(() => parseEnvelope(hex(bytes))).toThrow(Malformed);
  });

  it('refuses every beginning', () => {
    for (const { bytes } of valid) {
      const whole = hex(bytes);
      for (let end = 0; end < whole.length; end += 1) {
        expect(() => parseEnvelope(whole.slice(0, end)), `${end} of ${whole.length} bytes`).toThrow(Malformed);
      }
    }
  });
});

describe('commitments', () => {
  const { valid } = vectors<{ name: string; salt: string; envelope: string; body: string; commitment: string }>(
    'commitments',
  );

  it.each(valid)('commits to $name', (vector) => {
    const computed = commitment(hex(vector.salt), hex(vector.envelope), hex(vector.body));
    expect(toHex(computed)).toBe(vector.commitment);
  });
});

describe('inclusion proofs', () => {
  interface Vector {
    index: string;
    size: string;
    leaf: string;
    proof: string[];
    root: string;
  }
  const { valid, refused } = vectors<Vector>('inclusion');
  const holds = (vector: Vector): boolean =>
    verifyInclusion(
      BigInt(vector.index),
      BigInt(vector.size),
      hex(vector.leaf),
      vector.proof.map(hex),
      hex(vector.root),
    );

  it('accepts every valid one', () => {
    for (const vector of valid) expect(holds(vector), `${vector.index} of ${vector.size}`).toBe(true);
  });

  it.each(refused)('refuses $why', (vector) => {
    expect(holds(vector)).toBe(false);
  });
});

describe('consistency proofs', () => {
  interface Vector {
    from: string;
    to: string;
    proof: string[];
    from_root: string;
    to_root: string;
  }
  const { valid, refused } = vectors<Vector>('consistency');
  const holds = (vector: Vector): boolean =>
    verifyConsistency(
      BigInt(vector.from),
      BigInt(vector.to),
      vector.proof.map(hex),
      hex(vector.from_root),
      hex(vector.to_root),
    );

  it('accepts every valid one', () => {
    for (const vector of valid) expect(holds(vector), `${vector.from} to ${vector.to}`).toBe(true);
  });

  it.each(refused)('refuses $why', (vector) => {
    expect(holds(vector)).toBe(false);
  });
});

describe('checkpoints', () => {
  interface Vector {
    note: string;
    vkeys: string[];
  }
  const { valid, refused } = vectors<Vector & { name: string; origin: string; size: string; root: string }, Vector>(
    'checkpoints',
  );
  const open = ({ note, vkeys }: Vector) => {
    const signed = parseNote(note);
    const checkpoint = parseCheckpoint(signed.text);
    return { checkpoint, verdict: verifyNote(signed, vkeys.map(parseVerifierKey), checkpoint.origin) };
  };

  it.each(valid)('opens $name', (vector) => {
    const { checkpoint, verdict } = open(vector);
    expect(verdict).toBe('valid');
    expect(checkpoint.origin).toBe(vector.origin);
    expect(String(checkpoint.size)).toBe(vector.size);
    expect(toHex(checkpoint.root)).toBe(vector.root);
  });

  it.each(refused)('refuses $why', (vector) => {
    let verdict: string;
    try {
      ({ verdict } = open(vector));
    } catch (error) {
      expect(error).toBeInstanceOf(Malformed);
      verdict = 'malformed';
    }
    expect(verdict).not.toBe('valid');
  });
});

describe('tlog-proofs', () => {
  const { valid, refused } = vectors<{ name: string; text: string; index: string; extra: string | null }, { text: string }>(
    'tlog_proofs',
  );
  const read = (text: string) => {
    const proof = parseTlogProof(text);
    parseCheckpoint(parseNote(proof.checkpoint).text);
    return proof;
  };

  it.each(valid)('reads $name', (vector) => {
    const proof = read(vector.text);
    expect(String(proof.index)).toBe(vector.index);
    expect(proof.extra === null ? null : toHex(proof.extra)).toBe(vector.extra);
  });

  it.each(refused)('refuses $why', ({ text }) => {
    expect(() => read(text)).toThrow(Malformed);
  });
});

describe.each(['evidence', 'evidence_v2'])('%s', (file) => {
  interface Vector {
    bundle: ProofBundle;
    body: string | null;
    vkeys: string[];
  }
  const { valid, refused } = vectors<Vector & { name: string }, Vector & { step: string }>(file);
  const judge = ({ bundle, body, vkeys }: Vector) =>
    verifyEvent(bundle, body === null ? null : fromBase64(body, 'body'), vkeys);
  /** The Rust verifier stops at the first failure and has more steps than a reader needs. */
  const STEPS: Record<string, string> = {
    bundle: 'format',
    entry: 'format',
    envelope: 'format',
    commitment: 'content',
    inclusion: 'inclusion',
    checkpoint: 'signature',
  };

  it.each(valid)('verifies $name', (vector) => {
    const verdict = judge(vector);
    expect(verdict.steps.filter((step) => !step.passed)).toEqual([]);
    expect(verdict.verified).toBe(true);
    expect(verdict.envelope === null).toBe(vector.body === null);
  });

  it.each(refused)('refuses $why, at $step', (vector) => {
    const verdict = judge(vector);
    expect(verdict.verified).toBe(false);
    const failed = verdict.steps.filter((step) => !step.passed).map((step) => step.step);
    const expected = vector.why === 'a body for erased content' ? 'content' : STEPS[vector.step];
    expect(failed).toContain(expected);
  });

  it('refuses every body with one bit flipped, and every entry', () => {
    const [vector] = valid;
    if (vector === undefined || vector.body === null) throw new Error('the first vector has a body');
    const body = fromBase64(vector.body, 'body');
    for (let at = 0; at < body.length; at += 1) {
      const flipped = body.map((byte, index) => (index === at ? byte ^ 1 : byte));
      expect(verifyEvent(vector.bundle, flipped, vector.vkeys).verified, `body byte ${at}`).toBe(false);
    }
    const entry = fromBase64(vector.bundle.entry, 'entry');
    for (let at = 0; at < entry.length; at += 1) {
      const flipped = toBase64(entry.map((byte, index) => (index === at ? byte ^ 1 : byte)));
      const verdict = verifyEvent({ ...vector.bundle, entry: flipped }, body, vector.vkeys);
      expect(verdict.verified, `entry byte ${at}`).toBe(false);
    }
  });
});
