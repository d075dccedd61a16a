// Starts the real server on a fresh directory, and talks to it as a program would.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createServer, request, type Server as HttpServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

import { toJson } from './events';

const ADMIN_KEY = 'e2e-admin-key-of-this-run-only';

/** A reverse proxy as operators run them: takes `/audit/trail/x` and asks the server for `/x`. */
async function proxy(prefix: string, target: URL): Promise<HttpServer> {
  const proxying = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    if (!path.startsWith(`${prefix}/`)) {
      outgoing.writeHead(404).end('outside of the prefix');
      return;
    }
    const { method, headers } = incoming;
    const options = { host: target.hostname, port: target.port, path: path.slice(prefix.length), method, headers };
    const forwarded = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((listening) => proxying.listen(0, '127.0.0.1', listening));
  return proxying;
}

/** The server refuses variables that it doesn't know, so it gets no more than it needs. */
const ENVIRONMENT = { PATH: process.env.PATH ?? '' };

function binary(): string {
  const path = resolve(import.meta.dirname, '..', process.env.INDELIBLE_BIN ?? '../target/debug/indelible');
  if (!existsSync(path)) throw new Error(`no server at ${path}: build it with \`cargo build -p indelible-cli\``);
  return path;
}

/** A port that nobody has: for a server that has to know its own address before it starts. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((listening) => probe.listen(0, '127.0.0.1', listening));
  const { port } = probe.address() as AddressInfo;
  await new Promise((closed) => probe.close(closed));
  return port;
}

export interface Start {
  /** Path under which a proxy serves it. */
  prefix?: string;
  /** Whether it knows the address that people type, `public_url`. */
  known?: boolean;
  /** Further settings by their names. */
  settings?: Record<string, string>;
}

export interface NewKey {
  name: string;
  permissions: string[];
  reach: 'everything' | { tenants: string[] };
}

export class Server {
  private constructor(
    private readonly process: ChildProcess,
    private readonly directory: string,
    /** Where it is, path prefix included, without a slash at the end. */
    readonly url: string,
    private readonly proxying: HttpServer | null,
    /** The secret of the link that the server printed for its first administrator. */
    readonly setUpLink: string,
  ) {}

  readonly adminKey = ADMIN_KEY;

  static async start(options: Start = {}): Promise<Server> {
    const directory = mkdtempSync(join(tmpdir(), 'indelible-e2e-'));
    const listen = `127.0.0.1:${options.known === true ? await freePort() : 0}`;
    const settings = {
      data: join(directory, 'data'),
      listen,
      wal_segment_bytes: '16777216',
      ...(options.prefix === undefined ? {} : { path_prefix: options.prefix }),
      ...(options.known === true ? { public_url: `http://${listen}` } : {}),
      ...options.settings,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, value]);
    const child = spawn(binary(), ['serve', ...args], {
      env: { ...ENVIRONMENT, HOME: directory, INDELIBLE_ADMIN_KEY: ADMIN_KEY },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    const [url, link] = await new Promise<[string, string]>((ready, failed) => {
      child.stderr.setEncoding('utf8');
      child.stderr.on('data', (chunk: string) => {
        said += chunk;
        // The server says both at one time, the link last.
        const match = /indelible is ready at (http:\/\/\S+?)\/?\s/.exec(said);
        const printed = /\/set-up#(il_[0-9a-f]+)\s/.exec(said);
        if (match?.[1] !== undefined && printed?.[1] !== undefined) ready([match[1], printed[1]]);
      });
      child.once('exit', (code) => failed(new Error(`the server ended with ${code}:\n${said}`)));
      child.once('error', failed);
    });
    if (options.prefix === undefined) return new Server(child, directory, url, null, link);
    // The proxy strips the prefix; the page has to know it all the same.
    const proxying = await proxy(options.prefix, new URL(url));
    const { port } = proxying.address() as AddressInfo;
    return new Server(child, directory, `http://127.0.0.1:${port}${options.prefix}`, proxying, link);
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.proxying?.closeAllConnections();
    this.proxying?.close();
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A request with the administrator's key; fails on every status but success. */
  async call<T>(method: string, path: string, body?: unknown, key = ADMIN_KEY): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async createTenant(name: string, parent: string | null = null): Promise<void> {
    await this.call('POST', '/v1/tenants', { name, parent, auditing: true });
  }

  async createKey(key: NewKey): Promise<{ id: string; key: string }> {
    return this.call('POST', '/v1/keys', { ...key, expires: null });
  }

  /** Makes a user who is invited, and the link to choose a password by. */
  async invite(username: string, roles: string[] = ['Administrator']): Promise<{ id: string; link: string }> {
    const { id } = await this.call<{ id: string }>('POST', '/v1/users', { username, roles: roles.map((role) => ({ role })) });
    const { link } = await this.call<{ link: string }>('POST', `/v1/users/${id}/link`);
    return { id, link };
  }

  /** Makes a user who can sign in. */
  async createUser(username: string, password: string, roles?: string[]): Promise<string> {
    const { id, link } = await this.invite(username, roles);
    const response = await fetch(`${this.url}/v1/password`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ link, password }),
    });
    if (!response.ok) throw new Error(`choosing a password: ${response.status} ${await response.text()}`);
    return id;
  }

  async send(events: unknown[], type = 'application/json'): Promise<void> {
    const response = await fetch(`${this.url}/v1/events`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${ADMIN_KEY}`, 'Content-Type': type },
      body: toJson(events),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`not all events were taken: ${response.status} ${text}`);
  }

  /** Imports a file of another product by the command line, as an operator would. */
  async import(format: string, file: string, args: string[]): Promise<void> {
    await promisify(execFile)(binary(), ['import', '--format', format, ...args, file], {
      // Imports keep their progress below HOME: a fresh one begins afresh.
      env: { ...ENVIRONMENT, HOME: this.directory, INDELIBLE_URL: this.url, INDELIBLE_KEY: ADMIN_KEY },
      maxBuffer: 1 << 26,
    });
  }

  async count(query: string): Promise<number> {
    const page = await this.call<{ total: number }>('GET', `/v1/events?limit=1&total=true&${query}`);
    return page.total;
  }

  /** Waits until so many events can be found: an acknowledged event normally is within a second. */
  async waitForCount(query: string, expected: number): Promise<void> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const count = await this.count(query);
      if (count === expected) return;
      if (Date.now() > deadline) throw new Error(`${count} events match ${query}, expected ${expected}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}
