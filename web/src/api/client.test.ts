import { describe, expect, it } from 'vitest';

import { ExactNumber } from '$lib/json';

import { TestServer, problem } from '../test/server';
import { Api } from './client';
import { Problem } from './problem';

function apiOf(server: TestServer, key: string | null = 'secret', base = ''): Api {
  return new Api({ base, key: () => key, fetch: server.fetch });
}

async function failure(promise: Promise<unknown>): Promise<Problem> {
  const error: unknown = await promise.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (!(error instanceof Problem)) throw new Error(`expected a problem, got ${String(error)}`);
  return error;
}

describe('the client', () => {
  it('sends the key in a header, never in the address', async () => {
    const server = new TestServer();
    await apiOf(server).events({ q: 'a b', tenant: 'acme', limit: 10 });
    const [request] = server.requests;
    expect(request?.headers.get('authorization')).toBe('Bearer secret');
    expect(request?.url.href).toBe(`${location.origin}/v1/events?q=a%20b&tenant=acme&limit=10`);
  });

  it('finds the server under a path prefix', async () => {
    const server = new TestServer();
    await failure(apiOf(server, 'secret', '/audit/trail').session());
    expect(server.requests[0]?.url.pathname).toBe('/audit/trail/v1/session');
  });

  it('escapes ids', async () => {
    const server = new TestServer();
    await failure(apiOf(server).event('a?b#c%', 'x y'));
    expect(server.requests[0]?.url.pathname).toBe('/v1/events/a%3Fb%23c%25');
    expect(server.requests[0]?.url.search).toBe('?tenant=x%20y');
  });

  it('keeps digits', async () => {
    const server = new TestServer();
    server.intercept = () => new Response('{"data":[{"parameters":{"n":12345678901234567890}}],"complete_through":""}');
    const page = await apiOf(server).events({});
    expect(page.data[0]?.parameters?.n).toEqual(new ExactNumber('12345678901234567890'));
  });

  it("passes the server's clock on", async () => {
    const server = new TestServer();
    const times: number[] = [];
    const api = new Api({ base: '', key: () => 'secret', fetch: server.fetch, onServerTime: (time) => times.push(time) });
    await api.events({});
    expect(times).toEqual([server.now.getTime()]);
  });

  it('turns every failure into a problem', async () => {
    const server = new TestServer();
    expect(await failure(apiOf(server, 'wrong').session())).toMatchObject({ status: 401, code: 'unauthorized', requestId: 'req-4711' });
    server.intercept = () => problem(400, 'invalid_filter', 'Wrong', 'since');
    expect(await failure(apiOf(server).events({}))).toMatchObject({ status: 400, title: 'Wrong', detail: 'since' });
    server.intercept = () => new Response('<h1>Bad gateway</h1>', { status: 502, statusText: 'Bad Gateway' });
    expect(await failure(apiOf(server).events({}))).toMatchObject({ status: 502, code: null, title: '502 Bad Gateway' });
    server.intercept = () => new Response('<html>', { status: 200 });
    expect(await failure(apiOf(server).events({}))).toMatchObject({ status: 200 });
    server.intercept = () => Promise.reject(new TypeError('connection refused'));
    expect(await failure(apiOf(server).events({}))).toMatchObject({ status: 0 });
  });

  it('counts exactly', async () => {
    const server = new TestServer();
    expect(await apiOf(server).count({ tenant: 'acme' })).toBe(4);
  });

  it('lists tenants where it may, and none where it may not', async () => {
    const server = new TestServer();
    expect(await apiOf(server).tenantNames()).toEqual(['acme', 'umbrella']);
    server.intercept = () => problem(403, 'forbidden', 'No');
    expect(await apiOf(server).tenantNames()).toEqual([]);
  });
});
