// How a reader likes the chart above the events: open or not, and what its colours tell. Kept on this device, for each account.

import { preferences } from '../preferences.svelte';

import { CUTS, type Cut } from './stack';

const STORAGE_KEY = 'indelible.chart';

class ChartPreferences {
  open = $state(true);
  by = $state<Cut>('outcome');
  table = $state(false);

  constructor() {
    this.load();
  }

  load(): void {
    try {
      const stored: unknown = JSON.parse(localStorage.getItem(preferences.keyOf(STORAGE_KEY)) ?? '{}');
      if (typeof stored !== 'object' || stored === null) return;
      const { open, by, table } = stored as Record<string, unknown>;
      this.open = open !== false;
      this.by = CUTS.find((cut) => cut === by) ?? 'outcome';
      this.table = table === true;
    } catch {
      // Unreadable preferences are no preferences.
    }
  }

  save(): void {
    try {
      localStorage.setItem(preferences.keyOf(STORAGE_KEY), JSON.stringify({ open: this.open, by: this.by, table: this.table }));
    } catch {
      // Storage switched off: the choice lasts for this visit.
    }
  }
}

export const chartPreferences = new ChartPreferences();
