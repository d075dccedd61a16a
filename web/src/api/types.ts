// The shapes of the API that the viewer reads, as api.md's reference describes them.
//
// Free-form parts (parameters, changes, data) are `Json`: numbers keep their digits, objects their key order.

import type { Json, JsonObject } from '$lib/json';

export interface Party {
  type?: string | null;
  id?: string | null;
  aliases?: string[];
  username?: string | null;
  first_name?: string | null;
  last_name?: string | null;
  name?: string | null;
  tenant?: string | null;
  groups?: string[];
  roles?: string[];
}

export interface Change {
  field: string;
  /** Absent means "no old value", which differs from null and "". */
  old?: Json;
  new?: Json;
}

export type OutcomeResult = 'success' | 'failure' | 'denied' | 'challenge' | 'unknown';

export interface AuditEvent {
  id: string;
  tenant: string;
  tenant_seq: number;
  seq?: number;
  received_at: string;
  time: string;
  time_original?: string | null;
  time_source: 'event' | 'received';
  source?: {
    application?: string | null;
    component?: string | null;
    node?: string | null;
    data_source?: string | null;
    version?: string | null;
  } | null;
  actor?: Party | null;
  on_behalf_of?: Party | null;
  client?: {
    ip?: string | null;
    zone?: string | null;
    chain?: string[];
    port?: number | null;
    host?: string | null;
    user_agent?: string | null;
    channel?: string | null;
  } | null;
  action: string;
  action_code?: string | null;
  action_type: string;
  /** Canonical type and category of the first target. */
  object_type?: string | null;
  object_category?: string | null;
  occurrences?: { count: number; first?: string | null; last?: string | null } | null;
  outcome?: { result?: OutcomeResult | null; reason?: string | null; code?: string | null } | null;
  targets?: Party[];
  related?: { type?: string | null; id?: string | null }[];
  severity?: { name: string; number: number } | null;
  summary?: string | null;
  details?: string | null;
  parameters?: JsonObject | null;
  changes?: Change[];
  data?: Json;
  session_id?: string | null;
  request_id?: string | null;
  trace_id?: string | null;
}

export interface EventPage {
  data: AuditEvent[];
  total?: number | null;
  /** The time of receipt up to which the index is complete. */
  complete_through: string;
  /** Set while the index is behind: it is being rebuilt, or catches up after a start. */
  rebuilding?: boolean;
  next?: string | null;
  prev?: string | null;
}

export interface Session {
  name: string;
  permissions: string[];
  reach: 'everything' | string[];
  /** How many tenants the reach covers today. */
  tenants: number;
}

/** `GET /v1/events/{id}/proof` as JSON: what it takes to verify one event. */
export interface ProofBundle {
  index: number;
  tenant_seq: number;
  entry: string;
  /** Null, like the envelope, once the content was erased. */
  salt: string | null;
  envelope: string | null;
  proof: string;
  vkey: string;
}
