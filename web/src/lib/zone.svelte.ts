// The zone in force: the URL's, else the one chosen in this browser, else the account's, else the browser's.

import { preferences } from './preferences.svelte';
import { session } from './session.svelte';
import { knownZone, localZone } from './time/zone';

/** The zone of whoever chose none here. */
export function zoneByDefault(): string {
  return knownZone(session.profile?.zone ?? '') ?? localZone();
}

/** What a question says of the zone to have its range judged in it; nothing for whoever may ask about all of time. */
export function judgedIn(zone: string): { tz?: string } {
  return isLimited() ? { tz: zone } : {};
}

/** Whether there are ranges that the reader may not ask about. */
export function isLimited(): boolean {
  return (session.who?.range ?? null) !== null;
}

export function zoneInForce(fromUrl: string | null): string {
  return fromUrl ?? preferences.zone ?? zoneByDefault();
}
