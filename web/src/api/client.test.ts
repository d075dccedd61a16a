import { describe, expect, it } from 'vitest';

import { ExactNumber } from '$lib/json';

import { TestServer, problem } from '../test/server';
import { Api, VISITOR, type Credential } from './client';
import { Problem } from './problem';

function apiOf(server: TestServer, key = 'secret', base = ''): Api {
  return new Api({ base, credential: () => ({ kind: 'key', key }), fetch: server.fetch });
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

  it('leaves cookies out of what a key asks, and keys out of what a session asks', async () => {
    const server = new TestServer();
    await apiOf(server).session();
    await failure(apiOf(server).as({ kind: 'session', csrf: 'token' }).session());
    const [byKey, bySession] = server.requests;
    expect([byKey?.credentials, byKey?.headers.has('x-csrf-token')]).toEqual(['omit', false]);
    expect([bySession?.credentials, bySession?.headers.has('authorization')]).toEqual(['same-origin', false]);
    expect(bySession?.headers.has('x-csrf-token')).toBe(false);
  });

  it('shows with every change of a session that it comes from the page', async () => {
    const server = new TestServer();
    server.intercept = () => new Response(null, { status: 204 });
    const api = new Api({ base: '', credential: () => ({ kind: 'session', csrf: 'token' }), fetch: server.fetch });
    await api.changePassword({ current: 'a', password: 'b' });
    await api.endSession('one');
    await api.removeSecondFactor({ current: 'a' });
    await api.signOut();
    const told = server.requests.map(({ method, url, headers }) => `${method} ${url.pathname} ${headers.get('x-csrf-token')}`);
    expect(told).toEqual([
      'PUT /v1/profile/password token',
      'DELETE /v1/sessions/one token',
      'DELETE /v1/profile/second-factor token',
      'POST /v1/sign-out token',
    ]);
  });

  describe('after a refused change', () => {
    function apiAfterRenewal(renewed: string | null) {
      const server = new TestServer();
      const bodies: string[] = [];
      server.intercept = async (_, request) => {
        bodies.push(`${request.headers.get('x-csrf-token')} ${await request.text()}`);
        return request.headers.get('x-csrf-token') === 'new' ? new Response(null, { status: 204 }) : problem(403, 'forbidden', 'No');
      };
      const asked: string[] = [];
      const renewedToken = (token: string): Promise<string | null> => {
        asked.push(token);
        return Promise.resolve(renewed);
      };
      const api = new Api({ base: '', credential: () => ({ kind: 'session', csrf: 'old' }), fetch: server.fetch, renewedToken });
      return { api, bodies, asked };
    }
    const change = { current: 'a', password: 'b' };

    it('sends it once more with the token of today', async () => {
      const { api, bodies, asked } = apiAfterRenewal('new');
      await api.changePassword(change);
      expect(asked).toEqual(['old']);
      expect(bodies).toEqual([`old ${JSON.stringify(change)}`, `new ${JSON.stringify(change)}`]);
    });

    it('sends it no more where there is no other token, and never a third time', async () => {
      const without = apiAfterRenewal(null);
      expect(await failure(without.api.changePassword(change))).toMatchObject({ status: 403 });
      expect(without.bodies).toHaveLength(1);
      const again = apiAfterRenewal('newer still');
      expect(await failure(again.api.changePassword(change))).toMatchObject({ status: 403 });
      expect([again.bodies.length, again.asked]).toEqual([2, ['old']]);
    });

    it('leaves alone what is no change, and what somebody else asks', async () => {
      const { api, bodies, asked } = apiAfterRenewal('new');
      await failure(api.profile());
      await failure(api.as({ kind: 'session', csrf: 'old' }).changePassword(change));
      await failure(api.as({ kind: 'key', key: 'secret' }).changePassword(change));
      expect([bodies.length, asked]).toEqual([3, []]);
    });
  });

  it('signs in as nobody, whoever was signed in before', async () => {
    const server = new TestServer();
    server.intercept = () => new Response('{"user":"1","username":"ada","csrf":"c","expires_at":""}');
    await apiOf(server).signIn({ username: 'ada', password: 'x' });
    const [request] = server.requests;
    expect(request?.headers.has('authorization')).toBe(false);
    // Else the browser would not keep the cookie.
    expect(request?.credentials).toBe('same-origin');
  });

  it('asks for a new password as nobody, and takes an answer without a body', async () => {
    const server = new TestServer();
    const bodies: string[] = [];
    server.intercept = async (_, request) => {
      bodies.push(await request.text());
      return new Response(null, { status: 202 });
    };
    await apiOf(server).resetPassword('ada@example.com');
    const [request] = server.requests;
    expect([request?.method, request?.url.pathname, request?.headers.has('authorization')]).toEqual(['POST', '/v1/password/reset', false]);
    expect(bodies).toEqual(['{"user":"ada@example.com"}']);
  });

  it('tells what was refused, but not of somebody who tries to sign in', async () => {
    const server = new TestServer();
    const refused: Credential[] = [];
    const credential: Credential = { kind: 'session', csrf: null };
    const api = new Api({ base: '', credential: () => credential, fetch: server.fetch, onRefused: (which) => refused.push(which) });
    await failure(api.signIn({ username: 'ada', password: 'x' }));
    await failure(api.as({ kind: 'key', key: 'wrong' }).session());
    expect(refused).toEqual([]);
    await failure(api.session());
    expect(refused).toEqual([credential]);
    expect(refused[0]).toBe(credential);
  });

  it('knows no provider where the server knows none, and leads to those that there are', async () => {
    const server = new TestServer();
    expect(await apiOf(server).signInOffers()).toEqual({ data: [], password_reset: false });
    const api = apiOf(server, 'secret', '/audit');
    expect(api.providerAddress({ id: 'a/b', name: 'A' }, '/?q=x&tz=UTC')).toBe(
      '/audit/v1/sign-in/providers/a%2Fb?return_to=%2F%3Fq%3Dx%26tz%3DUTC',
    );
    for (const refused of ['//evil.example/', '/\\evil.example', '/?q=a\\b', 'https://evil.example', '', `/?q=${'x'.repeat(1021)}`]) {
      expect(api.providerAddress({ id: 'a', name: 'A' }, refused), refused).toMatch(/return_to=%2F$/);
    }
    expect(api.providerAddress({ id: 'a', name: 'A' }, `/?q=${'x'.repeat(1020)}`)).toMatch(/xxx$/);
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
    const api = new Api({ base: '', credential: () => VISITOR, fetch: server.fetch, onServerTime: (time) => times.push(time) });
    await api.as({ kind: 'key', key: 'secret' }).events({});
    expect(times).toEqual([server.now.getTime()]);
  });

  it('turns every failure into a problem', async () => {
    const server = new TestServer();
    expect(await failure(apiOf(server, 'wrong').session())).toMatchObject({ status: 401, code: 'unauthorized', requestId: 'req-4711' });
    server.intercept = () => problem(400, 'invalid_filter', 'Wrong', 'since');
    expect(await failure(apiOf(server).events({}))).toMatchObject({ status: 400, title: 'Wrong', detail: 'since' });
    server.intercept = () => problem(429, 'rate_limited', 'Too many', 'wait', { retryAfter: 8 });
    expect(await failure(apiOf(server).session())).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 8 });
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
