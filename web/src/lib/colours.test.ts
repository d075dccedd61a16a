// @vitest-environment node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { HEAT_STEPS, SHADES, actionTypeColour, chartColour, heatColour, outcomeColour } from './colours';
import type { Tone } from './event';

const css = readFileSync(join(import.meta.dirname, '../app.css'), 'utf8');
const TONES: Tone[] = ['blue', 'green', 'orange', 'red', 'purple', 'cyan', 'grey'];

/** The values of `light-dark(...)` of a custom property: those that `var(...)` means. */
function values(variable: string): [string, string] {
  const name = /--[\w-]+/.exec(variable)?.[0] ?? '';
  const match = new RegExp(`${name}: light-dark\\((#[0-9a-f]{6}), (#[0-9a-f]{6})\\)`).exec(css);
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`app.css has no ${name}`);
  return [match[1], match[2]];
}

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [less = 0, more = 0] = [luminance(one), luminance(other)].sort((left, right) => left - right);
  return (more + 0.05) / (less + 0.05);
}

const shades = TONES.flatMap((tone) => Array.from({ length: SHADES }, (_, shade) => chartColour(tone, shade)));
const steps = Array.from({ length: HEAT_STEPS }, (_, step) => heatColour(step + 1));

describe('colours of charts', () => {
  it.each([...shades, ...steps])('%s stands out from the surface in both themes', (variable) => {
    values(variable).forEach((colour, theme) => {
      expect(contrast(colour, values('--surface')[theme] ?? ''), colour).toBeGreaterThanOrEqual(3);
    });
  });

  it.each([0, 1])('are all different in theme %d', (theme) => {
    expect(new Set(shades.map((shade) => values(shade)[theme])).size).toBe(shades.length);
  });

  it('become more and more', () => {
    for (const theme of [0, 1]) {
      const grounds = steps.map((step) => contrast(values(step)[theme] ?? '', values('--surface')[theme] ?? ''));
      expect(grounds).toEqual([...grounds].sort((left, right) => left - right));
      grounds.slice(1).forEach((ground, at) => expect(ground / (grounds[at] ?? 1)).toBeGreaterThan(1.2));
    }
  });

  it('are those of the guide', () => {
    const tones = (types: string): string[] =>
      types.split(' ').map((type) => /--chart-([a-z]+)/.exec(actionTypeColour(type))?.[1] ?? '');
    expect(tones('login import validate')).toEqual(['blue', 'blue', 'blue']);
    expect(tones('create activate update delete')).toEqual(['green', 'green', 'orange', 'red']);
    expect(tones('logout export view constructor')).toEqual(['purple', 'purple', 'grey', 'grey']);
  });

  it.each([
    ['login', 'import'],
    ['import', 'validate'],
    ['create', 'activate'],
    ['logout', 'export'],
  ])('%s and %s can be told apart', (one, other) => {
    expect(actionTypeColour(one)).not.toBe(actionTypeColour(other));
  });

  it('tell failed from denied', () => {
    expect(outcomeColour('failure')).toBe('var(--chart-red-0)');
    expect(outcomeColour('denied')).toBe('var(--chart-red-1)');
    expect(outcomeColour('success')).toBe('var(--chart-green-0)');
  });
});
