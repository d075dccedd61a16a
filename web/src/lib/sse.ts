// Server-Sent Events read from the bytes of an answer: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
//
// Not by `EventSource`, which can bear no key. An event without data sets the last id and is told of, too: it shows that
// the stream is alive.

export interface Message {
  /** `message` where the server named none. */
  event: string;
  /** Null: an event without data. */
  data: string | null;
  /** The last id that the server set; null: none so far. */
  id: string | null;
}

export class MessageReader {
  private readonly decoder = new TextDecoder();
  /** A line that has not ended yet, in pieces: a megabyte comes in many. */
  private rest: string[] = [];
  private afterReturn = false;
  private event = '';
  private data: string[] = [];
  private touched = false;
  private id: string | null = null;

  /** Takes the next bytes; returns the messages that they complete. */
  read(bytes: Uint8Array): Message[] {
    const messages: Message[] = [];
    const text = this.decoder.decode(bytes, { stream: true });
    if (text === '') return messages;
    // A line ends with \r, \n or both: the second half may come with the next bytes.
    const begun = this.afterReturn && text.startsWith('\n') ? text.slice(1) : text;
    this.afterReturn = text.endsWith('\r');
    const lines = begun.split(/\r\n|\n|\r/);
    const last = lines.pop() ?? '';
    for (const line of lines) {
      const whole = this.rest.length === 0 ? line : this.rest.join('') + line;
      this.rest = [];
      const message = this.line(whole);
      if (message !== null) messages.push(message);
    }
    if (last !== '') this.rest.push(last);
    return messages;
  }

  private line(line: string): Message | null {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return null;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    this.touched = true;
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value === '' ? null : value;
    return null;
  }

  private dispatch(): Message | null {
    if (!this.touched) return null;
    const message = {
      event: this.event === '' ? 'message' : this.event,
      data: this.data.length === 0 ? null : this.data.join('\n'),
      id: this.id,
    };
    this.event = '';
    this.data = [];
    this.touched = false;
    return message;
  }
}
