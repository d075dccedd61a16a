// From a value that is shown to the filter of the API that finds more events with it.

import type { Component, Snippet } from 'svelte';

import type { AuditEvent, Party } from '$api/types';

import type { Pivot } from './filters';
import type { Condition } from './url';

/** `range`: the tokens of the range that goes with it; absent: the one in force stays. */
export type OnPivot = (condition: Condition, how: Pivot, range?: { since: string; until: string }) => void;

/** A value that a filter can ask for. */
export interface PivotTarget {
  name: string;
  value: string;
}

/** The button of a value and the menu of what can be done with it. */
export type PivotMenu = Component<PivotMenuProps>;

export interface PivotMenuProps extends PivotTarget {
  onpivot: OnPivot;
  oninvestigate?: (name: string) => void;
  /** What the button is called where what stands on it does not say. */
  label?: string;
  /** What stands on the button. */
  children?: Snippet;
}

/** What can be done with the values of an event. */
export interface ValueActions {
  menu: PivotMenu;
  onpivot: OnPivot;
  oninvestigate: (name: string) => void;
}

/** An address of the page holds no endless values, and nobody filters for one. */
const VALUE_LEN_MAX = 500;

/** The value of a filter; null where no filter can ask for it: `!` at its beginning means "not" to the API. */
export function target(name: string, value: string | null | undefined): PivotTarget | null {
  if (value === undefined || value === null) return null;
  if (value.trim() === '' || value.startsWith('!') || value.length > VALUE_LEN_MAX) return null;
  return { name, value };
}

/** What the filters for performers know somebody by: not the first and last name. */
export function actorKey(party: Party | null | undefined): string | null {
  return first([party?.username, party?.id, party?.aliases?.[0]]);
}

/** What the filter for the affected knows somebody or something by. */
export function affectedKey(party: Party | null | undefined): string | null {
  return first([party?.username, party?.name, party?.id, party?.aliases?.[0]]);
}

function first(names: (string | null | undefined)[]): string | null {
  return names.find((name) => typeof name === 'string' && name !== '') ?? null;
}

const ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.-]+)?)$/i;

/** An address, where it is one: chains also hold host names and ports. */
export function addressTarget(address: string | null | undefined): PivotTarget | null {
  return typeof address === 'string' && ADDRESS.test(address) ? target('ip', address) : null;
}

export function placeTarget(event: AuditEvent): PivotTarget | null {
  const { ip, zone, host } = event.client ?? {};
  if (typeof ip !== 'string' || ip === '') return target('host', host);
  return addressTarget(typeof zone === 'string' && zone !== '' ? `${ip}%${zone}` : ip);
}
