// A query as one line of text: `action_type:delete -outcome:failure user:1041 "call queue" since:-3d`.
//
//   query = { [ "-" ] name ":" value | word }      parts stand apart by blanks
//   name  = a filter of the API | "since" | "until" | "q"
//   value = '"' JSON text '"' | anything without blanks      "!" before it, outside quotes, means "not" as well
//   word  = a term of the API's q (words.ts): word, "phrase", prefix*, -not
//
// What looks like `name:value` but has a name that is none, and is near none, is a word: `http://x`, `arn:aws:iam`. After
// `q:` stands a word, whatever it looks like. A day without a time is included whole where a range ends with it. Printing and parsing are inverse for filters in canonical form. A text
// without `since:` and `until:` means the range that the page opens with; `since:ever` is no beginning.

import { FIELD_NAMES, OFFERED_NAMES, isEnd, kindOf, valuesOf } from './fields';
import { nearestName } from './nearest';
import { m } from './paraglide/messages';
import { momentToken, parseEnd, parseMoment, printedMoment } from './time/moment';
import { canonical, condition, DEFAULT_FILTERS, EVER, type Condition, type Filters } from './url';
import { afterBlanks, termAt, termsOf } from './words';

/** What is wrong, and where: offsets of UTF-16 units, as input fields count. */
export interface QueryError {
  start: number;
  /** Exclusive. */
  end: number;
  message: string;
}

export type ParsedQuery = { filters: Filters; error: null } | { filters: null; error: QueryError };

const NAMES = [...FIELD_NAMES, 'since', 'until', 'q'];

/** What other products call it. */
const MEANT = new Map(Object.entries({
  after: 'since',
  alias: 'user',
  app: 'application',
  before: 'until',
  by: 'actor',
  category: 'object_category',
  domain: 'affected_tenant',
  from: 'since',
  address: 'ip',
  result: 'outcome',
  session: 'session_id',
  status: 'outcome',
  target: 'affected',
  to: 'until',
  type: 'action_type',
  username: 'user',
}));

