// People of an event whom the server recognised at receipt: what version 2 of the envelope adds.
//
// Strict like all of the verifier: places and names ascend and neither repeats, so one list has one encoding.

import type { Recognised } from '$api/types';

import { Malformed, toHex, type Reader } from './bytes';

const GROUPS = 1;
const ROLES = 2;

export function readPeople(reader: Reader): Recognised[] {
  const count = reader.u16();
  if (count === 0) throw new Malformed('envelope', 'version 2 without people');
  const people: Recognised[] = [];
  let last = -1;
  for (let at = 0; at < count; at += 1) {
    const place = reader.u16();
    if (place <= last) throw new Malformed('envelope', 'people out of order');
    last = place;
    const user = uuid(reader.bytesOf(16));
    const recorded = reader.u8();
    if ((recorded & ~(GROUPS | ROLES)) !== 0) throw new Malformed('envelope', 'unknown record of a person');
    const groups = (recorded & GROUPS) === 0 ? null : readNames(reader);
    const roles = (recorded & ROLES) === 0 ? null : readNames(reader);
    people.push({ place: pointer(place), user, groups, roles });
  }
  return people;
}

function readNames(reader: Reader): string[] {
  const names: string[] = [];
  for (let left = reader.u16(); left > 0; left -= 1) {
    const name = reader.text();
    // No name is below the empty one, so that one is refused too.
    if (!isBelow(names.at(-1) ?? '', name)) throw new Malformed('envelope', 'names out of order');
    names.push(name);
  }
  return names;
}

/** In the order of code points, which is that of UTF-8 bytes; JavaScript's own is that of UTF-16. */
function isBelow(left: string, right: string): boolean {
  const [a, b] = [Array.from(left), Array.from(right)];
  const at = a.findIndex((character, index) => character !== b[index]);
  if (at === -1) return a.length < b.length;
  return (a[at]?.codePointAt(0) ?? -1) < (b[at]?.codePointAt(0) ?? -1);
}

function pointer(place: number): string {
  return place === 0 ? '/actor' : place === 1 ? '/on_behalf_of' : `/targets/${place - 2}`;
}

function uuid(bytes: Uint8Array): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
