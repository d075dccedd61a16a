// The labelled lines of an event's detail: what the page shows and what Copy Details copies are the same lines.
//
// The named fields of the guide always stand there, "N/A" where nothing was captured; the rest only where there is
// something.

import type { AuditEvent, Party } from '$api/types';

import { sentence } from './columns';
import { actionLabel, actorTypeLabel, clientPlace, given, objectTypeLabel, outcomeLabel, partyName, partyNames, primaryTarget, severityLabel } from './event';
import { shownNumber } from './locale.svelte';
import { m } from './paraglide/messages';
import { actorKey, addressTarget, affectedKey, placeTarget, target, type PivotTarget } from './pivot';
import { maskText } from './secrets';
import { oneLine } from './text';
import { fullTime } from './time/zone';

export interface Part {
  text: string;
  target: PivotTarget | null;
}

export interface Line {
  label: string;
  /** None: not captured. */
  parts: Part[];
  /** Stands in brackets after it. */
  note: string | null;
  kind: 'plain' | 'mono' | 'action' | 'outcome';
}

export interface LineGroup {
  title: string;
  lines: Line[];
}

type Text = string | null | undefined;

function line(label: string, text: Text, of: PivotTarget | null = null, more: Partial<Line> = {}): Line {
  const shown = given(text);
  return { label, parts: shown === null ? [] : [{ text: shown, target: of }], note: null, kind: 'plain', ...more };
}

/** A line that is left out where it has nothing to say. */
function optional(label: string, text: Text, of: PivotTarget | null = null, more: Partial<Line> = {}): Line[] {
  return given(text) === null ? [] : [line(label, text, of, more)];
}

function several(label: string, values: string[] | undefined, of: (value: string) => PivotTarget | null): Line[] {
  const parts = (values ?? []).flatMap((text) => (given(text) === null ? [] : [{ text, target: of(text) }]));
  return parts.length === 0 ? [] : [{ label, parts, note: null, kind: 'plain' }];
}

/** What somebody is, where their name does not say so itself. */
function kindOf(party: Party | null | undefined): string | null {
  const type = given(party?.type);
  if (type === null) return null;
  const label = actorTypeLabel(type);
  return partyName(party) === label ? null : label;
}

/** The type of object as it was sent, where the catalogue has another name for it. */
function sentType(event: AuditEvent): string | null {
  const sent = given(primaryTarget(event)?.type);
  return sent?.toLowerCase() === objectTypeLabel(event)?.toLowerCase() ? null : sent;
}

function others(party: Party | null | undefined): string[] {
  if (party === null || party === undefined) return [];
  const shown = partyName(party);
  return partyNames(party).filter((name) => name !== shown);
}

const MONO: Partial<Line> = { kind: 'mono' };
const NOBODY = (): null => null;

