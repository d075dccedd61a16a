// RFC 6962 hashing and the verification of inclusion and consistency proofs (RFC 9162, 2.1.3.2 and 2.1.4.2).
//
// Sizes and indices are bigint: a tree may outgrow what a double counts exactly.

import { sha256 } from '@noble/hashes/sha2.js';

import { concatBytes, equalBytes } from './bytes';

export type Hash = Uint8Array;
export const HASH_BYTES = 32;

export function leafHash(entry: Uint8Array): Hash {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

export function emptyRoot(): Hash {
  return sha256(new Uint8Array());
}

/**
 * The root of the tree of `size` leaves in which `leaf` stands at `index`, as far as `proof` tells.
 * Null when the proof can't be one for this index and size: out of range, too short or too long.
 */
export function rootFromInclusion(index: bigint, size: bigint, leaf: Hash, proof: Hash[]): Hash | null {
  if (index < 0n || index >= size) return null;
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) return null;
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? hash : null;
}

export function verifyInclusion(index: bigint, size: bigint, leaf: Hash, proof: Hash[], root: Hash): boolean {
  const computed = rootFromInclusion(index, size, leaf, proof);
  return computed !== null && equalBytes(computed, root);
}

/** Whether the tree (`from`, `fromRoot`) is a prefix of the tree (`to`, `toRoot`). */
export function verifyConsistency(from: bigint, to: bigint, proof: Hash[], fromRoot: Hash, toRoot: Hash): boolean {
  if (from > to) return false;
  if (from === to) return proof.length === 0 && equalBytes(fromRoot, toRoot);
  if (from === 0n) return proof.length === 0 && equalBytes(fromRoot, emptyRoot());
  // A complete left subtree proves itself: its root is the old root, which the proof then leaves out.
  const complete = (from & (from - 1n)) === 0n;
  const path = complete ? [fromRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let node = from - 1n;
  let last = to - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  let older = first;
  let newer = first;
  for (const hash of rest) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      newer = nodeHash(newer, hash);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equalBytes(older, fromRoot) && equalBytes(newer, toRoot);
}
