// A program of the world around the server, a real one: it says in its first line where it is, talks in lines of JSON,
// and ends with its standard input.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

export class Part<Ready> {
  private constructor(
    private readonly process: ChildProcess,
    private readonly lines: Interface,
    /** What it said at its start. */
    readonly ready: Ready,
  ) {}

  static async start<Ready>(script: string, args: string[] = []): Promise<Part<Ready>> {
    const path = resolve(import.meta.dirname, '../../tools/parts', script);
    const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [ready] = (await once(lines, 'line')) as [string];
    return new Part(child, lines, JSON.parse(ready) as Ready);
  }

  /** Gives it a command and returns its answer; one at a time. */
  async tell<Answer>(command: unknown): Promise<Answer> {
    const answered = once(this.lines, 'line') as Promise<[string]>;
    this.process.stdin?.write(`${JSON.stringify(command)}\n`);
    const [answer] = await answered;
    return JSON.parse(answer) as Answer;
  }

  async stop(): Promise<void> {
    const ended = once(this.process, 'exit');
    this.process.stdin?.end();
    await ended;
  }
}
