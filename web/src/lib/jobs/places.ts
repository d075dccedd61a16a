// Pages that stand beside each other.

import { resolve } from '$app/paths';
import { m } from '$lib/paraglide/messages';

export function reportPlaces(at: 'reports' | 'schedules'): { href: string; label: string; current: boolean }[] {
  return [
    { href: resolve('/reports'), label: m.reports_heading(), current: at === 'reports' },
    { href: resolve('/schedules'), label: m.schedules_heading(), current: at === 'schedules' },
  ];
}
