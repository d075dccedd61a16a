// What a reader keeps from visit to visit: language, theme, zone, single-key shortcuts, columns. Nothing secret, nothing about events.
//
// It is kept on this device, for each account by itself: whoever signs in next on the same browser finds their own.
// The language is the device's: it is there before anybody has signed in.

import { DEFAULT_COLUMNS, DENSITIES, VIEWS, knownColumns, type ColumnId, type Density, type View } from './columns';
import { knownZone } from './time/zone';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

const STORAGE_KEY = 'indelible.preferences';
/** What is the device's, whoever is signed in. */
const DEVICE_KEY = 'indelible.device';
/** Whose are shown while the server is asked who is signed in. */
const LAST_KEY = 'indelible.preferences.of';

class Preferences {
  /** Chosen on this device; null: as the browser has it. An account's goes before it. */
  language = $state<string | null>(null);
  /** That of whoever is, or was last, signed in here. */
  accountLanguage = $state<string | null>(null);
  theme = $state<Theme>('auto');
  /** IANA zone; null: the browser's. The URL's zone goes before it. */
  zone = $state<string | null>(null);
  /** Single-key shortcuts can be switched off (WCAG 2.1.4). */
  shortcuts = $state(true);
  /** Columns of the table, in their own order. */
  columns = $state.raw<readonly ColumnId[]>(DEFAULT_COLUMNS);
  density = $state<Density>('comfortable');
  view = $state<View>('table');

  /** Whose these are: a user's id; empty: those of API keys; null: nobody's. */
  private owner: string | null = null;

  /** Before it is known who is signed in: as whoever was here last has it, so that a dark page does not flash up white. */
  load(byKey: boolean): void {
    const { language, accountLanguage } = parsed(stored(DEVICE_KEY));
    this.language = typeof language === 'string' ? language : null;
    this.accountLanguage = typeof accountLanguage === 'string' ? accountLanguage : null;
    this.read(byKey ? '' : stored(LAST_KEY));
  }

  /** Takes up what this user chose on this device; of nobody, what the device itself has. */
  take(owner: string | null): void {
    if (owner === this.owner) return;
    this.read(owner);
    try {
      if (owner === null) localStorage.removeItem(LAST_KEY);
      else if (owner !== '') localStorage.setItem(LAST_KEY, owner);
    } catch {
      // Storage switched off.
    }
  }

  /** Where something of this kind is kept for whoever is signed in. */
  keyOf(kind: string): string {
    return this.owner === null || this.owner === '' ? kind : `${kind} ${this.owner}`;
  }

  private read(owner: string | null): void {
    this.owner = owner;
    const { theme, zone, shortcuts, columns, density, view } = owner === null ? {} : parsed(stored(this.keyOf(STORAGE_KEY)));
    this.theme = THEMES.find((known) => known === theme) ?? 'auto';
    this.zone = typeof zone === 'string' ? knownZone(zone) : null;
    this.shortcuts = shortcuts !== false;
    this.columns = knownColumns(columns) ?? DEFAULT_COLUMNS;
    this.density = DENSITIES.find((known) => known === density) ?? 'comfortable';
    this.view = VIEWS.find((known) => known === view) ?? 'table';
  }

  save(): void {
    try {
      const { language, accountLanguage } = this;
      localStorage.setItem(DEVICE_KEY, JSON.stringify({ language, accountLanguage }));
      if (this.owner === null) return;
      const { theme, zone, shortcuts, columns, density, view } = this;
      localStorage.setItem(this.keyOf(STORAGE_KEY), JSON.stringify({ theme, zone, shortcuts, columns, density, view }));
    } catch {
      // Storage switched off: the choice lasts for this visit.
    }
  }
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function parsed(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Unreadable preferences are no preferences.
    return {};
  }
}

export const preferences = new Preferences();
