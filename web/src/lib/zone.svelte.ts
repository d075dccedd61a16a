// The zone in force: the URL's, else the one chosen in this browser, else the account's, else the browser's.

import { preferences } from './preferences.svelte';
import { session } from './session.svelte';
import { knownZone, localZone } from './time/zone';

/** The zone of whoever chose none here. */
export function zoneByDefault(): string {
  return knownZone(session.profile?.zone ?? '') ?? localZone();
}

export function zoneInForce(fromUrl: string | null): string {
  return fromUrl ?? preferences.zone ?? zoneByDefault();
}
