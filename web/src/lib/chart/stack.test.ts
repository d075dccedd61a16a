// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { Histogram } from '$api/types';

import { columnsOf, layersOf, shapesOf } from './stack';

function answer(series: Record<string, number[]>, others: number[] = [0, 0], without: number[] = [0, 0]): Histogram {
  const told = Object.entries(series).map(([value, counts]) => ({
    value,
    counts,
    total: counts.reduce((sum, count) => sum + count, 0),
  }));
  told.sort((left, right) => right.total - left.total);
  return { interval: 'PT1H', tz: 'UTC', total: 0, buckets: [], series: told, others, without };
}

describe('layers', () => {
  it('of outcomes begin with what failed, and end with what went well', () => {
    const layers = layersOf(answer({ success: [5, 5], failure: [1, 0], denied: [0, 1] }, [0, 0], [2, 0]), 'outcome');
    expect(layers.map(({ label, total }) => `${label} ${total}`)).toEqual(['Failure 1', 'Denied 1', 'No outcome 2', 'Success 10']);
    expect(layers.map(({ value }) => value)).toEqual(['failure', 'denied', null, 'success']);
  });

  it('of types have as many as can be told apart, and the rest together', () => {
    const types = ['login', 'logout', 'create', 'delete', 'update', 'export', 'import', 'load', 'view'];
    const series = Object.fromEntries(types.map((type, index) => [type, [20 - index, 0]]));
    const layers = layersOf(answer(series, [3, 1]), 'action_type');
    expect(layers).toHaveLength(8);
    expect(layers.map(({ label }) => label)).toEqual([
      'Delete', 'Modify/Update', 'Login', 'Import', 'Add/Create', 'Logout', 'Export/Upload', 'Other types',
    ]);
    // 13 and 12 of the two that have no colour, 3 and 1 that the server added up.
    expect(layers.at(-1)).toMatchObject({ value: null, counts: [28, 1], total: 29 });
    expect(new Set(layers.map(({ colour }) => colour)).size).toBe(8);
  });

  it('without events are none', () => {
    expect(layersOf(answer({ success: [0, 0] }), 'outcome')).toEqual([]);
    expect(layersOf({ interval: 'PT1H', tz: 'UTC', total: 0, buckets: [] }, 'outcome')).toEqual([]);
  });
});

describe('bars', () => {
  it('are as wide as their time is long', () => {
    const hour = 3_600_000;
    expect(columnsOf([0, 24 * hour, 47 * hour, 72 * hour], 10, 720).map(({ x }) => x)).toEqual([10, 250, 480]);
    const narrow = columnsOf(Array.from({ length: 1001 }, (_, index) => index), 0, 300);
    expect(narrow.every(({ width }) => width >= 0.29)).toBe(true);
    expect(columnsOf([5], 0, 300)).toEqual([]);
  });

  it('stand on each other, and are seen however small', () => {
    const layer = (counts: number[]) => ({ value: null, label: '', colour: '', counts, total: 0 });
    const columns = [
      { x: 0, width: 8 },
      { x: 10, width: 8 },
    ];
    expect(shapesOf([layer([50, 1]), layer([50, 0])], columns, 1000, 100)).toEqual([
      'M0 95h8v5h-8zM10 99h8v1h-8z',
      'M0 90h8v5h-8z',
    ]);
  });
});
