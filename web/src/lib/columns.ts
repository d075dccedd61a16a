// The columns that events are shown in, and what each of them is in a table, on a card, and in a CSV file.
//
// The first eight are the guide's, in its order and with its choice of what is shown at first; the others are ours.

import type { AuditEvent } from '$api/types';

import { actionLabel, clientPlace, given, objectTypeLabel, outcomeLabel, partyName, primaryTarget, severityLabel } from './event';
import { m } from './paraglide/messages';
import { actorKey, affectedKey, placeTarget, target, type PivotTarget } from './pivot';
import { maskText } from './secrets';
import { shortTime, shownTime } from './time/zone';

export const COLUMN_IDS = [
  'time',
  'action',
  'affected',
  'affected_tenant',
  'object',
  'by',
  'by_tenant',
  'address',
  'tenant',
  'application',
  'severity',
  'reason',
  'summary',
] as const;
export type ColumnId = (typeof COLUMN_IDS)[number];

export const DENSITIES = ['comfortable', 'compact'] as const;
export type Density = (typeof DENSITIES)[number];

export const VIEWS = ['table', 'cards'] as const;
export type View = (typeof VIEWS)[number];

/** The file is for programs, too: its headings are the same in every language. */
interface CsvColumn {
  heading: string;
  cell: (event: AuditEvent, zone: string) => string | null;
}

export interface Column {
  id: ColumnId;
  label: () => string;
  /** Pixels below which it is of no use. */
  width: number;
  /** Null: not captured. */
  text: (event: AuditEvent, zone: string) => string | null;
  /** What a filter for its value asks for; null: there is none. */
  target: (event: AuditEvent) => PivotTarget | null;
  csv: CsvColumn[];
}

type Text = Column['text'];

/** A column that is one column of the CSV file, too. */
function column(id: ColumnId, label: () => string, heading: string, width: number, text: Text, of: Column['target']): Column {
  return { id, label, width, text, target: of, csv: [{ heading, cell: text }] };
}

/** RFC 3339 in the zone: sorts, and says which instant it is. */
function instant(event: AuditEvent, zone: string): string {
  const shown = shownTime(event.time, zone);
  return shown === null ? event.time : `${shown.date}T${shown.time}${shown.fraction}${shown.offset}`;
}

export function sentence(event: AuditEvent): string {
  return given(event.summary) ?? given(event.details) ?? event.action;
}

const WITHOUT_TARGET = (): null => null;

export const COLUMNS: readonly Column[] = [
  {
    ...column('time', m.column_time, 'Timestamp', 168, (event, zone) => shortTime(event.time, zone), WITHOUT_TARGET),
    csv: [{ heading: 'Timestamp', cell: instant }],
  },
  {
    ...column('action', m.column_action, 'Action', 290, (event) => event.action, (event) => target('action', event.action)),
    csv: [
      { heading: 'Action', cell: (event) => actionLabel(event.action_type) },
      { heading: 'Action Name', cell: (event) => event.action },
      { heading: 'Outcome', cell: (event) => (event.outcome?.result ? outcomeLabel(event.outcome.result) : null) },
    ],
  },
  column('affected', m.column_affected, 'Affected User', 130, (event) => partyName(primaryTarget(event)), (event) =>
    target('affected', affectedKey(primaryTarget(event))),
  ),
  column('affected_tenant', m.column_affected_tenant, 'Affected Domain', 130, (event) => given(primaryTarget(event)?.tenant), (event) =>
    target('affected_tenant', primaryTarget(event)?.tenant),
  ),
  {
    ...column('object', m.column_object, 'Object', 140, objectTypeLabel, (event) => target('object', primaryTarget(event)?.type)),
    // As it was sent: the catalogue's names may change.
    csv: [{ heading: 'Object', cell: (event) => given(primaryTarget(event)?.type) }],
  },
  column('by', m.column_by, 'By User', 120, (event) => partyName(event.actor), (event) => target('actor', actorKey(event.actor))),
  column('by_tenant', m.column_by_tenant, 'By Domain', 130, (event) => given(event.actor?.tenant), (event) =>
    target('actor_tenant', event.actor?.tenant),
  ),
  column('address', m.column_address, 'IP Address', 136, clientPlace, placeTarget),
  column('tenant', m.column_tenant, 'Tenant', 110, (event) => given(event.tenant), (event) => target('tenant', event.tenant)),
  column('application', m.column_application, 'Application', 110, (event) => given(event.source?.application), (event) =>
    target('application', event.source?.application),
  ),
  column(
    'severity',
    m.column_severity,
    'Severity',
    90,
    (event) => (event.severity ? severityLabel(event.severity.name) : null),
    (event) => target('severity', event.severity?.name),
  ),
  column('reason', m.column_reason, 'Reason', 150, (event) => given(event.outcome?.reason), (event) =>
    target('reason', event.outcome?.reason),
  ),
  {
    ...column('summary', m.column_summary, 'Summary', 280, (event) => maskText(sentence(event)), WITHOUT_TARGET),
    csv: [
      { heading: 'Summary', cell: sentence },
      { heading: 'Event Id', cell: (event) => event.id },
    ],
  },
];

export const DEFAULT_COLUMNS: readonly ColumnId[] = ['time', 'action', 'affected', 'affected_tenant', 'object'];
/** Who did it, and from where: one click away. */
export const WHO: readonly ColumnId[] = ['by', 'by_tenant', 'address'];

/** The columns of a choice in their own order. */
export function inOrder(chosen: readonly ColumnId[]): ColumnId[] {
  return COLUMN_IDS.filter((id) => chosen.includes(id));
}

/** Reads a choice that was kept; null for what is none. */
export function knownColumns(kept: unknown): ColumnId[] | null {
  if (!Array.isArray(kept)) return null;
  return COLUMN_IDS.filter((id) => kept.includes(id));
}

/** The choice with "who" in it, or without it where it shows all of that already. */
export function withWho(chosen: readonly ColumnId[]): ColumnId[] {
  return showsWho(chosen) ? chosen.filter((id) => !WHO.includes(id)) : inOrder([...chosen, ...WHO]);
}

export function showsWho(chosen: readonly ColumnId[]): boolean {
  return WHO.every((id) => chosen.includes(id));
}
