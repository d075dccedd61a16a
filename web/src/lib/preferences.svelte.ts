// What a reader keeps from visit to visit: language, theme, zone, single-key shortcuts, columns. Nothing secret, nothing about events.

import { DEFAULT_COLUMNS, DENSITIES, VIEWS, knownColumns, type ColumnId, type Density, type View } from './columns';
import { knownZone } from './time/zone';

export type Theme = 'auto' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['auto', 'light', 'dark'];

const STORAGE_KEY = 'indelible.preferences';

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

  load(): void {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
      if (typeof stored !== 'object' || stored === null) return;
      const { language, accountLanguage, theme, zone, shortcuts, columns, density, view } = stored as Record<string, unknown>;
      this.language = typeof language === 'string' ? language : null;
      this.accountLanguage = typeof accountLanguage === 'string' ? accountLanguage : null;
      this.theme = THEMES.find((known) => known === theme) ?? 'auto';
      this.zone = typeof zone === 'string' ? knownZone(zone) : null;
      this.shortcuts = shortcuts !== false;
      this.columns = knownColumns(columns) ?? DEFAULT_COLUMNS;
      this.density = DENSITIES.find((known) => known === density) ?? 'comfortable';
      this.view = VIEWS.find((known) => known === view) ?? 'table';
    } catch {
      // Unreadable preferences are no preferences.
    }
  }

  save(): void {
    try {
      const { language, accountLanguage, theme, zone, shortcuts, columns, density, view } = this;
      const kept = { language, accountLanguage, theme, zone, shortcuts, columns, density, view };
      localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
    } catch {
      // Storage switched off: the choice lasts for this visit.
    }
  }
}

export const preferences = new Preferences();