export function detailLines(event: AuditEvent, zone: string): LineGroup[] {
  const { client, source, outcome, occurrences, actor } = event;
  const affected = primaryTarget(event);
  const label = actionLabel(event.action_type);
  return [
    {
      title: m.group_what(),
      lines: [
        line(m.field_time(), fullTime(event.time, zone)),
        ...(event.time_source === 'event' ? optional(m.field_time_original(), event.time_original) : []),
        line(m.field_action(), label, target('action_type', event.action_type), { kind: 'action' }),
        ...(event.action === label ? [] : optional(m.field_action_name(), event.action, target('action', event.action))),
        ...optional(m.field_action_code(), event.action_code, null, MONO),
        line(m.field_details(), event.details),
        line(m.field_outcome(), outcome?.result, target('outcome', outcome?.result), { kind: 'outcome' }),
        ...optional(m.field_reason(), outcome?.reason, target('reason', outcome?.reason)),
        ...optional(m.field_code(), outcome?.code, null, MONO),
        ...optional(
          m.field_severity(),
          event.severity ? severityLabel(event.severity.name) : null,
          target('severity', event.severity?.name),
        ),
        ...optional(m.field_occurrences(), occurrences ? m.occurrences_value({ count: shownNumber(occurrences.count) }) : null),
      ],
    },
    {
      title: m.group_who(),
      lines: [
        line(m.field_by(), partyName(actor), target('actor', actorKey(actor)), { note: kindOf(actor) }),
        ...several(m.field_by_names(), others(actor), NOBODY),
        line(m.field_by_tenant(), actor?.tenant, target('actor_tenant', actor?.tenant)),
        ...several(m.field_groups(), actor?.groups, (value) => target('group', value)),
        ...several(m.field_roles(), actor?.roles, (value) => target('role', value)),
        ...optional(m.field_on_behalf_of(), partyName(event.on_behalf_of), null, { note: kindOf(event.on_behalf_of) }),
        line(m.field_affected(), partyName(affected), target('affected', affectedKey(affected))),
        ...several(m.field_by_names(), others(affected), NOBODY),
        line(m.field_affected_tenant(), affected?.tenant, target('affected_tenant', affected?.tenant)),
        line(m.field_object(), objectTypeLabel(event), target('object', affected?.type), { note: sentType(event) }),
      ],
    },
    {
      title: m.group_where(),
      lines: [
        line(m.field_address(), given(client?.ip) === null ? null : clientPlace(event), placeTarget(event)),
        ...several(m.field_chain(), client?.chain, addressTarget),
        ...optional(m.field_port(), client?.port === null || client?.port === undefined ? null : String(client.port)),
        ...optional(m.field_host(), client?.host, target('host', client?.host)),
        ...optional(m.field_channel(), client?.channel, target('channel', client?.channel)),
        ...optional(m.field_user_agent(), client?.user_agent),
        line(m.field_application(), source?.application, target('application', source?.application)),
        ...optional(m.field_component(), source?.component, target('component', source?.component)),
        ...optional(m.field_node(), source?.node, target('node', source?.node)),
        ...optional(m.field_data_source(), source?.data_source, target('data_source', source?.data_source)),
        ...optional(m.field_version(), source?.version),
      ],
    },
    {
      title: m.group_record(),
      lines: [
        line(m.field_tenant(), event.tenant, target('tenant', event.tenant)),
        line(m.field_id(), event.id, null, MONO),
        line(m.field_received(), fullTime(event.received_at, zone)),
        line(m.field_tenant_seq(), String(event.tenant_seq)),
        ...optional(m.field_seq(), event.seq === undefined ? null : String(event.seq)),
        ...optional(m.field_session(), event.session_id, target('session_id', event.session_id), MONO),
        ...optional(m.field_request(), event.request_id, target('request_id', event.request_id), MONO),
        ...optional(m.field_trace(), event.trace_id, target('trace_id', event.trace_id), MONO),
      ],
    },
  ];
}

/** How a line reads; "N/A" where nothing was captured. */
export function lineText({ parts, note, kind }: Line, event: AuditEvent): string {
  if (parts.length === 0) return m.missing_detail();
  if (kind === 'outcome' && event.outcome?.result) return outcomeLabel(event.outcome.result);
  const text = parts.map((part) => part.text).join(', ');
  return note === null ? text : `${text} (${note})`;
}

/**
 * What Copy Details copies: the sentence, then the labelled lines, the full time with its zone first.
 *
 * A value stays on its line and its unseen characters are named, so that nobody's text can pretend to be another line;
 * what looks like a secret is masked, since such text goes into tickets.
 */
export function detailsText(event: AuditEvent, zone: string): string {
  const lines = detailLines(event, zone).flatMap((group) => group.lines);
  const said = (text: string): string => oneLine(maskText(text));
  return `${[said(sentence(event)), '', ...lines.map((one) => `${one.label}: ${said(lineText(one, event))}`)].join('\n')}\n`;
}
