// What the server counts, for component tests: totals, histograms and values of the events of a `TestServer`.

import type { AuditEvent, Bucket, FieldValues, Histogram, Party, Stats, ValueCount } from '$api/types';
import { microsecondsOf, toRfc3339 } from '$lib/time/instant';
import { shownTime } from '$lib/time/zone';

import type { TestServer } from './server';

function namesOf(party: Party | null | undefined): string[] {
  const names = [party?.username, party?.id, party?.name, ...(party?.aliases ?? [])];
  return names.flatMap((name) => (typeof name === 'string' ? [name] : []));
}

const FIELDS: Record<string, (event: AuditEvent) => string[]> = {
  action: (event) => [event.action],
  action_type: (event) => [event.action_type],
  outcome: (event) => (event.outcome?.result ? [event.outcome.result] : []),
  tenant: (event) => [event.tenant],
  ip: (event) => (event.client?.ip ? [event.client.ip] : []),
  actor: (event) => namesOf(event.actor),
  affected: (event) => (event.targets ?? []).flatMap(namesOf),
  user: (event) => [...namesOf(event.actor), ...(event.targets ?? []).flatMap(namesOf)],
};

function matching(events: readonly AuditEvent[], params: URLSearchParams): AuditEvent[] {
  const since = microsecondsOf(params.get('since') ?? '') ?? 0n;
  const until = microsecondsOf(params.get('until') ?? '') ?? 1n << 62n;
  return events.filter((event) => {
    const time = microsecondsOf(event.time) ?? 0n;
    const addressless = !params.getAll('filter').includes('not ip pr') || event.client?.ip === undefined;
    return (
      time >= since &&
      time < until &&
      addressless &&
      Object.entries(FIELDS).every(([name, values]) => {
        const wanted = params.getAll(name).map((value) => value.toLowerCase());
        return wanted.length === 0 || values(event).some((value) => wanted.includes(value.toLowerCase()));
      })
    );
  });
}

function counted(events: readonly AuditEvent[], field: string): ValueCount[] {
  const counts = new Map<string, number>();
  for (const event of events) {
    for (const value of new Set(FIELDS[field]?.(event) ?? [])) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].map(([value, count]) => ({ value, count })).sort((left, right) => right.count - left.count);
}

function stats(events: readonly AuditEvent[]): Stats {
  const times = events.map(({ time }) => time).sort();
  return {
    total: events.length,
    users: counted(events, 'actor').length,
    domains: new Set(events.flatMap((event) => event.actor?.tenant ?? [])).size,
    tenants: counted(events, 'tenant').length,
    first: times[0] ?? null,
    last: times.at(-1) ?? null,
    by: {
      outcome: counted(events, 'outcome'),
      severity: [],
      action_type: counted(events, 'action_type'),
      object_category: [],
    },
  };
}

const HOUR_US = 3_600_000_000n;

/** Buckets of an hour or of six, in UTC. */
function histogram(events: readonly AuditEvent[], params: URLSearchParams): Histogram {
  const interval = params.get('interval') ?? 'PT6H';
  const step = interval === 'PT1H' ? HOUR_US : 6n * HOUR_US;
  const tz = params.get('tz') ?? 'UTC';
  const by = params.get('by');
  const times = events.map(({ time }) => microsecondsOf(time) ?? 0n).sort((left, right) => (left < right ? -1 : 1));
  const from = microsecondsOf(params.get('since') ?? '') ?? times[0] ?? null;
  const to = microsecondsOf(params.get('until') ?? '') ?? (times.at(-1) ?? 0n) + 1n;
  const empty = { interval, tz, total: 0, buckets: [], ...(by === null ? {} : { series: [], others: [], without: [] }) };
  if (from === null || from >= to) return empty;

  const buckets: Bucket[] = [];
  for (let at = from - (from % step); at < to; at += step) {
    const start = toRfc3339(at);
    const local = shownTime(start, tz);
    const offset = local?.offset === 'Z' ? '+00:00' : local?.offset;
    buckets.push({ start, end: toRfc3339(at + step), local: `${local?.date}T${local?.time}${offset}`, count: 0 });
  }
  const place = (event: AuditEvent): number => Number(((microsecondsOf(event.time) ?? 0n) - (from - (from % step))) / step);
  const counts = (some: readonly AuditEvent[]): number[] =>
    some.reduce((all, event) => all.map((count, index) => count + (index === place(event) ? 1 : 0)), buckets.map(() => 0));
  const all = counts(events);
  buckets.forEach((bucket, index) => {
    bucket.count = all[index] ?? 0;
  });
  const answer = { interval, tz, total: events.length, buckets };
  if (by === null) return answer;
  const having = (value: string | null): AuditEvent[] =>
    events.filter((event) => {
      const values = FIELDS[by]?.(event) ?? [];
      return value === null ? values.length === 0 : values.includes(value);
    });
  return {
    ...answer,
    series: counted(events, by).map(({ value, count }) => ({ value, total: count, counts: counts(having(value)) })),
    others: buckets.map(() => 0),
    without: counts(having(null)),
  };
}

function values(events: readonly AuditEvent[], field: string, limit: number): FieldValues {
  const all = counted(events, field);
  const missing = events.filter((event) => (FIELDS[field]?.(event) ?? []).length === 0).length;
  return { field, values: all.slice(0, limit), distinct: all.length, missing };
}

function answerTo({ pathname, searchParams }: URL, events: readonly AuditEvent[]): unknown {
  const found = matching(events, searchParams);
  if (pathname === '/v1/stats') return stats(found);
  if (pathname === '/v1/histogram') return histogram(found, searchParams);
  const field = /^\/v1\/values\/(\w+)$/.exec(pathname)?.[1];
  if (field !== undefined) return values(found, field, Number(searchParams.get('limit') ?? '20'));
  if (pathname === '/v1/events') return { data: found, complete_through: '2026-11-21T12:00:00.000000Z', next: null, prev: null };
  return null;
}

/** Makes a server count, and answer lists of events as it always does. */
export function withCounts(server: TestServer): TestServer {
  server.intercept = (url) => {
    const answer = url.pathname === '/v1/events' ? null : answerTo(url, server.asOf(url.searchParams));
    return answer === null ? null : new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } });
  };
  return server;
}

/** Makes a server count, too. */
export function withFigures(server: TestServer): TestServer {
  server.intercept = (url) => {
    const answer = answerTo(url, server.events);
    return answer === null ? null : new Response(JSON.stringify(answer), { headers: { 'Content-Type': 'application/json' } });
  };
  return server;
}
