// How an event reads: who, what, to whom, and in which colours. Words come from the message catalogue, colours and names of
// types from the server's (catalogue.svelte.ts); until they are here, and for what it does not know, from this module.
//
// Missing values are null here; the table shows "-" for them, details show "N/A". "System" is the name of an actor of
// type `system` only: an event without an actor has nobody, not the system.

import type { AuditEvent, OutcomeResult, Party } from '$api/types';
import { m } from '$lib/paraglide/messages';

import { catalogue } from './catalogue.svelte';

/** Colours of badges and labels (app.css has them for light and dark). */
export type Tone = (typeof TONES)[number];
const TONES = ['blue', 'green', 'orange', 'red', 'purple', 'cyan', 'grey'] as const;

const ACTION_LABELS: Record<string, () => string> = {
  login: m.action_login,
  logout: m.action_logout,
  create: m.action_create,
  delete: m.action_delete,
  update: m.action_update,
  export: m.action_export,
  import: m.action_import,
  load: m.action_load,
  activate: m.action_activate,
  deactivate: m.action_deactivate,
  restart: m.action_restart,
  validate: m.action_validate,
  mfa: m.action_mfa,
  security_warning: m.action_security_warning,
  view: m.action_view,
  download: m.action_download,
  send: m.action_send,
  execute: m.action_execute,
  other: m.action_other,
};

const ACTION_TONES: Record<string, Tone> = {
  login: 'blue',
  import: 'blue',
  validate: 'blue',
  create: 'green',
  activate: 'green',
  update: 'orange',
  delete: 'red',
  logout: 'purple',
  export: 'purple',
};

/** The label of a normalised action type; types that this build doesn't know are called what the server calls them. */
export function actionLabel(type: string): string {
  if (Object.hasOwn(ACTION_LABELS, type)) return ACTION_LABELS[type]?.() ?? type;
  return catalogue.action(type)?.label ?? type.replaceAll('_', ' ');
}

/** What the server calls a colour, if the page has it. */
function toneOf(colour: string | undefined): Tone | null {
  return TONES.find((tone) => tone === colour) ?? null;
}

/**
 * What a reason or a code has in it where a sign-in failed for its password: the server's rule, phrase by phrase (`colours`
 * in crates/event/data/rules-v1.json). Readers can't ask the server for it.
 */
export const BAD_PASSWORD: readonly string[] = [
  'bad password',
  'wrong password',
  'incorrect password',
  'invalid password',
  'password incorrect',
  'password invalid',
  'password mismatch',
  'password did not match',
  'password does not match',
];

/** So much of a text is looked at, as the server does. */
const NAME_CHARS_MAX = 512;

/** The words of a text as the server's rules cut them, with a blank around each: `BadPassword` is ` bad password `. */
function spacedWords(text: string): string {
  const apart = [...text.slice(0, 2 * NAME_CHARS_MAX)]
    .slice(0, NAME_CHARS_MAX)
    .join('')
    .replace(/[^\p{Alphabetic}\p{N}]+/gu, ' ')
    .replace(/(?<=[^\p{Uppercase} ])(?=\p{Uppercase})|(?<=\p{Uppercase})(?=\p{Uppercase}\p{Lowercase})/gu, ' ');
  return ` ${apart.trim().toLowerCase()} `;
}

/** Whether a failed sign-in failed for its password, as far as the sender said why. */
export function isBadPassword(event: AuditEvent): boolean {
  const { result, reason, code } = event.outcome ?? {};
  if (event.action_type !== 'login' || (result !== 'failure' && result !== 'denied')) return false;
  return [reason, code].some((text) => {
    if (typeof text !== 'string') return false;
    const words = spacedWords(text);
    return BAD_PASSWORD.some((phrase) => words.includes(` ${phrase} `));
  });
}

/** The colour of an action type, whatever became of the action. */
export function actionTypeTone(type: string): Tone {
  const known = toneOf(catalogue.action(type)?.colour);
  if (known !== null) return known;
  return Object.hasOwn(ACTION_TONES, type) ? (ACTION_TONES[type] ?? 'grey') : 'grey';
}

/** Red for deletions and bad passwords; other failed sign-ins stay blue, their outcome badge tells. */
export function actionTone(event: AuditEvent): Tone {
  return isBadPassword(event) ? 'red' : actionTypeTone(event.action_type);
}

