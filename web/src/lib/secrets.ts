// Values that look like secrets: by the name that they stand under, or by their shape. Shown masked until asked for.
//
// Audit trails of other products carry tokens and passwords in parameters. A guess either way costs little: what is
// masked wrongly is one click away, and nothing is changed but what is shown. Every pattern takes linear time, since
// the text is the sender's.

import { ExactNumber, isObject, keysOf, toJson, toText, type Json } from './json';
import { cut } from './text';

/** Of one length, whatever it stands for. */
export const MASK = '\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022';

/** Words that make a name one of a secret. */
const SECRET_WORDS = new Set([
  'password', 'passwords', 'passwd', 'passphrase', 'passcode', 'pwd', 'pass', 'secret', 'secrets', 'token', 'tokens', 'jwt',
  'apikey', 'authorization', 'cookie', 'cookies', 'credential', 'credentials', 'otp', 'totp', 'pin', 'cvv', 'cvc',
  'bearer', 'privatekey', 'accesstoken', 'refreshtoken', 'sessiontoken', 'clientsecret', 'secretkey', 'authtoken',
]);

/** Pairs of words that do. */
const SECRET_PAIRS = new Set([
  'private key', 'api key', 'api keys', 'secret key', 'signing key', 'encryption key', 'ssh key', 'master key', 'shared key',
  'recovery code', 'recovery codes', 'backup code', 'backup codes', 'verification code', 'security code', 'auth key',
  'connection string',
]);

/** Words after a secret's word that make it something about a secret. */
const ABOUT = new Set([
  'age', 'algorithm', 'arn', 'at', 'attempts', 'audience', 'changed', 'count', 'created', 'date', 'days', 'enabled', 'endpoint',
  'expiration', 'expired', 'expires', 'expiry', 'expiring', 'fingerprint', 'format', 'id', 'ids', 'issuer', 'kind', 'last',
  'length', 'level', 'lifetime', 'limit', 'max', 'method', 'min', 'name', 'names', 'policy', 'prefix', 'provider', 'reason',
  'required', 'requirements', 'reset', 'result', 'scope', 'scopes', 'set', 'state', 'status', 'strength', 'time', 'timeout',
  'ttl', 'type', 'updated', 'uri', 'url', 'usage', 'use', 'used', 'uuid', 'valid', 'version',
]);

/** Tokens that open nothing: cursors and the like. */
const HARMLESS = /\b(?:next|page|continuation|pagination|cursor|sync|idempotency|client(?: request)?|request) tokens?$/;

/** Names whose numbers are secrets, too. */
const NUMERIC = /\b(?:password|passwd|passcode|pwd|pin|otp|totp|cvv|cvc|(?:recovery|backup|verification|security) codes?)\b/;

