import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Problem } from '$api/problem';
import type { AuditEvent } from '$api/types';

import { LiveList, ROWS_MAX, type OpenStream } from './live.svelte';

/** A server of one stream at a time. */
class Streams {
  readonly asked: { after: string | null; before?: string }[] = [];
  readonly refusals: Problem[] = [];
  private sink: ReadableStreamDefaultController<Uint8Array> | null = null;

  readonly open: OpenStream = (position, signal) => {
    this.asked.push(position);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return Promise.reject(refusal);
    return Promise.resolve(
      new ReadableStream<Uint8Array>({
        start: (sink) => {
          this.sink = sink;
          signal.addEventListener('abort', () => {
            try {
              sink.error(new DOMException('aborted', 'AbortError'));
            } catch {
              // It had ended.
            }
          });
        },
      }),
    );
  };

  say(text: string): void {
    this.sink?.enqueue(new TextEncoder().encode(text));
  }

  send(from: number, to = from): void {
    let text = '';
    for (let seq = from; seq <= to; seq += 1) text += `id: c${seq}\ndata: ${JSON.stringify(event(seq))}\n\n`;
    this.say(text);
  }

  end(): void {
    this.sink?.close();
  }
}

function event(seq: number): AuditEvent {
  return { id: `e${seq}`, tenant: 'acme', time: '2026-11-20T10:00:00Z', action: `Step ${seq}`, action_type: 'other' } as AuditEvent;
}

describe('a live list', () => {
  let streams = new Streams();
  let list = new LiveList(streams.open);
  const ids = (): string[] => list.rows.map(({ id }) => id);
  const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

  function begin(initial: AuditEvent[] = [], after: string | null = null): void {
    streams = new Streams();
    list = new LiveList(streams.open, initial, after);
    void list.run();
  }

  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    list.stop();
    vi.useRealTimers();
  });

  it('goes on where the result ended, newest first', async () => {
    begin([event(1)], 'as-of');
    await pass(0);
    expect(list.state).toBe('live');
    expect(streams.asked).toEqual([{ after: 'as-of' }]);
    streams.send(2, 4);
    await pass(300);
    expect(ids()).toEqual(['e4', 'e3', 'e2', 'e1']);
    expect(list.arrived).toBe(3);
  });

  it('holds new rows back, counts them, and shows them when asked', async () => {
    begin();
    await pass(0);
    list.hold(true);
    streams.send(1, 37);
    await pass(300);
    expect(ids()).toEqual([]);
    expect(list.waiting).toBe(37);
    list.show();
    expect(ids()).toHaveLength(37);
    expect([list.waiting, ids()[0]]).toEqual([0, 'e37']);
    streams.send(38);
    await pass(300);
    expect(list.waiting).toBe(1);
    list.hold(false);
    expect(ids()[0]).toBe('e38');
  });

  it('shows no event twice', async () => {
    begin([event(2), event(1)]);
    await pass(0);
    streams.send(1, 3);
    await pass(300);
    expect(ids()).toEqual(['e3', 'e2', 'e1']);
  });

  it('resumes from the last cursor after a break, a heartbeat\'s too, and waits longer each time', async () => {
    begin();
    await pass(0);
    streams.send(1);
    streams.say(': now\nid: beat\n\n');
    await pass(0);
    streams.end();
    await pass(0);
    expect(list.state).toBe('broken');
    streams.refusals.push(new Problem(0, null, 'no answer', null, null), new Problem(503, 'unavailable', 'no', null, null, [], 7));
    await pass(1000);
    expect(streams.asked).toEqual([{ after: null }, { after: 'beat' }]);
    await pass(2000);
    expect(streams.asked).toHaveLength(3);
    await pass(6900);
    expect(streams.asked).toHaveLength(3);
    await pass(200);
    expect(streams.asked).toHaveLength(4);
    expect(list.state).toBe('live');
  });

  it('takes silence for a break', async () => {
    begin();
    await pass(0);
    streams.send(1);
    await pass(59_000);
    expect(list.state).toBe('live');
    await pass(1300);
    expect(list.state).toBe('broken');
    await pass(1000);
    expect(streams.asked.at(-1)).toEqual({ after: 'c1' });
  });

  it.each<[string, string, string]>([
    ['the end of the range', 'complete', 'complete'],
    ['a key that ended', 'unauthorized', 'unauthorized'],
    ['a right that was taken', 'forbidden', 'forbidden'],
  ])('ends with %s', async (_, reason, end) => {
    begin();
    await pass(0);
    streams.send(1);
    streams.say(`event: end\ndata: {"reason":"${reason}"}\n\n`);
    await pass(60_000);
    expect([list.state, list.end, ids()]).toEqual(['ended', end, ['e1']]);
    expect(streams.asked).toHaveLength(1);
  });

  it('comes back when the server stops', async () => {
    begin();
    await pass(0);
    streams.say('event: end\ndata: {"reason":"stopping"}\n\n');
    streams.end();
    await pass(1500);
    expect([list.state, streams.asked.length]).toEqual(['live', 2]);
  });

  it('tells a wrong filter, and goes on from now where the history is another one', async () => {
    begin();
    list.stop();
    streams = new Streams();
    streams.refusals.push(new Problem(400, 'invalid_filter', 'wrong', null, null));
    list = new LiveList(streams.open);
    void list.run();
    await pass(0);
    expect([list.end, list.problem?.code]).toEqual(['refused', 'invalid_filter']);

    streams = new Streams();
    streams.refusals.push(new Problem(400, 'invalid_cursor', 'another', null, null));
    list = new LiveList(streams.open, [], 'old');
    void list.run();
    await pass(1500);
    expect([list.gap, list.state, streams.asked]).toEqual([true, 'live', [{ after: 'old' }, { after: null }]]);
  });

  it('says what the server dropped, and puts it where it belongs', async () => {
    begin();
    await pass(0);
    streams.send(1, 2);
    streams.say('id: c4\nevent: dropped\ndata: {"count":2,"after":"c2","before":"c4"}\n\n');
    streams.send(5);
    await pass(300);
    expect(ids()).toEqual(['e5', 'e2', 'e1']);
    const [dropped] = list.dropped;
    expect(dropped).toMatchObject({ count: 2, after: 'c2', before: 'c4' });
    if (dropped === undefined) return;
    const fetched = list.fetchDropped(dropped);
    await pass(0);
    expect(streams.asked.at(-1)).toEqual({ after: 'c2', before: 'c4' });
    streams.send(3, 4);
    streams.say('event: end\ndata: {"reason":"complete"}\n\n');
    await fetched;
    expect(ids()).toEqual(['e5', 'e4', 'e3', 'e2', 'e1']);
    expect(list.dropped).toEqual([]);
  });

  it('keeps no more than it may, shown or waiting, and says how many it let go of', async () => {
    begin();
    await pass(0);
    streams.send(1, 1500);
    await pass(300);
    expect([list.rows.length, list.forgotten, ids()[0]]).toEqual([ROWS_MAX, 500, 'e1500']);
    list.hold(true);
    for (let at = 1501; at < 11_501; at += 500) {
      streams.send(at, at + 499);
      await pass(300);
    }
    expect([list.rows.length, list.waiting]).toEqual([ROWS_MAX, 10_000]);
    list.show();
    expect([list.rows.length, ids()[0], ids().at(-1)]).toEqual([ROWS_MAX, 'e11500', 'e10501']);
    expect(list.forgotten).toBe(10_500);
    list.clear();
    expect([list.rows, list.forgotten, list.arrived]).toEqual([[], 0, 0]);
  });
});
