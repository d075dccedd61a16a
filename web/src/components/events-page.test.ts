// The events page as a whole: which moment its parts are of, what the address keeps, and what fails or takes long.

import { configure, render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Component } from 'svelte';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { DEFAULT_COLUMNS } from '$lib/columns';
import { lastResult } from '$lib/result.svelte';
import { preferences } from '$lib/preferences.svelte';
import { session } from '$lib/session.svelte';

import EventsPage from '../routes/+page.svelte';
import { withCounts } from '../test/figures';
import Harness from '../test/Harness.svelte';
import { at, goto, page } from '../test/page.svelte';
import { TestServer, problem, type Sent } from '../test/server';

vi.mock('$app/state', () => import('../test/page.svelte'));
vi.mock('$app/navigation', () => import('../test/page.svelte'));

// Whole pages: on a busy machine jsdom takes its time to find things in them by role.
vi.setConfig({ testTimeout: 60_000 });
configure({ asyncUtilTimeout: 10_000 });

// What is loaded on first use is compiled on first use here, which takes longer than a test waits.
beforeAll(
  () => Promise.all([import('./Histogram.svelte'), import('./TimeRangePanel.svelte'), import('./NothingFound.svelte'), import('./StatisticsBar.svelte'), import('./Live.svelte'), import('./EventCards.svelte'), import('./EventDetail.svelte')]),
  60_000,
);

const STEPS: Sent[] = Array.from({ length: 25 }, (_, at) => ({
  id: `step-${at}`,
  time: `2026-11-21T10:${String(59 - at)}:00.000000Z`,
  action: `Step ${at}`,
}));
const LATE: Sent = { id: 'late', time: '2026-11-21T11:30:00.000000Z', action: 'Came late' };

let server = new TestServer(STEPS);
beforeEach(() => {
  server = withCounts(new TestServer(STEPS));
  localStorage.clear();
  Object.assign(preferences, { zone: 'UTC', view: 'table', columns: DEFAULT_COLUMNS });
  session.who = { kind: 'api_key', name: 'auditor', permissions: ['audit.read'], reach: 'everything', tenants: 1 };
  session.phase = 'in';
  vi.stubGlobal('scrollTo', () => undefined);
});

function show(address: string) {
  at('/', address);
  return render(Harness, { props: { server, component: EventsPage as unknown as Component<Record<string, unknown>>, props: {} } });
}

function actions(): (string | undefined)[] {
  return [...document.querySelectorAll('tr[data-row] td.action')].map((cell) => /Step \d+|Came late/.exec(cell.textContent ?? '')?.[0]);
}

function asked(path: string): URLSearchParams[] {
  return server.requests.filter(({ url }) => url.pathname === path).map(({ url }) => url.searchParams);
}

