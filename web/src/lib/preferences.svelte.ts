// What a reader keeps from visit to visit: theme, zone, single-key shortcuts. Nothing secret, nothing about events.

import { knownZone } from './time/zone';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

const STORAGE_KEY = 'indelible.preferences';

class Preferences {
  theme = $state<Theme>('auto');
  /** IANA zone; null: the browser's. The URL's zone goes before it. */
  zone = $state<string | null>(null);
  /** Single-key shortcuts can be switched off (WCAG 2.1.4). */
  shortcuts = $state(true);

  load(): void {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
      if (typeof stored !== 'object' || stored === null) return;
      const { theme, zone, shortcuts } = stored as Record<string, unknown>;
      this.theme = THEMES.find((known) => known === theme) ?? 'auto';
      this.zone = typeof zone === 'string' ? knownZone(zone) : null;
      this.shortcuts = shortcuts !== false;
    } catch {
      // Unreadable preferences are no preferences.
    }
  }

  save(): void {
    try {
      localStorage.setItem(
        STORAGE_KEY,
        JSON.stringify({ theme: this.theme, zone: this.zone, shortcuts: this.shortcuts }),
      );
    } catch {
      // Storage switched off: the choice lasts for this visit.
    }
  }
}

export const preferences = new Preferences();
