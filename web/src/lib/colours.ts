// The colours of charts: the tones of badges, in shades where one tone stands for several things, so that a bar and a
// badge of the same thing look alike. The values are in app.css, for light and dark.
//
// No colour is the only sign: each has its name in a legend, and every chart its numbers in a table.

import type { OutcomeResult } from '$api/types';

import { actionTypeTone, outcomeTone, type Tone } from './event';

/** Shades of each tone in app.css. */
export const SHADES = 3;
/** Steps of more and more in app.css; nothing at all has none. */
export const HEAT_STEPS = 5;

/** Those of their tone by themselves; what is not named here has the first. */
const ACTION_SHADES: Record<string, number> = { import: 1, validate: 2, activate: 1, export: 1, download: 1, send: 2 };
const OUTCOME_SHADES: Partial<Record<OutcomeResult, number>> = { denied: 1 };

/** A colour as CSS takes it. */
export function chartColour(tone: Tone, shade = 0): string {
  return `var(--chart-${tone}-${shade % SHADES})`;
}

export function actionTypeColour(type: string): string {
  return chartColour(actionTypeTone(type), Object.hasOwn(ACTION_SHADES, type) ? ACTION_SHADES[type] : 0);
}

export function outcomeColour(result: OutcomeResult): string {
  return chartColour(outcomeTone(result), OUTCOME_SHADES[result] ?? 0);
}

/** What has no value, or is the rest of many. */
export const REST_COLOUR = chartColour('grey', 1);

/** The colour of a step of a heat map, 1 to `HEAT_STEPS`. */
export function heatColour(step: number): string {
  return `var(--heat-${Math.min(Math.max(Math.round(step), 1), HEAT_STEPS)})`;
}
