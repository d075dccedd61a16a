// A live list: what matches as it comes, newest first, bounded in memory.
//
// It resumes after breaks from the last cursor, so that nothing is missed and nothing comes twice; says what the server
// passed over and what it let go of itself; and holds new rows back while the reader reads. Everything outside (the
// stream, the clock) is handed in.

import { Problem } from '$api/problem';
import type { AuditEvent } from '$api/types';

import { parseJson } from './json';
import { MessageReader, type Message } from './sse';

/** Rows kept, held back or shown: what a table takes, and half an hour of reading. */
export const ROWS_MAX = 1000;
/** How often rows come in: often enough to look like at once, seldom enough for a slow machine. */
const FLUSH_MS = 250;
/** Silence after which a stream counts as broken: three of the longest heartbeats that servers usually have. */
const SILENCE_MS = 60_000;
const RETRY_MS = [1000, 2000, 4000, 8000, 15_000, 30_000];

export type LiveState = 'connecting' | 'live' | 'broken' | 'ended';
export type LiveEnd = 'complete' | 'unauthorized' | 'forbidden' | 'refused';

/** Events that the server passed over, because this page took them too slowly. */
export interface Dropped {
  count: number;
  after: string;
  before: string;
  /** The newest row when it happened: what was passed over belongs above it. */
  above: string | null;
}

/** Opens the stream behind a cursor; null: now. */
export type OpenStream = (
  position: { after: string | null; before?: string },
  signal: AbortSignal,
) => Promise<ReadableStream<Uint8Array>>;

export function keyOf(event: Pick<AuditEvent, 'id' | 'tenant'>): string {
  return `${event.tenant}/${event.id}`;
}

export class LiveList {
  state = $state<LiveState>('connecting');
  end = $state<LiveEnd | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** Shown, newest first. */
  rows = $state.raw<AuditEvent[]>([]);
  /** How many wait to be shown. */
  waiting = $state(0);
  /** How many came since it began, or since it was cleared. */
  arrived = $state(0);
  /** How many older ones were let go of, to stay within bounds. */
  forgotten = $state(0);
  dropped = $state.raw<Dropped[]>([]);
  /** When the connection broke off, something may be missing; the server could not say. */
  gap = $state(false);

