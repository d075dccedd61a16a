// The three byte layouts that an event's proof rests on: entry and commitment in version 1, envelope in 1 and 2.
//
// An entry is what the tree hashes. It names no content: it commits to the envelope (what the server vouches for)
// and the body (the bytes as sent) by a salted hash.

import { sha256 } from '@noble/hashes/sha2.js';

import type { Recognised } from '$api/types';

import { Malformed, Reader, concatBytes, u64be } from './bytes';
import { readPeople } from './people';

export const ENTRY_BYTES = 99;
export const SALT_BYTES = 16;
export const KIND_EVENT = 1;

export interface Entry {
  kind: number;
  chainId: Uint8Array;
  tenantSeq: bigint;
  receivedAtUs: bigint;
  previous: Uint8Array;
  commitment: Uint8Array;
}

export function parseEntry(bytes: Uint8Array): Entry {
  if (bytes.length !== ENTRY_BYTES) throw new Malformed('entry', `${bytes.length} bytes, expected ${ENTRY_BYTES}`);
  const reader = new Reader(bytes, 'entry');
  const version = reader.u8();
  if (version !== 1) throw new Malformed('entry', `version ${version}, expected 1`);
  const kind = reader.u8();
  const algorithm = reader.u8();
  if (algorithm !== 1) throw new Malformed('entry', `commitment algorithm ${algorithm}, expected 1`);
  const entry = {
    kind,
    chainId: reader.bytesOf(16),
    tenantSeq: reader.u64(),
    receivedAtUs: reader.u64(),
    previous: reader.bytesOf(32),
    commitment: reader.bytesOf(32),
  };
  reader.end();
  return entry;
}

export type TimeSource = 'received' | 'event';

/** How an event arrived. Values without a name here are valid: a newer server wrote them. */
export const PROTOCOL_JSON = 1;
export const PROTOCOL_NDJSON = 2;

export interface Envelope {
  eventTimeUs: bigint;
  timeSource: TimeSource;
  protocol: number;
  ruleVersion: number;
  mappingVersion: number;
  tenantNumber: bigint;
  keyId: Uint8Array;
  eventId: string;
  tenantName: string;
  mediaType: string;
  mappingName: string;
  /** Those whom the server recognised; none in version 1, at least one in version 2. */
  people: Recognised[];
}

const TIME_SOURCES: readonly TimeSource[] = ['received', 'event'];

export function parseEnvelope(bytes: Uint8Array): Envelope {
  const reader = new Reader(bytes, 'envelope');
  const version = reader.u8();
  if (version !== 1 && version !== 2) throw new Malformed('envelope', `version ${version}, expected 1 or 2`);
  const eventTimeUs = reader.i64();
  const timeSource = TIME_SOURCES[reader.u8()];
  if (timeSource === undefined) throw new Malformed('envelope', 'unknown time source');
  const envelope = {
    eventTimeUs,
    timeSource,
    protocol: reader.u8(),
    ruleVersion: reader.u32(),
    mappingVersion: reader.u32(),
    tenantNumber: reader.u64(),
    keyId: reader.bytesOf(16),
    eventId: reader.text(),
    tenantName: reader.text(),
    mediaType: reader.text(),
    mappingName: reader.text(),
    people: version === 1 ? [] : readPeople(reader),
  };
  reader.end();
  return envelope;
}

const COMMITMENT_TAG = new TextEncoder().encode('indelible/commitment/v1\0');

/** What an entry commits to: the salted hash over envelope and body, each behind its length. */
export function commitment(salt: Uint8Array, envelope: Uint8Array, body: Uint8Array): Uint8Array {
  if (salt.length !== SALT_BYTES) throw new Malformed('salt', `${salt.length} bytes, expected ${SALT_BYTES}`);
  return sha256(
    concatBytes(COMMITMENT_TAG, salt, u64be(envelope.length), envelope, u64be(body.length), body),
  );
}
