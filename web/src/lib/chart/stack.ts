// From a histogram's answer to what is drawn: layers of counts with names and colours, and their shapes.

import type { Histogram, OutcomeResult } from '$api/types';
import { REST_COLOUR, actionTypeColour, outcomeColour } from '$lib/colours';
import { actionLabel, actionTypeTone, outcomeLabel, type Tone } from '$lib/event';
import { m } from '$lib/paraglide/messages';

export const CUTS = ['outcome', 'action_type'] as const;
/** The field whose values have a colour each. */
export type Cut = (typeof CUTS)[number];

export interface Layer {
  /** The value; null: all others, or events without one. */
  value: string | null;
  label: string;
  colour: string;
  counts: number[];
  total: number;
}

/** Failures stand on the ground, where their heights can be compared. */
const OUTCOMES: readonly OutcomeResult[] = ['failure', 'denied', 'challenge', 'unknown', 'success'];
const TONES: readonly Tone[] = ['red', 'orange', 'blue', 'green', 'purple', 'cyan', 'grey'];
/** More colours than these nobody tells apart. */
const TYPES_MAX = 7;

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function plus(left: readonly number[], right: readonly number[]): number[] {
  return left.map((count, index) => count + (right[index] ?? 0));
}

/** The layers that have events, from the ground up. */
export function layersOf(answer: Histogram, by: Cut): Layer[] {
  const series = answer.series ?? [];
  const others = answer.others ?? [];
  const without = answer.without ?? [];
  const rest = (label: string, counts: number[]): Layer => ({ value: null, label, colour: REST_COLOUR, counts, total: sum(counts) });

  const layers: Layer[] =
    by === 'outcome'
      ? OUTCOMES.flatMap((value) => {
          const found = series.find((one) => one.value === value);
          return found === undefined ? [] : [{ ...found, label: outcomeLabel(value), colour: outcomeColour(value) }];
        })
      : series
          .slice(0, TYPES_MAX)
          .map((one) => ({ ...one, label: actionLabel(one.value), colour: actionTypeColour(one.value) }))
          .sort((left, right) => TONES.indexOf(actionTypeTone(left.value)) - TONES.indexOf(actionTypeTone(right.value)));
  const told = new Set(layers.map((layer) => layer.value));
  const folded = series.filter((one) => !told.has(one.value)).reduce((all, one) => plus(all, one.counts), others);
  const ends = [
    rest(by === 'outcome' ? m.chart_other_outcomes() : m.chart_other_types(), folded),
    rest(by === 'outcome' ? m.chart_no_outcome() : m.chart_no_type(), without),
  ];
  // Events that say nothing lie below those that went well.
  const success = layers.findIndex((layer) => layer.value === 'success');
  layers.splice(by === 'outcome' && success >= 0 ? success : layers.length, 0, ...ends);
  return layers.filter((layer) => layer.total > 0);
}

/** Where a bucket stands, in pixels. */
export interface Column {
  x: number;
  width: number;
}

/** As wide as the buckets are long, with a gap between them where there is room. */
export function columnsOf(edges: readonly number[], left: number, width: number): Column[] {
  const from = edges[0] ?? 0;
  const span = (edges.at(-1) ?? 0) - from;
  if (span <= 0) return [];
  return edges.slice(1).map((edge, index) => {
    const begin = (((edges[index] ?? 0) - from) / span) * width;
    const end = ((edge - from) / span) * width;
    const gap = end - begin >= 4 ? Math.min(2, (end - begin) * 0.15) : 0;
    return { x: left + begin, width: Math.max(end - begin - gap, 0.5) };
  });
}

/**
 * The shape of each layer: one path for all its bars. `height` is that of `top` events.
 *
 * What is there is seen: a count of one has a height of a pixel, whatever the scale.
 */
export function shapesOf(layers: readonly Layer[], columns: readonly Column[], top: number, height: number): string[] {
  const paths: string[][] = layers.map(() => []);
  columns.forEach(({ x, width }, bucket) => {
    let ground = height;
    layers.forEach((layer, index) => {
      const count = layer.counts[bucket] ?? 0;
      if (count === 0) return;
      const tall = Math.max(1, (count / top) * height);
      ground -= tall;
      paths[index]?.push(`M${round(x)} ${round(ground)}h${round(width)}v${round(tall)}h-${round(width)}z`);
    });
  });
  return paths.map((path) => path.join(''));
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}
