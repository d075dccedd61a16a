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

/** Signs that are named one by one; a text with more is not read but attacked with, and must not freeze the page. */
const NAMED_MAX = 300;

/**
 * Splits text into what can be shown as it is and what must be named. A sign that is repeated is named once.
 *
 * Of a text with very many signs the rest is one piece, in which they are named in brackets.
 */
export function segments(text: string): Segment[] {
  const parts: Segment[] = [];
  let shown = 0;
  let named = 0;
  for (const match of text.matchAll(SIGNS)) {
    const last = parts.at(-1);
    if (match.index === shown && last?.kind === 'sign' && last.text.startsWith(match[0])) {
      last.text += match[0];
      last.code = codeOf(match[0], last.text.length / match[0].length);
      shown += match[0].length;
      continue;
    }
    if (named === NAMED_MAX) {
      parts.push({ kind: 'text', text: text.slice(shown).replace(SIGNS, (sign) => `[${codeOf(sign)}]`) });
      return parts;
    }
    if (match.index > shown) parts.push({ kind: 'text', text: text.slice(shown, match.index) });
    parts.push({ kind: 'sign', text: match[0], code: codeOf(match[0]) });
    named += 1;
    shown = match.index + match[0].length;
  }
  if (shown < text.length || parts.length === 0) parts.push({ kind: 'text', text: text.slice(shown) });
  return parts;
}

/** `U+202E`, `U+200B×3` */
function codeOf(sign: string, times = 1): string {
  const code = `U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return times === 1 ? code : `${code}\u00d7${times}`;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * The text with unseen characters named in brackets: for attributes, titles and sentences. What has right-to-left
 * letters is isolated, so that the words around it stay where they are.
 */
export function plain(text: string): string {
  const named = nameSigns(text);
  return RIGHT_TO_LEFT.test(named) ? `\u2068${named}\u2069` : named;
}

function nameSigns(text: string): string {
  return segments(text)
    .map((segment) => (segment.kind === 'text' ? segment.text : `[${segment.code}]`))
    .join('');
}

/** The text as `Text` shows it: for the name of what shows it, so that it can be called by what is read (WCAG 2.5.3). */
export function asShown(text: string): string {
  return segments(text)
    .map((segment) => (segment.kind === 'text' ? segment.text : segment.code))
    .join('');
}

/** The first `length` characters, never half of a surrogate pair. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}

/** The text on one line of a document: nobody's value can pretend to be a line of its own. */
export function oneLine(text: string): string {
  return nameSigns(text).replace(/\s*[\n\t]\s*/g, ' \u23ce ').trim();
}
