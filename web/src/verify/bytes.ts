// Bytes, base64 and fixed-width big-endian numbers: what every part of the verifier reads with.
//
// Everything here is strict: a text or a length that is not exactly right throws `Malformed`, so that two different
// inputs never read as the same thing.

/** What was read isn't of the form that its format prescribes; `what` names the part. */
export class Malformed extends Error {
  constructor(
    readonly what: string,
    message: string,
  ) {
    super(`${what}: ${message}`);
    this.name = 'Malformed';
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...ALPHABET].map((character, value) => [character.charCodeAt(0), value]));

/** Decodes standard base64 with padding; refuses other alphabets, white space and non-zero trailing bits. */
export function fromBase64(text: string, what: string): Uint8Array {
  if (text.length % 4 !== 0) throw new Malformed(what, 'base64 of wrong length');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < text.length - padding; i += 1) {
    const value = VALUES.get(text.charCodeAt(i));
    if (value === undefined) throw new Malformed(what, 'not base64');
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at] = (held >> bits) & 0xff;
      at += 1;
      held &= (1 << bits) - 1;
    }
  }
  if (held !== 0) throw new Malformed(what, 'base64 with trailing bits');
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const triple = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    text += ALPHABET.charAt(triple >> 18) + ALPHABET.charAt((triple >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((triple >> 6) & 63) : '=';
    text += left > 2 ? ALPHABET.charAt(triple & 63) : '=';
  }
  return text;
}

export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function u64be(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Reads fixed-width big-endian fields from the front; `end` refuses what is left over. */
export class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly what: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private take(length: number): number {
    const start = this.at;
    if (start + length > this.bytes.length) throw new Malformed(this.what, 'ends too early');
    this.at += length;
    return start;
  }

  u8(): number {
    return this.view.getUint8(this.take(1));
  }

  u16(): number {
    return this.view.getUint16(this.take(2));
  }

  u32(): number {
    return this.view.getUint32(this.take(4));
  }

  u64(): bigint {
    return this.view.getBigUint64(this.take(8));
  }

  i64(): bigint {
    return this.view.getBigInt64(this.take(8));
  }

  bytesOf(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.slice(start, start + length);
  }

  /** UTF-8 behind a 16-bit length. */
  text(): string {
    const bytes = this.bytesOf(this.u16());
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Malformed(this.what, 'not UTF-8');
    }
  }

  end(): void {
    if (this.at !== this.bytes.length) throw new Malformed(this.what, 'has bytes left over');
  }
}