/** Values that are none: nothing, or masked by the sender. */
const NO_VALUE = /^(?:null|none|nil|true|false|undefined|n\/a|-|[*\u2022x#.\u2026]{2,}|.{0,3}(?:redacted|masked|hidden|filtered|removed|omitted).*)$/is;

/** `clientSecret` and `client_secret` as `client secret`. */
function words(name: string): string {
  return name
    .slice(0, 200)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Whether what stands under this name is a secret. */
export function isSecretName(name: string): boolean {
  const said = words(name);
  if (HARMLESS.test(said)) return false;
  const list = said.split(' ');
  const after = list.findLastIndex(
    (word, index) => SECRET_WORDS.has(word) || SECRET_PAIRS.has(`${list[index - 1] ?? ''} ${word}`),
  );
  return after >= 0 && !list.slice(after + 1).some((word) => ABOUT.has(word));
}

// Behind no character of their own: a start within a start would make the search quadratic.
const SHAPES: RegExp[] = [
  // JSON Web Tokens
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)*/g,
  // GitHub, GitLab, npm, Slack, Stripe, SendGrid, OpenAI and their like
  /(?<![\w-])(?:gh[opsur]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|npm_\w{30,}|xox[abeoprs]-[\w-]{10,}|[rs]k_(?:live|test)_\w{12,}|SG\.[\w-]{16,}\.[\w-]{16,}|sk-[\w-]{20,})/g,
  // Google
  /(?<![\w-])(?:AIza[\w-]{30,}|ya29\.[\w-]{20,})/g,
  // Amazon's session tokens
  /(?<![\w+/-])(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[\w+/=-]{20,}/g,
  // our own: keys, sessions, one-time links
  /(?<![\w-])i[kls]_[0-9a-f]{32,}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g,
];

const SCHEMES = /(?<![\w-])(Bearer|Basic|Token)( {1,4})(?=\S{0,500}[\d=])([\w.~+/=-]{12,})/gi;
/** `https://user:password@host` */
const USER_INFO = /(?<![\w+.-])([a-z][\w+.-]{1,20}:\/\/[^\s/:@]{0,200}:)[^\s/@]{1,500}@/gi;
/** A name and the sign after it; what follows is read by hand. */
const PAIR = /(?<![\w.])["']?([A-Za-z][\w.-]{1,60})(\\?["'])?\s{0,8}([:=])\s{0,8}/g;
/** After a colon stands prose, too: only what no word looks like is a value there. */
const UNLIKE_WORDS = /^(?=\S*\d)\S{6}/;

/** The text with what looks like a secret in it masked. */
export function maskText(text: string): string {
  let masked = maskPairs(text);
  for (const shape of SHAPES) masked = masked.replace(shape, MASK);
  return masked.replace(SCHEMES, `$1$2${MASK}`).replace(USER_INFO, `$1${MASK}@`);
}

/** So much of a text is looked at where only its beginning is shown. */
const BEGINNING_MAX = 2000;

/** The beginning of a text with what looks like a secret in it masked: for rows, where all of it is one click away. */
export function maskBeginning(text: string): string {
  return maskText(cut(text, BEGINNING_MAX));
}

/** Names under which the name of a value stands, and names under which its value does: `{"field":"pin","old":1}`. */
const NAMING = new Set(['field', 'name', 'key', 'parameter']);
const NAMED = new Set(['old', 'new', 'value', 'before', 'after', 'oldvalue', 'newvalue']);

function maskPairs(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  /** Up to here values belong to a secret that was named before them. */
  let namedUpTo = 0;
  for (const match of text.matchAll(PAIR)) {
    const [whole, name = '', quoted, sign] = match;
    const start = match.index + whole.length;
    if (start < copied) continue;
    const known = name.toLowerCase();
    const secret = isSecretName(name) || (start < namedUpTo && NAMED.has(known));
    if (!secret && !(quoted !== undefined && NAMING.has(known))) continue;
    const isProse = sign === ':' && quoted === undefined && !/["'\\]/.test(text[start] ?? '');
    if (isProse && !UNLIKE_WORDS.test(text.slice(start, start + 200))) continue;
    const { from, to } = valueAt(text, start);
    const value = text.slice(from, to);
    if (!secret) {
      if (start >= namedUpTo && isSecretName(value)) namedUpTo = endOfObject(text, to);
      continue;
    }
    if (value === '' || value.includes(MASK) || NO_VALUE.test(value.slice(0, 200))) continue;
    const isQuoted = from > start;
    // A number or a nested value under a quoted name: JSON, of which only text and codes are secrets.
    if (!isQuoted && quoted !== undefined && (/^[[{]/.test(value) || !NUMERIC.test(words(name)))) continue;
    parts.push(text.slice(copied, from), MASK);
    copied = to;
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

function endOfObject(text: string, from: number): number {
  const end = text.indexOf('}', from);
  return end < 0 ? text.length : end;
}

/** Where the value that begins here stands: within its quotes, or up to what ends it. */
function valueAt(text: string, start: number): { from: number; to: number } {
  const escaped = text[start] === '\\' && (text[start + 1] === '"' || text[start + 1] === "'");
  const quote = text[escaped ? start + 1 : start];
  if (quote === '"' || quote === "'") {
    const from = start + (escaped ? 2 : 1);
    let to = from;
    // Within a text of JSON that stands in JSON, `\"` is the end.
    while (to < text.length && text[to] !== quote) to += text[to] === '\\' && !escaped ? 2 : 1;
    return { from, to: Math.min(escaped && text[to - 1] === '\\' ? to - 1 : to, text.length) };
  }
  let to = start;
  while (to < text.length && !' \t\r\n,;&|)]}"\'<>'.includes(text[to] ?? '')) to += 1;
  return { from: start, to };
}

/** How a named value reads with its secrets masked; the same as `toText` where it has none. */
export function maskedText(name: string, value: Json): string {
  const secret = isSecretName(name);
  return typeof value === 'string' ? maskedString(value, secret) : maskedJson(value, secret, NUMERIC.test(words(name)));
}

/** Whether something of it is masked. */
export function hasSecret(name: string, value: Json): boolean {
  return maskedText(name, value) !== toText(value);
}

function maskedString(value: string, secret: boolean): string {
  if (!secret) return maskText(value);
  return value.trim() === '' || NO_VALUE.test(value.slice(0, 200)) ? value : MASK;
}

function maskedJson(value: Json, secret: boolean, numeric: boolean): string {
  if (typeof value === 'string') return JSON.stringify(maskedString(value, secret));
  if (typeof value === 'number' || value instanceof ExactNumber) return numeric ? JSON.stringify(MASK) : toJson(value);
  if (Array.isArray(value)) return `[${value.map((item) => maskedJson(item, secret, numeric)).join(',')}]`;
  if (!isObject(value)) return toJson(value);
  const named = keysOf(value).some((key) => {
    const name = NAMING.has(key.toLowerCase()) ? value[key] : null;
    return typeof name === 'string' && isSecretName(name);
  });
  const fields = keysOf(value).map((key) => {
    const hidden = secret || isSecretName(key) || (named && NAMED.has(key.toLowerCase()));
    const inner = maskedJson(value[key] ?? null, hidden, NUMERIC.test(words(key)));
    return `${JSON.stringify(key)}:${inner}`;
  });
  return `{${fields.join(',')}}`;
}
