// Choosing buckets by keyboard, mouse or touch: where the cursor stands, and where a selection began. Pure.

export interface Brush {
  /** Index of a bucket. */
  cursor: number;
  /** Where the selection began; null: nothing is selected. */
  anchor: number | null;
}

const PAGE = 10;

/** The first and the last bucket selected, both included; null if none is. */
export function selected({ cursor, anchor }: Brush): [number, number] | null {
  return anchor === null ? null : [Math.min(cursor, anchor), Math.max(cursor, anchor)];
}

/** The same within so many buckets. */
export function within(brush: Brush, count: number): Brush {
  const clamp = (index: number): number => Math.min(Math.max(index, 0), Math.max(count - 1, 0));
  return { cursor: clamp(brush.cursor), anchor: brush.anchor === null ? null : clamp(brush.anchor) };
}

/** Where a key takes the cursor, as in every slider; null for keys that are none of its. */
export function moved(brush: Brush, key: string, extend: boolean, count: number): Brush | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1,
    ArrowDown: -1,
    ArrowRight: 1,
    ArrowUp: 1,
    PageDown: -PAGE,
    PageUp: PAGE,
    Home: -Infinity,
    End: Infinity,
  };
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined;
  if (step === undefined) return null;
  return within({ cursor: brush.cursor + step, anchor: extend ? (brush.anchor ?? brush.cursor) : null }, count);
}
