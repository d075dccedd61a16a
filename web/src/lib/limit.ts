// How far back a reader may look, and how much at a time: what the page can tell before the server refuses it.

import { parseMoment, resolveMoment, type Moment } from './time/moment';

/** ISO 8601 durations; null: unlimited. */
export interface RangeLimit {
  back: string | null;
  span: string | null;
}

/** The server's clock and this one are never quite the same. */
const SLACK_MS = 60_000;

function instant(moment: Moment | null, nowMs: number, zone: string): number | null {
  return moment === null ? null : Date.parse(resolveMoment(moment, nowMs, zone));
}

/** Whether the range of these tokens goes beyond the limit. */
export function isBeyond(since: string, until: string, limit: RangeLimit | null | undefined, now: Date, zone: string): boolean {
  if (limit === null || limit === undefined) return false;
  const nowMs = now.getTime();
  const begin = instant(parseMoment(since, zone), nowMs, zone);
  const end = instant(parseMoment(until, zone), nowMs, zone) ?? nowMs;
  const back = instant(parseMoment(limit.back ?? '', zone), nowMs, zone);
  const span = instant(parseMoment(limit.span ?? '', zone), end, zone);
  return [back, span].some((first) => first !== null && (begin === null || begin < first - SLACK_MS));
}
