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

/** Somebody in an event whom the server knew as a user when it was received. */
export interface Recognised {
  /** JSON pointer into the event, such as `/actor` or `/targets/0`. */
  place: string;
  /** The user's UUID. */
  user: string;
  /** The user's groups at receipt; null where they were not recorded. */
  groups: string[] | null;
  /** The user's roles at receipt, the same way. */
  roles: string[] | null;
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
  targets?: Party[] | null;
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
  /** Absent where nobody was recognised. */
  recognised?: Recognised[];
}

export interface EventPage {
  data: AuditEvent[];
  /** Sealed: given back, other questions are about the same moment. */
  as_of?: string;
  total?: number | null;
  /** The time of receipt up to which the index is complete. */
  complete_through: string;
  /** Set while the index is behind: it is being rebuilt, or catches up after a start. */
  rebuilding?: boolean;
  next?: string | null;
  prev?: string | null;
}

/** One value of a field, and exactly how many events that match have it. */
export interface ValueCount {
  value: string;
  count: number;
}

/** `GET /v1/values/{field}`. */
export interface FieldValues {
  field: string;
  /** Those that most events have, first. */
  values: ValueCount[];
  /** How many values there are in all. */
  distinct: number;
  /** Events that match and lack the field. */
  missing: number;
}

/** A type of action of the catalogue. */
export interface ActionType {
  id: string;
  label: string;
  /** Of its badge, such as `blue`. */
  colour: string;
}

/** A type of object of the catalogue. */
export interface ObjectType {
  id: string;
  label: string;
  category: string;
  aliases: string[];
  colour: string;
}

export interface Session {
  kind: 'user' | 'api_key';
  /** The key's name, or the username. */
  name: string;
  /** The user's id; null for a key. */
  user?: string | null;
  /** The name that people read; null for a key. */
  shown_name?: string | null;
  /** To be sent with every change; null for a key. */
  csrf?: string | null;
  /** When the session, or the key, ends at the latest; null: never. */
  expires_at?: string | null;
  complete_user_management?: boolean;
  /** Whether a second factor must be set up before anything else can be done. */
  second_factor_due?: boolean;
  permissions: string[];
  reach: 'everything' | string[];
  /** How many tenants the reach covers today. */
  tenants: number;
  /** How far back and how much at a time may be asked for, ISO 8601 durations; null: unlimited. */
  range?: { back: string | null; span: string | null } | null;
}

/** A stretch of time and its events; its end is excluded. */
export interface Bucket {
  start: string;
  end: string;
  /** The start in the zone asked for, with its offset. */
  local: string;
  count: number;
}

/** `GET /v1/histogram`: buckets without gaps, and lists as long as they are many. */
export interface Histogram {
  interval: string;
  tz: string;
  total: number;
  buckets: Bucket[];
  /** With `by`: the values with most events. */
  series?: { value: string; total: number; counts: number[] }[];
  /** With `by`: all other values together. */
  others?: number[];
  /** With `by`: events without the field. */
  without?: number[];
}

/** `GET /v1/stats`: all events that match. */
export interface Stats {
  total: number;
  /** Actors, and targets that are persons. */
  users: number;
  /** The own tenants that actors and targets name. */
  domains: number;
  /** Those that the events belong to. */
  tenants: number;
  /** When the first and the last of them happened; null where there are none. */
  first?: string | null;
  last?: string | null;
  by: Record<'outcome' | 'severity' | 'action_type' | 'object_category', ValueCount[]>;
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

/** `POST /v1/sign-in` and `POST /v1/set-up`: the session's secret is in the cookie. */
export interface SignedIn {
  user: string;
  username: string;
  csrf: string;
  expires_at: string;
}

/** A way to sign in elsewhere, by OpenID Connect. */
export interface Provider {
  id: string;
  name: string;
}

/** `GET /v1/sign-in/providers`: what the sign-in page offers. */
export interface SignInOffers {
  data: Provider[];
  /** Whether a link to choose a new password by can be had by mail. */
  password_reset: boolean;
}

/** The account of whoever is signed in. */
export interface Profile {
  id: string;
  username: string;
  first_name: string | null;
  last_name: string | null;
  email: string | null;
  /** BCP 47 tag. */
  locale: string | null;
  /** IANA zone. */
  zone: string | null;
  tenant: string | null;
  roles: { role: string; territories?: string[] }[];
  has_password: boolean;
  has_second_factor: boolean;
}

/** One of one's own sessions. */
export interface OpenSession {
  id: string;
  /** `password`, `password+totp`, `password+recovery`, `set-up`, or the name of a provider. */
  method: string;
  address: string;
  user_agent: string;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  /** Whether it is the one that asks. */
  current: boolean;
}

/** A second factor on its way; nothing is stored before its first code. */
export interface FactorOffer {
  secret: string;
  uri: string;
  svg: string;
  pending: string;
}
