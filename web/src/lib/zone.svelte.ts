// The zone in force: the URL's, else the one chosen on an earlier visit, else the browser's.

import { preferences } from './preferences.svelte';
import { localZone } from './time/zone';

export function zoneInForce(fromUrl: string | null): string {
  return fromUrl ?? preferences.zone ?? localZone();
}