/** Answers a path otherwise. */
function instead(path: string, answer: (url: URL, request: Request) => Response | Promise<Response | null> | null): () => void {
  const others = server.intercept;
  server.intercept = (url, request) => (url.pathname === path ? answer(url, request) : (others?.(url, request) ?? null));
  return () => {
    server.intercept = others;
  };
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('the moment', () => {
  it('is one for the page and all its figures while events come in', async () => {
    const counted = server.intercept;
    server.intercept = (url, request) => {
      // Between the page and whatever is counted beside it.
      const isFigure = url.pathname === '/v1/stats' || url.pathname === '/v1/histogram';
      if (isFigure && server.events.length === STEPS.length) server.arrive(LATE);
      return counted?.(url, request) ?? null;
    };
    show('/?since=ever&limit=10');
    expect(await screen.findByText('25 events in all')).toBeVisible();
    const bar = await screen.findByRole('region', { name: 'Statistics' });
    await waitFor(() => expect(bar).toHaveTextContent('25 in all'));
    await waitFor(() => expect(asked('/v1/histogram')).toHaveLength(1));
    for (const path of ['/v1/stats', '/v1/histogram']) {
      // One question each: both totals are one answer.
      expect(asked(path).map((query) => query.get('as_of'))).toEqual(['25']);
    }
    expect(asked('/v1/events').some((query) => query.has('total'))).toBe(false);
    expect(server.events).toHaveLength(26);
    expect(button('Export 10 loaded of 25')).toBeVisible();
  });

  it('is a new one when a search of before is searched for again', async () => {
    show('/?since=ever');
    await waitFor(() => expect(actions()).toHaveLength(25));
    await goto('/?q=Step&since=ever');
    await waitFor(() => expect(asked('/v1/events').at(-1)?.get('q')).toBe('Step'));
    server.arrive(LATE);
    await goto('/?since=ever');
    await waitFor(() => expect(actions()[0]).toBe('Came late'));
  });

  it('of page 2 is that of page 1, after a reload, too', async () => {
    const { unmount } = show('/?since=ever&limit=10');
    await waitFor(() => expect(actions()).toHaveLength(10));
    await userEvent.click(button('Next'));
    await waitFor(() => expect(actions()[0]).toBe('Step 10'));
    const address = page.url.pathname + page.url.search;
    const moment = page.url.searchParams.get('at');
    unmount();
    server.arrive(LATE);

    show(address);
    await waitFor(() => expect(actions()[0]).toBe('Step 10'));
    await userEvent.click(button('Previous'));
    await waitFor(() => expect(actions()).toEqual(STEPS.slice(0, 10).map(({ action }) => action)));
    const { searchParams } = page.url;
    expect(searchParams.get('at')).toBe(moment);
    expect(searchParams.get('before')).not.toBeNull();
    expect(button('Previous')).toHaveAttribute('aria-disabled', 'true');
    // Refresh is what moves on.
    await userEvent.click(button('Refresh'));
    await waitFor(() => expect(actions()[0]).toBe('Came late'));
    expect(page.url.searchParams.has('at')).toBe(false);
  });
});

describe('export', () => {
  it('has nothing of the search before', async () => {
    show('/?since=ever&limit=10');
    expect(await screen.findByRole('button', { name: /^Export 10 loaded/ })).toBeEnabled();
    const back = instead('/v1/events', () => problem(503, 'unavailable', 'Try later'));
    await goto('/?q=x&since=ever&limit=10');
    await screen.findByRole('alert');
    expect(button('Export')).toBeDisabled();
    back();
  });

  it('has what came live, and so do the neighbours of an event', async () => {
    let sink: ReadableStreamDefaultController<Uint8Array> | null = null;
    instead('/v1/tail', () => new Response(new ReadableStream<Uint8Array>({ start: (controller) => void (sink = controller) })));
    show('/?since=ever&limit=10&live=1');
    expect(await screen.findByRole('button', { name: 'Export 10 loaded' })).toBeVisible();
    await waitFor(() => expect(sink).not.toBeNull());
    sink!.enqueue(new TextEncoder().encode(`id: c1\ndata: ${JSON.stringify({ ...server.events[0], id: 'now', action: 'Came late' })}\n\n`));
    expect(await screen.findByRole('button', { name: 'Export 11 loaded' })).toBeVisible();
    expect(lastResult.around({ id: 'now', tenant: 'acme' })).toMatchObject({ place: 1, count: 11, next: { id: 'step-0' } });
    // What is loaded beside the figures of the moment that it began with.
    const bar = await screen.findByRole('region', { name: 'Statistics' });
    await waitFor(() => expect(bar).toHaveTextContent(/11 loaded.*25 in all.*Time zone.*UTC.*As of/));
  });
});

describe('the address', () => {
  it('has table or cards, columns and live', async () => {
    show('/?since=ever&limit=10');
    await waitFor(() => expect(actions()).toHaveLength(10));
    await userEvent.click(button('Cards'));
    await waitFor(() => expect(document.querySelector('tr[data-row]')).toBeNull());
    expect(page.url.searchParams.get('view')).toBe('cards');
    await userEvent.click(button('Table'));
    expect(page.url.searchParams.has('view')).toBe(false);
    await userEvent.click(button('Show who'));
    expect(page.url.searchParams.get('columns')).toBe('time,action,affected,affected_tenant,object,by,by_tenant,address');
    await userEvent.click(button('Live'));
    expect(page.url.searchParams.get('live')).toBe('1');
  });

  it('goes before what the reader chose', async () => {
    preferences.view = 'cards';
    show('/?since=ever&limit=10&columns=time,reason');
    await screen.findAllByText('Step 3');
    expect(actions()).toEqual([]);
    await userEvent.click(button('Table'));
    await waitFor(() => expect(screen.getAllByRole('columnheader').map((cell) => cell.textContent?.trim())).toEqual(['Detail', 'Timestamp', 'Reason']));
  });
});

describe('what fails or takes long', () => {
  it('an event that a link names: told apart from one that is not there', async () => {
    const back = instead('/v1/events/other', () => problem(503, 'unavailable', 'Try later'));
    show('/?since=ever&open=other');
    expect(await screen.findByRole('heading', { name: 'The event could not be loaded' })).toBeVisible();
    expect(screen.queryByText(/does not exist/)).toBeNull();
    back();
    await userEvent.click(button('Retry'));
    expect(await screen.findByText(/not within your reach or does not exist/)).toBeVisible();
  });

  it('a search says for how long, and is called off', async () => {
    show('/?since=ever&limit=10');
    await waitFor(() => expect(actions()).toHaveLength(10));
    let aborted = false;
    const back = instead('/v1/events', (_, request) => new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => {
        aborted = true;
        reject(request.signal.reason as Error);
      });
    }));
    await goto('/?q=Step+3&since=ever&limit=10');
    expect(await screen.findByText('1 s', {}, { timeout: 10_000 })).toBeVisible();
    await userEvent.click(button('Cancel'));
    expect(await screen.findByText('Cancelled. These are the events of the search before.')).toBeVisible();
    expect(aborted).toBe(true);
    expect(actions()).toHaveLength(10);
    back();
    await waitFor(() => expect(button('Retry')).toHaveFocus());
    await userEvent.click(button('Retry'));
    await waitFor(() => expect(actions()).toEqual(['Step 3']));
  });

  it('after an empty result the next one shows no empty table, and the numbers are of one search', async () => {
    show('/?tenant=nobody&since=ever&limit=10');
    expect(await screen.findByRole('heading', { name: 'No events match' })).toBeVisible();
    const bar = await screen.findByRole('region', { name: 'Statistics' });
    await waitFor(() => expect(bar).toHaveTextContent(/0 on this page\s*0 in all/));
    let release: () => void = () => undefined;
    const held = new Promise<null>((resolve) => {
      release = () => resolve(null);
    });
    const back = instead('/v1/events', () => held);
    await goto('/?since=ever&limit=10');
    await screen.findByText('Updating');
    expect(screen.queryByRole('table', { name: /^Events/ })).toBeNull();
    expect(screen.queryByRole('navigation', { name: 'Pages' })).toBeNull();
    expect(bar).toHaveTextContent(/0 on this page\s*0 in all/);
    back();
    release();
    await waitFor(() => expect(bar).toHaveTextContent(/10 on this page\s*25 in all/));
  });

  it('one region speaks for a search', async () => {
    show('/?since=ever&limit=10');
    await screen.findByText('25 events in all');
    await screen.findByRole('region', { name: 'Statistics' });
    const speaking = within(document.body).getAllByRole('status').map((region) => region.textContent?.replace(/\s+/g, ' ').trim()).filter((text) => text !== '');
    expect(speaking).toEqual(['10 events on this page, more available']);
  });
});

