// Whether the fields on the screen say what the proven bytes say.
//
// A proof covers the bytes as sent and the envelope; the fields shown are the server's reading of them. For JSON the
// two can be compared here: what was sent must come back, and nothing may be added. Left out on purpose: what the
// server derives (action type, severity, summary, details that the sender left out) and `client`, whose address may
// move to `host` or `zone`. CloudEvents and imported records are mapped by rules; there only the envelope is compared.
// The tenant's name isn't compared: events are shown under its name of today. The panel tells the name at receipt.

import type { AuditEvent } from '$api/types';
import { ExactNumber, isObject, keysOf, parseJson, type Json, type JsonObject } from '$lib/json';
import { microsecondsOf } from '$lib/time/instant';

import { KIND_EVENT, PROTOCOL_JSON, PROTOCOL_NDJSON, type Entry, type Envelope } from './entry';

export interface ShownVerdict {
  /** Names of the fields that differ, in the API's words. */
  differing: string[];
  /** Whether the fields themselves could be compared, or the envelope only. */
  compared: 'fields' | 'envelope';
}

/** Fields that come back as they were sent; empty values may be left out on either side. */
const AS_SENT = [
  'action',
  'action_code',
  'actor',
  'on_behalf_of',
  'outcome',
  'source',
  'targets',
  'related',
  'changes',
  'session_id',
  'request_id',
  'trace_id',
] as const;

/** Free-form fields, where null and "" mean something. */
const VERBATIM = ['parameters', 'data'] as const;

export function compareShown(event: AuditEvent, entry: Entry, envelope: Envelope, body: Uint8Array): ShownVerdict {
  const differing: string[] = [];
  if (entry.kind !== KIND_EVENT) differing.push('kind');
  if (event.id !== envelope.eventId) differing.push('id');
  if (BigInt(event.tenant_seq) !== entry.tenantSeq) differing.push('tenant_seq');
  if (microsecondsOf(event.received_at) !== entry.receivedAtUs) differing.push('received_at');
  if (microsecondsOf(event.time) !== envelope.eventTimeUs) differing.push('time');
  if (event.time_source !== envelope.timeSource) differing.push('time_source');
  const { recognised } = event;
  // Not everybody is shown them, so their absence says nothing.
  if (recognised != null && !sameJson(recognised as unknown as Json, envelope.people as unknown as Json)) {
    differing.push('recognised');
  }
  if (envelope.protocol !== PROTOCOL_JSON && envelope.protocol !== PROTOCOL_NDJSON) {
    return { differing, compared: 'envelope' };
  }

  const sent = sentFields(body);
  if (sent === null) return { differing: [...differing, 'data'], compared: 'fields' };
  const shown = event as unknown as JsonObject;
  for (const field of AS_SENT) {
    if (!sameJson(pruned(sent[field]), pruned(shown[field]))) differing.push(field);
  }
  for (const field of VERBATIM) {
    if (!sameJson(sent[field] ?? null, shown[field] ?? null) && !(isEmpty(sent[field]) && isEmpty(shown[field]))) {
      differing.push(field);
    }
  }
  // Absent details are built from a template; given ones are the sender's own sentence.
  if (typeof sent.details === 'string' && sent.details !== '' && sent.details !== event.details) {
    differing.push('details');
  }
  return { differing, compared: 'fields' };
}

function sentFields(body: Uint8Array): JsonObject | null {
  try {
    const value = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || value === null || (isObject(value) && keysOf(value).length === 0);
}

/** The value without nulls, empty texts, empty lists and empty objects: they all mean "not said". */
function pruned(value: Json | undefined): Json | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => pruned(item) ?? null);
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = pruned(value[key]);
    if (inner !== undefined) kept[key] = inner;
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}

/** Equal as JSON: key order aside, numbers by their digits. */
export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left instanceof ExactNumber || right instanceof ExactNumber) {
    return left !== undefined && right !== undefined && left !== null && right !== null && String(left) === String(right);
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => sameJson(item, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    const keys = Object.keys(left);
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
    );
  }
  return left === right;
}