const NAMED = /([a-z_]+):(?!\/\/)/iy;
const QUOTED = /"((?:[^"\\]|\\.)*)"/suy;
const CURLY = /[\u201c\u201d]([^"\u201c\u201d]*)["\u201c\u201d]/uy;
const ESCAPE = /\\(?:u([0-9a-f]{4})|(["\\/bfnrt]))/iy;
const ESCAPED: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function meant(name: string): string | null {
  return MEANT.get(name) ?? nearestName(name, NAMES);
}

class Refusal extends Error {
  constructor(
    readonly start: number,
    readonly end: number,
    readonly told: string,
  ) {
    super(told);
  }
}

/** Reads a query; wall-clock times in it are of `zone`. */
export function parseQueryText(text: string, zone: string): ParsedQuery {
  try {
    return { filters: new Parser(text, zone).query(), error: null };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { start, end, told } = error;
    // For people positions are in characters, from 1.
    const position = [...text.slice(0, start)].length + 1;
    return { filters: null, error: { start, end, message: m.query_position({ position, message: told }) } };
  }
}

interface Value {
  text: string;
  /** Where it begins, quotes included. */
  start: number;
  end: number;
  not: boolean;
}

class Parser {
  private at = 0;
  private readonly conditions: Condition[] = [];
  private readonly words: string[] = [];
  private readonly range: { since?: string; until?: string } = {};

  constructor(
    private readonly text: string,
    private readonly zone: string,
  ) {}

  query(): Filters {
    for (this.at = afterBlanks(this.text, 0); this.at < this.text.length; this.at = afterBlanks(this.text, this.at)) {
      this.part();
    }
    const { since, until } = this.range;
    const ranged = since !== undefined || until !== undefined;
    return canonical({
      q: this.words.join(' '),
      conditions: this.conditions,
      since: since ?? (ranged ? '' : DEFAULT_FILTERS.since),
      until: until ?? '',
    });
  }

  private part(): void {
    const start = this.at;
    const not = this.text[start] === '-';
    const nameStart = start + (not ? 1 : 0);
    NAMED.lastIndex = nameStart;
    const name = NAMED.exec(this.text)?.[1]?.toLowerCase();
    if (name === undefined || !this.isName(name, nameStart)) {
      this.word(start, '');
      return;
    }
    this.at = NAMED.lastIndex;
    if (name === 'q') {
      this.word(this.at, not ? '-' : '');
    } else if (name === 'since' || name === 'until') {
      this.bound(name, start, not);
    } else {
      this.condition(name, start, not);
    }
  }

  /** Whether it is the name of a filter; refuses one that was probably meant to be. */
  private isName(name: string, start: number): boolean {
    if (NAMES.includes(name)) return true;
    const near = meant(name);
    if (near === null) return false;
    throw new Refusal(start, start + name.length, m.query_unknown_name({ name, near }));
  }

  private word(start: number, sign: string): void {
    const term = termAt(this.text, start);
    if (term.unclosed) throw new Refusal(start, this.text.length, m.query_unclosed());
    if (term.text === '') throw new Refusal(start, start, m.query_no_value({ name: 'q' }));
    this.words.push(sign + term.text);
    this.at = term.end;
  }

  private bound(name: 'since' | 'until', start: number, not: boolean): void {
    if (not) throw new Refusal(start, this.at, m.query_not_negated({ name }));
    if (this.range[name] !== undefined) throw new Refusal(start, this.at, m.query_twice({ name }));
    const value = this.value(name);
    if (value.not) throw new Refusal(start, value.end, m.query_not_negated({ name }));
    this.range[name] = name === 'since' && value.text.toLowerCase() === EVER ? '' : this.moment(value, name);
  }

  private moment({ text, start, end }: Value, name: string): string {
    const moment = isEnd(name) ? parseEnd(text, this.zone) : parseMoment(text, this.zone);
    if (moment === null) throw new Refusal(start, end, m.range_invalid());
    return momentToken(moment);
  }

  private condition(name: string, start: number, negated: boolean): void {
    const value = this.value(name);
    const not = negated !== value.not;
    const isMoment = kindOf(name) === 'moment';
    if (isMoment && not) throw new Refusal(start, value.end, m.query_not_negated({ name }));
    if (isMoment && this.conditions.some((one) => one.name === name)) {
      throw new Refusal(start, value.end, m.query_twice({ name }));
    }
    const read = condition(name, isMoment ? this.moment(value, name) : value.text, not);
    if (read === null) {
      const known = (valuesOf(name) ?? []).join(', ');
      throw new Refusal(value.start, value.end, known === '' ? m.query_no_value({ name }) : m.query_values({ name, known }));
    }
    this.conditions.push(read);
  }

  /** The value that stands here, and goes on behind it. */
  private value(name: string): Value {
    const start = this.at;
    const not = this.text[start] === '!';
    if (not) this.at += 1;
    const text = this.quoted() ?? this.unquoted();
    if (text === '') throw new Refusal(start, this.at, m.query_no_value({ name }));
    return { text, start, end: this.at, not };
  }

  private unquoted(): string {
    const start = this.at;
    const length = this.text.slice(start).search(/\s/);
    this.at = length < 0 ? this.text.length : start + length;
    return this.text.slice(start, this.at);
  }

  private quoted(): string | null {
    const start = this.at;
    if (!/["\u201c\u201d]/.test(this.text[start] ?? '')) return null;
    QUOTED.lastIndex = start;
    CURLY.lastIndex = start;
    const plain = QUOTED.exec(this.text);
    const match = plain ?? CURLY.exec(this.text);
    if (match === null) throw new Refusal(start, this.text.length, m.query_unclosed());
    this.at = start + match[0].length;
    if (this.at < this.text.length && !/\s/.test(this.text[this.at] ?? '')) {
      throw new Refusal(this.at, this.at + 1, m.query_blank_expected());
    }
    const inner = match[1] ?? '';
    return plain === null ? inner : unescape(inner, start + 1);
  }
}

/** Text between quotes as JSON has it; `start` is where it stands. */
function unescape(inner: string, start: number): string {
  let text = '';
  for (let at = 0; at < inner.length; ) {
    if (inner[at] !== '\\') {
      text += inner[at];
      at += 1;
      continue;
    }
    ESCAPE.lastIndex = at;
    const match = ESCAPE.exec(inner);
    if (match === null) throw new Refusal(start + at, start + at + 2, m.query_escape());
    const [whole, code, sign = ''] = match;
    text += code === undefined ? (ESCAPED[sign.toLowerCase()] ?? sign) : String.fromCharCode(parseInt(code, 16));
    at += whole.length;
  }
  return text;
}

/** The text of a query; absolute times as wall-clock times of `zone`. `parseQueryText` reads it back. */
export function printQueryText(filters: Filters, zone: string): string {
  const { q, conditions, since, until } = canonical(filters);
  const parts = conditions.map(({ name, value, not }) => {
    const text = kindOf(name) === 'moment' ? printedMoment(value, zone) : value;
    return `${not ? '-' : ''}${name}:${printedValue(text)}`;
  });
  parts.push(...termsOf(q).map(printedTerm));
  if (since !== DEFAULT_FILTERS.since || until !== '') {
    // With an end alone the range has no beginning, so that needs no word.
    if (since !== '') parts.push(`since:${printedValue(printedMoment(since, zone))}`);
    else if (until === '') parts.push(`since:${EVER}`);
    if (until !== '') parts.push(`until:${printedValue(printedMoment(until, zone))}`);
  }
  return parts.join(' ');
}

function printedValue(value: string): string {
  return /^!|[\s":\u201c\u201d\\\p{C}]/u.test(value) ? JSON.stringify(value) : value;
}

/** A word that would be taken for a filter says that it is a word. */
function printedTerm(term: string): string {
  const [sign, body] = term.startsWith('-') ? ['-', term.slice(1)] : ['', term];
  NAMED.lastIndex = 0;
  const name = NAMED.exec(body)?.[1]?.toLowerCase();
  const isTaken = name !== undefined && (NAMES.includes(name) || meant(name) !== null);
  return isTaken ? `${sign}q:${body}` : term;
}

/** Names to write before a colon, in the order of the chips. */
export const QUERY_NAMES: readonly string[] = [...OFFERED_NAMES, 'since', 'until'];
