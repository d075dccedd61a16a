// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { moved, selected, within, type Brush } from './brush';

/** Presses keys one after the other; `+` before a key holds Shift. */
function press(keys: string, count = 30, from: Brush = { cursor: 20, anchor: null }): Brush | null {
  return keys.split(' ').reduce<Brush | null>((brush, key) => {
    if (brush === null) return null;
    return moved(brush, key.replace('+', ''), key.startsWith('+'), count);
  }, from);
}

describe('the cursor', () => {
  it.each([
    ['ArrowLeft', 19, null],
    ['ArrowRight ArrowUp', 22, null],
    ['ArrowDown', 19, null],
    ['Home', 0, null],
    ['End', 29, null],
    ['PageUp', 29, null],
    ['PageDown PageDown PageDown', 0, null],
    ['+ArrowLeft', 19, 20],
    ['+ArrowLeft +ArrowLeft +ArrowRight', 19, 20],
    ['+ArrowRight +End', 29, 20],
    ['+ArrowLeft ArrowLeft', 18, null],
    ['+Home', 0, 20],
  ])('after %s', (keys, cursor, anchor) => {
    expect(press(keys)).toEqual({ cursor, anchor });
  });

  it('leaves other keys to others', () => {
    for (const key of ['Enter', 'Escape', 'a', 'Tab', 'constructor']) expect(press(key)).toBeNull();
  });
});

it('a selection has a first and a last bucket, whichever way it was made', () => {
  expect(selected({ cursor: 3, anchor: 7 })).toEqual([3, 7]);
  expect(selected({ cursor: 7, anchor: 3 })).toEqual([3, 7]);
  expect(selected({ cursor: 3, anchor: 3 })).toEqual([3, 3]);
  expect(selected({ cursor: 3, anchor: null })).toBeNull();
});

it('fits into fewer buckets', () => {
  expect(within({ cursor: 20, anchor: 3 }, 10)).toEqual({ cursor: 9, anchor: 3 });
  expect(within({ cursor: 20, anchor: null }, 0)).toEqual({ cursor: 0, anchor: null });
});
