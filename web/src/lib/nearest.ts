// What a misspelt name was probably meant to be: as the server does it (crates/event/src/nearest_name.rs).
//
// A wrong suggestion misleads more than none helps, so only slips of the pen count as near.

/** Longer than any name; past it the work would grow with what was typed. */
const NAME_CHARS_MAX = 64;

/** The candidate that `name` becomes with the fewest edits, if a third of its letters or fewer need one. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  const wanted = [...name.toLowerCase()];
  if (wanted.length > NAME_CHARS_MAX) return null;
  const allowed = Math.floor(wanted.length / 3);
  let best: string | null = null;
  let fewest = allowed + 1;
  for (const candidate of candidates) {
    const known = [...candidate.toLowerCase()];
    if (candidate === name || known.length > NAME_CHARS_MAX || Math.abs(known.length - wanted.length) > allowed) continue;
    const needed = edits(wanted, known);
    if (needed < fewest) [best, fewest] = [candidate, needed];
  }
  return best;
}

/** Letters to insert, remove, replace, or swap with their neighbour, to get from one to the other. */
function edits(from: string[], to: string[]): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [i, a] of from.entries()) {
    const next = [i + 1];
    for (const [j, b] of to.entries()) {
      let least = Math.min((row[j] ?? 0) + (a === b ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1);
      if (i > 0 && j > 0 && a === to[j - 1] && from[i - 1] === b) least = Math.min(least, (before[j - 1] ?? 0) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[to.length] ?? 0;
}