const OBJECT_TONES: Record<string, Tone> = {
  oauth: 'blue',
  jwt: 'blue',
  api_key: 'blue',
  mfa: 'blue',
  api_refresh_token: 'blue',
  user_login: 'blue',
  subscriber: 'green',
  user: 'green',
  user_management: 'green',
  domain: 'purple',
  admin: 'purple',
  reseller: 'purple',
  territory: 'purple',
};

const CATEGORY_TONES: Record<string, Tone> = {
  communication: 'orange',
  configuration: 'cyan',
};

/** The colour of an object by its type, else by its category. */
export function objectTone(type: string | null, category: string | null): Tone {
  const name = (type ?? '').toLowerCase().replace(/[\s-]+/g, '_');
  const known = toneOf(catalogue.object(name)?.colour);
  if (known !== null) return known;
  if (Object.hasOwn(OBJECT_TONES, name)) return OBJECT_TONES[name] ?? 'grey';
  const group = (category ?? '').toLowerCase();
  return Object.hasOwn(CATEGORY_TONES, group) ? (CATEGORY_TONES[group] ?? 'grey') : 'grey';
}

/** What the type of the first target is called: the server's label for it, else the sender's word. */
export function objectTypeLabel(event: AuditEvent): string | null {
  const sent = given(primaryTarget(event)?.type);
  return sent === null ? null : (catalogue.object(event.object_type ?? sent)?.label ?? sent);
}

const OUTCOME_LABELS: Record<OutcomeResult, () => string> = {
  success: m.outcome_success,
  failure: m.outcome_failure,
  denied: m.outcome_denied,
  challenge: m.outcome_challenge,
  unknown: m.outcome_unknown,
};

const OUTCOME_TONES: Record<OutcomeResult, Tone> = {
  success: 'green',
  failure: 'red',
  denied: 'red',
  challenge: 'orange',
  unknown: 'grey',
};

export function outcomeTone(result: OutcomeResult): Tone {
  return OUTCOME_TONES[result];
}

export function outcomeLabel(result: OutcomeResult): string {
  return OUTCOME_LABELS[result]();
}

const SEVERITY_LABELS: Record<string, () => string> = {
  critical: m.severity_critical,
  high: m.severity_high,
  medium: m.severity_medium,
  low: m.severity_low,
};

export function severityLabel(name: string): string {
  const known = name.toLowerCase();
  return Object.hasOwn(SEVERITY_LABELS, known) ? (SEVERITY_LABELS[known]?.() ?? name) : name;
}

const ACTOR_LABELS: Record<string, () => string> = {
  user: m.actor_user,
  service: m.actor_service,
  role: m.actor_role,
  api_key: m.actor_api_key,
  system: m.actor_system,
  anonymous: m.actor_anonymous,
};

export function actorTypeLabel(type: string): string {
  return Object.hasOwn(ACTOR_LABELS, type) ? (ACTOR_LABELS[type]?.() ?? type) : type;
}

/** The value, or null where nothing was captured. */
export function given(value: string | null | undefined): string | null {
  return value === undefined || value === null || value === '' ? null : value;
}

function personName(party: Party): string | null {
  return given([party.first_name, party.last_name].filter((name) => given(name) !== null).join(' '));
}

/** The shortest name that tells a party apart: username, name, id, alias. */
export function partyName(party: Party | null | undefined): string | null {
  if (party === null || party === undefined) return null;
  const name =
    given(party.username) ?? given(party.name) ?? personName(party) ?? given(party.id) ?? given(party.aliases?.[0]);
  return name ?? (party.type === 'system' ? m.actor_system() : null);
}

/** Everything that names a party, each once: for details. */
export function partyNames(party: Party): string[] {
  const all = [party.username, party.name, personName(party), party.id, ...(party.aliases ?? [])];
  return [...new Set(all.flatMap((name) => given(name) ?? []))];
}

export function primaryTarget(event: AuditEvent): Party | null {
  return event.targets?.[0] ?? null;
}

/** The address, else what stood in its place. */
export function clientPlace(event: AuditEvent): string | null {
  const { ip, zone, host } = event.client ?? {};
  const address = given(ip);
  if (address === null) return given(host);
  return given(zone) === null ? address : `${address}%${zone}`;
}