describe('a range that is not allowed', () => {
  it('is told, and the largest that is allowed is one press away', async () => {
    instead('/v1/events', (url) => {
      if (url.searchParams.get('since')?.startsWith('2026-11-01') === true) return null;
      const allowed = { since: '2026-11-01T00:00:00.000000Z', until: '2026-11-22T00:00:00.000000Z' };
      return new Response(JSON.stringify({ title: 'Not permitted', status: 403, code: 'range_not_allowed', detail: 'at most P3M', allowed }), {
        status: 403,
        headers: { 'Content-Type': 'application/problem+json' },
      });
    });
    show('/?since=ever&tz=UTC');
    expect(await screen.findByRole('alert')).toHaveTextContent('at most P3M');
    await userEvent.click(button('Show 2026-11-01 00:00 to 2026-11-21 24:00'));
    expect(page.url.search).toBe('?since=2026-11-01T00:00:00Z&until=2026-11-22T00:00:00Z&tz=UTC');
    await waitFor(() => expect(actions()).toHaveLength(25));
  });

  it('can not be chosen where it goes beyond the limit, and that says why', async () => {
    session.who = { kind: 'api_key', name: 'auditor', permissions: ['audit.read'], reach: 'everything', tenants: 1, range: { back: 'P1Y', span: 'P3M' } };
    show('/?since=ever&tz=UTC');
    await waitFor(() => expect(actions()).toHaveLength(25));
    await userEvent.click(screen.getAllByRole('button', { name: /^Date range: /, expanded: false })[0] as HTMLElement);
    // jsdom lays nothing out, so the panel has no place and counts as hidden.
    const beyond = await screen.findByText('Last 6 Months');
    expect(beyond).toHaveAttribute('aria-disabled', 'true');
    expect(beyond).toHaveAccessibleDescription('You may look 1 year back, and at 3 months at a time.');
    await userEvent.click(beyond);
    expect(page.url.search).toBe('?since=ever&tz=UTC');
    await userEvent.click(screen.getByText('Last 7 Days'));
    await waitFor(() => expect(page.url.searchParams.get('since')).toBe('-7d'));
    // Limits are counted in the zone of the question; nobody else's questions need one.
    expect(asked('/v1/events').map((params) => params.get('tz'))).toEqual(['UTC', 'UTC']);
    expect(asked('/v1/stats').every((params) => params.get('tz') === 'UTC')).toBe(true);
  });
});
