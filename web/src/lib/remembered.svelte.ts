// How a reader left the filters: as form or as text, and whether the values beside the results are shown.

import { preferences } from './preferences.svelte';

const STORAGE_KEY = 'indelible.filters';

class Remembered {
  text = $state(false);
  facets = $state(false);

  load(): void {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(preferences.keyOf(STORAGE_KEY)) ?? '{}');
      if (typeof stored !== 'object' || stored === null) return;
      const { text, facets } = stored as Record<string, unknown>;
      this.text = text === true;
      this.facets = facets === true;
    } catch {
      // Unreadable is nothing remembered.
    }
  }

  save(): void {
    try {
      localStorage.setItem(preferences.keyOf(STORAGE_KEY), JSON.stringify({ text: this.text, facets: this.facets }));
    } catch {
      // Storage switched off: the choice lasts for this visit.
    }
  }
}

export const remembered = new Remembered();
