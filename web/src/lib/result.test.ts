import { beforeEach, describe, expect, it } from 'vitest';

import { Api } from '$api/client';

import { TestServer } from '../test/server';
import { lastResult } from './result.svelte';

let server = new TestServer();
const api = (): Api => new Api({ base: '', credential: () => ({ kind: 'key', key: 'secret' }), fetch: server.fetch });

beforeEach(() => {
  server = new TestServer();
});

describe('the result that the reader comes from', () => {
  it('goes on past what was loaded, to its end', async () => {
    const query = { tenant: 'acme', limit: 2 };
    const ids = server.events.filter(({ tenant }) => tenant === 'acme').map(({ id }) => id);
    lastResult.remember(server.events.filter(({ tenant }) => tenant === 'acme').slice(0, 2), '/?tenant=acme', { query, after: '2' });
    const last = { id: ids[1] ?? '', tenant: 'acme' };
    expect(lastResult.around(last)).toMatchObject({ next: null, hasMore: true, place: 2, count: 2 });
    await lastResult.loadMore(api());
    expect(lastResult.around(last)).toMatchObject({ next: { id: ids[2] }, href: '/?tenant=acme', hasMore: false, count: 4 });
    await lastResult.loadMore(api());
    expect(server.requests.map(({ url }) => url.search)).toEqual(['?tenant=acme&limit=2&after=2']);
  });

  it('is left alone where it has become another one meanwhile', async () => {
    lastResult.remember(server.events.slice(0, 1), '/?q=a', { query: { limit: 1 }, after: '1' });
    const loading = lastResult.loadMore(api());
    lastResult.remember(server.events.slice(0, 1), '/?q=b', null);
    await loading;
    expect(lastResult.around(server.events[0] as never)).toMatchObject({ href: '/?q=b', count: 1, hasMore: false });
  });
});