  /** New ones, oldest first. */
  private queue: AuditEvent[] = [];
  /** How many came since something was shown; the queue may have fewer. */
  private pending = 0;
  private held = false;
  private last: string | null;
  private readonly ending = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly open: OpenStream,
    initial: readonly AuditEvent[] = [],
    after: string | null = null,
  ) {
    this.rows = initial.slice(0, ROWS_MAX);
    this.last = after;
  }

  /** Follows until it is stopped or there is nothing more to follow. */
  async run(): Promise<void> {
    for (let failures = 0; !this.ending.signal.aborted; ) {
      const seen = this.last;
      const wait = await this.follow();
      if (wait === null) return;
      // A stream that brought something worked: the next try is a first one.
      failures = this.last === seen ? failures + 1 : 1;
      this.state = 'broken';
      await pause(wait > 0 ? wait : (RETRY_MS[Math.min(failures, RETRY_MS.length) - 1] ?? 0), this.ending.signal);
    }
  }

  stop(): void {
    this.ending.abort();
    clearTimeout(this.timer);
  }

  /** While held, new rows wait. */
  hold(held: boolean): void {
    this.held = held;
    if (!held) this.show();
  }

  /** Shows what waits. */
  show(): void {
    if (this.queue.length === 0) return;
    const known = new Set(this.rows.map(keyOf));
    const fresh = this.queue.filter((event) => {
      const key = keyOf(event);
      if (known.has(key)) return false;
      known.add(key);
      return true;
    });
    this.queue = [];
    this.pending = 0;
    this.waiting = 0;
    this.keep([...fresh.reverse(), ...this.rows]);
  }

  /** Begins with an empty list; what comes from now on is shown. */
  clear(): void {
    this.queue = [];
    this.rows = [];
    this.pending = 0;
    this.waiting = 0;
    this.arrived = 0;
    this.forgotten = 0;
    this.dropped = [];
    this.gap = false;
  }

  /** Fetches what the server passed over and puts it where it belongs. */
  async fetchDropped(dropped: Dropped): Promise<void> {
    const events: AuditEvent[] = [];
    const { after, before } = dropped;
    const stream = await this.open({ after, before }, this.ending.signal);
    await readMessages(stream, SILENCE_MS, (message) => {
      if (message.event === 'message' && message.data !== null) events.push(eventOf(message.data));
      return message.event !== 'end';
    });
    this.dropped = this.dropped.filter((one) => one !== dropped);
    // The row that they belong above may wait itself.
    this.show();
    const known = new Set(this.rows.map(keyOf));
    const missed = events.filter((event) => !known.has(keyOf(event))).reverse();
    const place = this.rows.findIndex((row) => keyOf(row) === dropped.above);
    const at = place < 0 ? this.rows.length : place;
    this.keep([...this.rows.slice(0, at), ...missed, ...this.rows.slice(at)]);
  }

  private keep(rows: AuditEvent[]): void {
    this.forgotten += Math.max(0, rows.length - ROWS_MAX);
    this.rows = rows.slice(0, ROWS_MAX);
  }

  /** Returns after how many milliseconds to try again (0: as usual), or null at the end. */
  private async follow(): Promise<number | null> {
    try {
      const stream = await this.open({ after: this.last }, this.ending.signal);
      this.state = 'live';
      this.problem = null;
      return await readMessages(stream, SILENCE_MS, (message) => this.take(message)) ? 0 : null;
    } catch (error) {
      if (this.ending.signal.aborted) return null;
      return this.refused(error);
    }
  }

  private refused(error: unknown): number | null {
    if (!(error instanceof Problem)) return 0;
    if (error.code === 'invalid_cursor' && this.last !== null) {
      // Another history than the one that was followed: go on from now, and say so.
      this.last = null;
      this.gap = true;
      return 0;
    }
    const passing = error.status === 0 || error.status === 429 || error.status >= 500;
    if (passing) return (error.retryAfterSeconds ?? 0) * 1000;
    this.finish(error.status === 401 ? 'unauthorized' : error.status === 403 ? 'forbidden' : 'refused');
    this.problem = error;
    return null;
  }

  private finish(end: LiveEnd): void {
    this.show();
    this.state = 'ended';
    this.end = end;
  }

  /** Returns whether to go on reading. */
  private take({ event, data, id }: Message): boolean {
    if (id !== null) this.last = id;
    if (data === null) return true;
    switch (event) {
      case 'message':
        this.add(eventOf(data));
        return true;
      case 'dropped': {
        const { count, after, before } = JSON.parse(data) as { count: number; after: string; before: string };
        const newest = this.queue.at(-1) ?? this.rows[0];
        this.dropped = [...this.dropped, { count, after, before, above: newest === undefined ? null : keyOf(newest) }];
        return true;
      }
      case 'end': {
        const { reason } = JSON.parse(data) as { reason: string };
        if (reason === 'complete' || reason === 'unauthorized' || reason === 'forbidden') {
          this.finish(reason);
          return false;
        }
        // The server stops or can't now: the stream ends by itself, and is opened again.
        return true;
      }
      default:
        return true;
    }
  }

  private add(event: AuditEvent): void {
    this.arrived += 1;
    this.pending += 1;
    this.queue.push(event);
    // Twice the bound at most, so that it is cut once in a thousand.
    if (this.queue.length >= 2 * ROWS_MAX) {
      this.forgotten += this.queue.length - ROWS_MAX;
      this.queue = this.queue.slice(-ROWS_MAX);
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.held) this.waiting = this.pending;
      else this.show();
    }, FLUSH_MS);
  }
}

function eventOf(data: string): AuditEvent {
  // The server's own OpenAPI document is what vouches for the shape.
  return parseJson(data) as unknown as AuditEvent;
}

/** Reads messages until the stream ends (then true), or `take` had enough (then false). Silence is an error. */
async function readMessages(
  stream: ReadableStream<Uint8Array>,
  silenceMs: number,
  take: (message: Message) => boolean,
): Promise<boolean> {
  const reader = stream.getReader();
  const messages = new MessageReader();
  let alarm: ReturnType<typeof setTimeout> | undefined;
  try {
    for (;;) {
      const silence = new Promise<never>((_, reject) => {
        alarm = setTimeout(() => reject(new Error('the stream went silent')), silenceMs);
      });
      const { done, value } = await Promise.race([reader.read(), silence]);
      clearTimeout(alarm);
      if (done) return true;
      for (const message of messages.read(value)) {
        if (!take(message)) return false;
      }
    }
  } finally {
    clearTimeout(alarm);
    void reader.cancel().catch(() => undefined);
  }
}

/** Waits, or until it is over. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        done();
      },
      { once: true },
    );
  });
}
