// The filters of the API: their names, in the order in which chips show them, and their words. `q`, `since` and `until`
// are not among them: they are given once, and have places of their own.

import type { ObjectType, OutcomeResult } from '$api/types';
import { actionLabel, outcomeLabel, severityLabel } from '$lib/event';
import { m } from '$lib/paraglide/messages';

export const OUTCOMES: readonly OutcomeResult[] = ['success', 'failure', 'denied', 'challenge', 'unknown'];
const SEVERITIES = ['critical', 'high', 'medium', 'low', '1', '2', '3', '4'];
const MARKS = ['true', 'false'];

interface Field {
  label: () => string;
  /** The only values that there are, in small letters; others are refused. */
  values?: readonly string[];
  /** What else the value is: a moment (time/moment.ts), or a condition of the API's filter language. */
  kind?: 'moment' | 'condition';
}

const FIELDS = {
  action_type: { label: m.filter_action },
  action: { label: m.filter_own_action },
  object: { label: m.filter_object },
  object_category: { label: m.filter_object_category },
  outcome: { label: m.filter_outcome, values: OUTCOMES },
  severity: { label: m.filter_severity, values: SEVERITIES },
  reason: { label: m.filter_reason },
  user: { label: m.filter_user },
  actor: { label: m.filter_actor },
  actor_tenant: { label: m.filter_actor_tenant },
  ip: { label: m.filter_ip },
  affected: { label: m.filter_affected },
  affected_tenant: { label: m.filter_affected_tenant },
  involves_tenant: { label: m.filter_involves_tenant },
  tenant: { label: m.filter_tenant },
  group: { label: m.filter_group },
  role: { label: m.filter_role },
  application: { label: m.filter_application },
  component: { label: m.filter_component },
  node: { label: m.filter_node },
  data_source: { label: m.filter_data_source },
  host: { label: m.filter_host },
  channel: { label: m.filter_channel },
  session_id: { label: m.filter_session_id },
  request_id: { label: m.filter_request_id },
  trace_id: { label: m.filter_trace_id },
  id: { label: m.filter_id },
  field_changed: { label: m.filter_field_changed },
  anomalous: { label: m.filter_anomalous, values: MARKS },
  held: { label: m.filter_held, values: MARKS },
  erased: { label: m.filter_erased, values: MARKS },
  received_since: { label: m.filter_received_since, kind: 'moment' },
  received_until: { label: m.filter_received_until, kind: 'moment' },
  filter: { label: m.filter_condition, kind: 'condition' },
} satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELDS;

/** The API knows them, but nothing marks events so yet: they are understood, and offered nowhere. */
const NEVER_FOUND: readonly string[] = ['anomalous', 'held', 'erased'];

export const FIELD_NAMES = Object.keys(FIELDS) as FieldName[];

/** Names that are worth asking for. */
export const OFFERED_NAMES = FIELD_NAMES.filter((name) => !NEVER_FOUND.includes(name));

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

function fieldOf(name: string): Field | null {
  return isFieldName(name) ? FIELDS[name] : null;
}

export function kindOf(name: string): 'value' | 'moment' | 'condition' {
  return fieldOf(name)?.kind ?? 'value';
}

/** Whether it is a moment that a range ends with: a day that is typed there without a time is included whole. */
export function isEnd(name: string): boolean {
  return name === 'until' || name === 'received_until';
}

/** The only values that a field has; null: any. */
export function valuesOf(name: string): readonly string[] | null {
  return fieldOf(name)?.values ?? null;
}

export function fieldLabel(name: string): string {
  return fieldOf(name)?.label() ?? name;
}

/** Fields whose values are people: they can be investigated. */
export function isPerson(name: string): boolean {
  return name === 'user' || name === 'actor' || name === 'affected';
}

/** How a value of a field reads; values that have no word of their own are what they are. */
export function valueLabel(name: string, value: string, objects: readonly ObjectType[] = []): string {
  switch (name) {
    case 'action_type':
      return actionLabel(value);
    case 'object':
      return objectLabel(value, objects);
    case 'object_category':
      return categoryLabel(value);
    case 'outcome':
      return OUTCOMES.includes(value as OutcomeResult) ? outcomeLabel(value as OutcomeResult) : value;
    case 'severity':
      return severityLabel(SEVERITIES[Number(value) - 1] ?? value);
    case 'anomalous':
    case 'held':
    case 'erased':
      return value === 'true' ? m.filter_yes() : m.filter_no();
    default:
      return value;
  }
}

function objectLabel(value: string, objects: readonly ObjectType[]): string {
  return objects.find((object) => object.id === value.toLowerCase())?.label ?? value;
}

const CATEGORY_LABELS: Record<string, () => string> = {
  authentication: m.category_authentication,
  users_domains: m.category_users_domains,
  communication: m.category_communication,
  configuration: m.category_configuration,
  system: m.category_system,
  other: m.category_other,
};

/** The label of a category of objects; categories that this build doesn't know keep their own name. */
export function categoryLabel(category: string): string {
  return Object.hasOwn(CATEGORY_LABELS, category) ? (CATEGORY_LABELS[category]?.() ?? category) : category.replaceAll('_', ' ');
}
