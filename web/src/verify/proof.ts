// The tlog-proof text format (c2sp.org/tlog-proof@v1): an index, an inclusion proof and the checkpoint it leads to.

import { Malformed, fromBase64 } from './bytes';
import { HASH_BYTES, type Hash } from './merkle';
import { parseDecimal } from './note';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** A tree of 2^64 leaves is 64 levels high. */
const HASHES_MAX = 64;

export interface TlogProof {
  extra: Uint8Array | null;
  index: bigint;
  hashes: Hash[];
  /** The signed note, whole. */
  checkpoint: string;
}

export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  if (split < 0) throw new Malformed('proof', 'no checkpoint');
  const lines = text.slice(0, split).split('\n');
  if (lines.shift() !== HEADER) throw new Malformed('proof', `does not begin with ${HEADER}`);
  let extra: Uint8Array | null = null;
  if (lines[0]?.startsWith('extra ') === true) {
    extra = fromBase64(lines.shift()?.slice('extra '.length) ?? '', 'proof');
    if (extra.length === 0) throw new Malformed('proof', 'empty extra data');
  }
  const indexLine = lines.shift() ?? '';
  if (!indexLine.startsWith('index ')) throw new Malformed('proof', 'no index');
  const index = parseDecimal(indexLine.slice('index '.length), 'proof');
  if (lines.length > HASHES_MAX) throw new Malformed('proof', 'too many hashes');
  const hashes = lines.map((line) => {
    const hash = fromBase64(line, 'proof');
    if (hash.length !== HASH_BYTES) throw new Malformed('proof', 'hash of wrong length');
    return hash;
  });
  return { extra, index, hashes, checkpoint: text.slice(split + 2) };
}
