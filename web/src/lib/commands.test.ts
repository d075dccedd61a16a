// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { grouped, matching, type Command } from './commands';

const command = (id: string, label: string, group = 'Events', keywords = ''): Command => ({ id, label, group, keywords, run: () => undefined });
const ALL = [
  command('refresh', 'Refresh', 'Events', 'reload'),
  command('live', 'Live'),
  command('clear', 'Clear filters'),
  command('cards', 'Show cards', 'View'),
  command('table', 'Show table', 'View'),
  command('fresh', 'Keep it fresh', 'View'),
];

describe('commands', () => {
  it.each([
    ['', 'refresh live clear cards table fresh'],
    ['fresh', 'refresh fresh'],
    ['RELOAD', 'refresh'],
    ['show', 'cards table'],
    ['table show', 'table'],
    ['view', 'cards table fresh'],
    ['cl', 'clear'],
    ['nothing', ''],
  ])('%j finds %j', (typed, ids) => {
    expect(matching(ALL, typed).map(({ id }) => id).join(' ')).toBe(ids);
  });

  it('stand under their headings', () => {
    expect(grouped(ALL).map(({ group, commands }) => [group, commands.length])).toEqual([['Events', 3], ['View', 3]]);
  });
});
