// JSON read without loss: numbers keep their digits, objects keep the order of their keys.
//
// `JSON.parse` rounds 12345678901234567890, turns 1.0 into 1 and moves keys that look like numbers to the front. An
// audit trail shows what was sent, so events are parsed here. Numbers that survive a round trip are plain numbers;
// the others are an `ExactNumber`. Only syntax that `JSON.parse` accepts is accepted.

export class ExactNumber {
  constructor(readonly source: string) {}

  toString(): string {
    return this.source;
  }
}

export type Json = string | number | boolean | null | ExactNumber | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

/** The order in which the keys stood in the text, for the objects where a plain object would lose it. */
const orders = new WeakMap<object, string[]>();

/** The keys of an object in the order of the text that it was parsed from. */
export function keysOf(object: JsonObject): string[] {
  return orders.get(object) ?? Object.keys(object);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const SPACE = /[ \t\n\r]*/y;
const INDEX_LIKE = /^(?:0|[1-9][0-9]*)$/;

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.value();
    this.space();
    if (this.at !== this.text.length) throw this.error();
    return value;
  }

  private error(): SyntaxError {
    return new SyntaxError(`not JSON at position ${this.at}`);
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private token(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) throw this.error();
    this.at = pattern.lastIndex;
    return match[0];
  }

  private string(): string {
    // Scanned by hand: a regular expression over a megabyte string overflows V8's stack.
    const start = this.at;
    if (this.text[start] !== '"') throw this.error();
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === '\\' ? 2 : 1;
    const source = this.text.slice(start, end + 1);
    this.at = end + 1;
    const value: unknown = JSON.parse(source);
    if (typeof value !== 'string') throw this.error();
    return value;
  }

  private value(): Json {
    this.space();
    switch (this.text[this.at]) {
      case '{':
        return this.object();
      case '[':
        return this.array();
      case '"':
        return this.string();
      case 't':
        return this.word('true', true);
      case 'f':
        return this.word('false', false);
      case 'n':
        return this.word('null', null);
      default: {
        const source = this.token(NUMBER);
        const value = Number(source);
        return String(value) === source ? value : new ExactNumber(source);
      }
    }
  }

  private word<T extends Json>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.error();
    this.at += word.length;
    return value;
  }

  private array(): Json[] {
    const items: Json[] = [];
    this.at += 1;
    this.space();
    if (this.text[this.at] === ']') {
      this.at += 1;
      return items;
    }
    for (;;) {
      items.push(this.value());
      if (this.separator(']')) return items;
    }
  }

  private object(): JsonObject {
    const object: JsonObject = {};
    const keys: string[] = [];
    let reordered = false;
    this.at += 1;
    this.space();
    if (this.text[this.at] === '}') {
      this.at += 1;
      return object;
    }
    for (;;) {
      this.space();
      const key = this.string();
      this.space();
      if (this.text[this.at] !== ':') throw this.error();
      this.at += 1;
      const value = this.value();
      if (!Object.hasOwn(object, key)) keys.push(key);
      reordered ||= INDEX_LIKE.test(key);
      // `__proto__` must become a key like any other.
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      if (this.separator('}')) break;
    }
    if (reordered) orders.set(object, keys);
    return object;
  }

  /** Steps over a comma, or over the closing sign: then true. */
  private separator(closing: string): boolean {
    this.space();
    const sign = this.text[this.at];
    if (sign !== ',' && sign !== closing) throw this.error();
    this.at += 1;
    return sign === closing;
  }
}

/** Parses JSON text. Throws `SyntaxError` where `JSON.parse` would. */
export function parseJson(text: string): Json {
  return new Parser(text).whole();
}

/** JSON text of a value on one line: numbers as they stood. */
export function toJson(value: Json): string {
  if (value instanceof ExactNumber) return value.source;
  if (Array.isArray(value)) return `[${value.map(toJson).join(',')}]`;
  if (isObject(value)) {
    const fields = keysOf(value).map((key) => `${JSON.stringify(key)}:${toJson(value[key] ?? null)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value);
}

/** How a value reads in a table: strings as they are, everything else as JSON. */
export function toText(value: Json): string {
  return typeof value === 'string' ? value : toJson(value);
}

/**
 * Lays JSON text out with line breaks and indentation; every token stays as it was sent.
 * Text that is no JSON is given back unchanged.
 */
export function indentJson(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const parts: string[] = [];
  let depth = 0;
  let at = 0;
  const lineBreak = (): string => `\n${'  '.repeat(depth)}`;
  while (at < text.length) {
    const sign = text.charAt(at);
    if (sign === '"') {
      let end = at + 1;
      while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      parts.push(text.slice(at, end + 1));
      at = end + 1;
      continue;
    }
    at += 1;
    if (/\s/.test(sign)) continue;
    if (sign === '{' || sign === '[') {
      const rest = /^\s*[}\]]/.exec(text.slice(at, at + 64));
      if (rest !== null) {
        parts.push(sign, rest[0].trim());
        at += rest[0].length;
        continue;
      }
      depth += 1;
      parts.push(sign, lineBreak());
    } else if (sign === '}' || sign === ']') {
      depth -= 1;
      parts.push(lineBreak(), sign);
    } else if (sign === ',') {
      parts.push(sign, lineBreak());
    } else if (sign === ':') {
      parts.push(': ');
    } else {
      parts.push(sign);
    }
  }
  return parts.join('');
}
