// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { cut, oneLine, plain, segments } from './text';

describe('hostile text', () => {
  it('names what cannot be seen or what turns the direction', () => {
    expect(plain('a\u202Etxt.exe')).toBe('a[U+202E]txt.exe');
    expect(plain('\u0000\u001b[31m\u200b\ufeff\u2066')).toBe('[U+0000][U+001B][31m[U+200B][U+FEFF][U+2066]');
    expect(plain('\ud800x')).toBe('[U+D800]x');
    expect(plain('tag\u{e0041}')).toBe('tag[U+E0041]');
  });

  it('leaves honest text alone', () => {
    for (const text of ['', 'plain', 'two\nlines\tand a tab', '👩‍👩‍👧', 'naïve café', '<script>']) {
      expect(plain(text)).toBe(text);
      expect(segments(text).every((segment) => segment.kind === 'text')).toBe(true);
    }
  });

  it('isolates what runs from right to left, and cannot be led out of it', () => {
    expect(plain('\u05d0\u05d3\u05de\u05d9\u05df')).toBe('\u2068\u05d0\u05d3\u05de\u05d9\u05df\u2069');
    expect(plain('\u0645\u062f\u064a\u0631\u2069\u202e: 5')).toBe('\u2068\u0645\u062f\u064a\u0631[U+2069][U+202E]: 5\u2069');
    expect(oneLine('\u05d0\u05d3')).toBe('\u05d0\u05d3');
  });

  it('loses nothing', () => {
    const text = '\u202Ea\u0007b\u2069';
    expect(segments(text).map((segment) => segment.text).join('')).toBe(text);
  });

  it('cuts between characters', () => {
    expect(cut('abc', 2)).toBe('ab');
    expect(cut('a😀b', 2)).toBe('a');
    expect(cut('a😀b', 3)).toBe('a😀');
    expect(cut('abc', 3)).toBe('abc');
  });
});
