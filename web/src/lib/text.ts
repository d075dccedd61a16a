// Event text is the sender's: hostile until shown harmlessly.
//
// Svelte escapes markup. What is left are characters that can't be seen or that reorder what stands around them
// (CVE-2021-42574): they are replaced by their names, so that a reader sees that they are there. Every piece is also
// isolated (`<bdi>`), so that honest right-to-left text doesn't disturb its neighbours.

export type Segment = { kind: 'text'; text: string } | { kind: 'sign'; text: string; code: string };

// C0 and C1 controls except tab and line feed, bidirectional controls, invisible fillers, line and paragraph
// separators, the byte order mark, tag characters and lone surrogates. Joiners stay: emoji and Indic scripts need them.
const SIGNS =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|\p{Cs}|[\u{e0000}-\u{e007f}]/gu;

/** Splits text into what can be shown as it is and what must be named. */
export function segments(text: string): Segment[] {
  const parts: Segment[] = [];
  let shown = 0;
  for (const match of text.matchAll(SIGNS)) {
    if (match.index > shown) parts.push({ kind: 'text', text: text.slice(shown, match.index) });
    const code = match[0].codePointAt(0) ?? 0;
    parts.push({ kind: 'sign', text: match[0], code: `U+${code.toString(16).toUpperCase().padStart(4, '0')}` });
    shown = match.index + match[0].length;
  }
  if (shown < text.length || parts.length === 0) parts.push({ kind: 'text', text: text.slice(shown) });
  return parts;
}

/** The text with unseen characters named in brackets, for attributes and titles. */
export function plain(text: string): string {
  return segments(text)
    .map((segment) => (segment.kind === 'text' ? segment.text : `[${segment.code}]`))
    .join('');
}

/** The first `length` characters, never half of a surrogate pair. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
