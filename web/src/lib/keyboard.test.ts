import { describe, expect, it } from 'vitest';

import { isCapital } from './keyboard';

describe('a press with Shift', () => {
  it.each([
    ['R', true, true],
    ['r', false, false],
    // Shift-7 on German, Spanish and Italian keyboards.
    ['/', true, false],
    ['?', true, false],
    ['Escape', true, false],
  ])('of %s (%s) is a capital: %s', (key, shiftKey, capital) => {
    expect(isCapital(new KeyboardEvent('keydown', { key, shiftKey }))).toBe(capital);
  });
});
