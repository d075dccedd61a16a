// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { MessageReader, type Message } from './sse';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('Server-Sent Events', () => {
  it.each<[string, string, Message[]]>([
    ['an event', 'id: 1\ndata: {"a":1}\n\n', [{ event: 'message', data: '{"a":1}', id: '1' }]],
    ['a named one', 'event: end\ndata: x\n\n', [{ event: 'end', data: 'x', id: null }]],
    ['a comment', ': hello\n\n', []],
    ['a heartbeat', ': now\nretry: 1000\nid: 7\n\n', [{ event: 'message', data: null, id: '7' }]],
    ['an id that stays', 'id: 7\n\ndata: a\n\ndata: b\n\n', [
      { event: 'message', data: null, id: '7' },
      { event: 'message', data: 'a', id: '7' },
      { event: 'message', data: 'b', id: '7' },
    ]],
    ['several lines of data', 'data: a\ndata:b\ndata\ndata:  c\n\n', [{ event: 'message', data: 'a\nb\n\n c', id: null }]],
    ['CR LF and CR', 'data: a\r\n\r\ndata: b\r\r', [
      { event: 'message', data: 'a', id: null },
      { event: 'message', data: 'b', id: null },
    ]],
    ['what is cut off', 'data: a', []],
    ['what is not dispatched', 'data: a\n', []],
    ['an id with NUL', 'id: a\0b\ndata: x\n\n', [{ event: 'message', data: 'x', id: null }]],
    ['fields of others', 'foo: bar\ndata: x\n\n', [{ event: 'message', data: 'x', id: null }]],
    ['text beyond ASCII', 'data: \u05d0\ud83d\ude00\n\n', [{ event: 'message', data: '\u05d0\ud83d\ude00', id: null }]],
  ])('%s', (_, text, messages) => {
    expect(new MessageReader().read(bytes(text))).toEqual(messages);
    // The same, a byte at a time.
    const reader = new MessageReader();
    expect([...bytes(text)].flatMap((byte) => reader.read(Uint8Array.of(byte)))).toEqual(messages);
  });

  it('reads a megabyte in small pieces in a moment', () => {
    const reader = new MessageReader();
    const whole = bytes(`data: ${'x'.repeat(1_000_000)}\n\n`);
    const start = performance.now();
    const messages: Message[] = [];
    for (let at = 0; at < whole.length; at += 1024) messages.push(...reader.read(whole.subarray(at, at + 1024)));
    expect(messages[0]?.data).toHaveLength(1_000_000);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
