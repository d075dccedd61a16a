// The words of a search, cut where the API cuts its `q` (crates/search/src/text.rs): at blanks, but not within quotes.

const QUOTES = /["\u201c\u201d]/;

/** One word, `"phrase"`, `prefix*` or `-negation` as it stands at `at`; `end` is where what follows begins. */
export interface Term {
  text: string;
  end: number;
  /** A quote that was opened and not closed; the API lets it reach to the end. */
  unclosed: boolean;
}

export function termAt(text: string, at: number): Term {
  const sign = text[at] === '-' ? '-' : '';
  const begin = at + sign.length;
  if (QUOTES.test(text[begin] ?? '')) {
    const length = text.slice(begin + 1).search(QUOTES);
    const unclosed = length < 0;
    const end = unclosed ? text.length : begin + 1 + length;
    // Typographic quotes mean the same as plain ones.
    return { text: `${sign}"${text.slice(begin + 1, end)}"`, end: unclosed ? end : end + 1, unclosed };
  }
  const length = text.slice(begin).search(/\s/);
  const end = length < 0 ? text.length : begin + length;
  return { text: text.slice(at, end), end, unclosed: false };
}

/** Where the next thing that is not blank stands, from `at` on. */
export function afterBlanks(text: string, at: number): number {
  const length = text.slice(at).search(/\S/);
  return length < 0 ? text.length : at + length;
}

/** All terms of a `q`, each in its plain form: joined by blanks they mean the same. */
export function termsOf(q: string): string[] {
  const terms: string[] = [];
  for (let at = afterBlanks(q, 0); at < q.length; ) {
    const term = termAt(q, at);
    terms.push(term.text);
    at = afterBlanks(q, term.end);
  }
  return terms;
}

/** The opposite of a term. */
export function negated(term: string): string {
  return term.startsWith('-') ? term.slice(1) : `-${term}`;
}
