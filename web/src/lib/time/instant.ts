// Instants as the API writes them: RFC 3339 in UTC, up to microseconds.

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Microseconds since 1970, cut and not rounded; null for what isn't RFC 3339. */
export function microsecondsOf(text: string): bigint | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHours, offsetMinutes] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  // `Date.UTC` rolls 30 February over; an instant that doesn't exist is no instant.
  const written = new Date(ms);
  if (written.getUTCDate() !== Number(day) || written.getUTCMonth() !== Number(month) - 1) return null;
  const offset = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(offsetHours) * 60 + Number(offsetMinutes));
  return BigInt(ms - offset * 60_000) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** RFC 3339 in UTC with as many digits as needed: none, milliseconds or microseconds. */
export function toRfc3339(microseconds: bigint): string {
  const ms = Number(microseconds / 1000n);
  const us = Number(microseconds % 1000n);
  const text = new Date(ms).toISOString();
  if (us !== 0) return `${text.slice(0, -1)}${String(us).padStart(3, '0')}Z`;
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text;
}
