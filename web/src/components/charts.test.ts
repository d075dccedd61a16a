// Charts and figures as a reader meets them: found by role and by name, used by keyboard and by pointer.

import { fireEvent, render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Component } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { chartPreferences } from '$lib/chart/preferences.svelte';
import type { Investigation } from '$lib/investigate';

import { withFigures } from '../test/figures';
import Harness from '../test/Harness.svelte';
import { TestServer, problem, type Sent } from '../test/server';

import HeatMap from './HeatMap.svelte';
import Histogram from './Histogram.svelte';
import Investigate from './Investigate.svelte';
import StatisticsBar from './StatisticsBar.svelte';

const EVENTS: Sent[] = [
  { id: 'a', time: '2026-11-20T01:00:00.000000Z', action: 'Login', action_type: 'login', actor: { username: 'ada' }, client: { ip: '203.0.113.9' }, outcome: { result: 'success' } },
  { id: 'b', time: '2026-11-20T08:00:00.000000Z', action: 'Login', action_type: 'login', actor: { username: 'ada' }, client: { ip: '198.51.100.7' }, outcome: { result: 'failure' } },
  { id: 'c', time: '2026-11-20T08:30:00.000000Z', action: 'Login', action_type: 'login', actor: { username: 'ada' }, client: { ip: '198.51.100.7' }, outcome: { result: 'success' } },
  { id: 'd', time: '2026-11-20T13:00:00.000000Z', action: 'Change <b>password</b>', action_type: 'update', actor: { username: 'bo' }, targets: [{ type: 'user', username: 'ada' }], outcome: { result: 'success' } },
  { id: 'e', tenant: 'umbrella', time: '2026-11-20T20:00:00.000000Z', action: 'Delete user', action_type: 'delete', actor: { username: 'ada' }, targets: [{ type: 'user', username: 'cy' }] },
];

let server: TestServer;
beforeEach(() => {
  server = withFigures(new TestServer(EVENTS));
  localStorage.clear();
  Object.assign(chartPreferences, { open: true, by: 'outcome', table: false });
});

function show(component: unknown, props: Record<string, unknown>) {
  return render(Harness, { props: { server, component: component as Component<Record<string, unknown>>, props } });
}

function asked(path: string): string[] {
  return server.requests.filter(({ url }) => url.pathname === path).map(({ url }) => url.searchParams.toString());
}

describe('the histogram', () => {
  const query = { since: '2026-11-20T00:00:00Z', until: '2026-11-21T00:00:00Z' };

  function showHistogram(props: Record<string, unknown> = {}) {
    const onrange = vi.fn();
    const rendered = show(Histogram, { query, zone: 'UTC', onrange, ...props });
    return { onrange, ...rendered };
  }

  const slider = () => screen.findByRole('slider', { name: 'Choose a time range' });

  it('asks in the zone, by outcome, and says what every bar has', async () => {
    showHistogram({ zone: 'Asia/Kathmandu' });
    expect(await slider()).toHaveAttribute('aria-valuetext', '2026-11-20 23:45 to 2026-11-21 05:45: 1 event; No outcome 1');
    expect(asked('/v1/histogram')).toEqual([new URLSearchParams({ ...query, tz: 'Asia/Kathmandu', by: 'outcome' }).toString()]);
    const legend = within(screen.getByRole('list', { name: 'Legend' })).getAllByRole('listitem');
    expect(legend.map((item) => item.textContent?.replace(/\s+/g, ' ').trim())).toEqual(['Success 3', 'No outcome 1', 'Failure 1']);
  });

  it('is moved along and applied by keyboard', async () => {
    const user = userEvent.setup();
    const { onrange } = showHistogram();
    const control = await slider();
    control.focus();
    expect(control).toHaveAttribute('aria-valuenow', '3');
    expect(control).toHaveAttribute('aria-valuemax', '3');
    await user.keyboard('{ArrowLeft}{ArrowLeft}');
    expect(control).toHaveAttribute('aria-valuetext', '2026-11-20 06:00 to 12:00: 2 events; Success 1, Failure 1');
    await user.keyboard('{Shift>}{ArrowRight}{/Shift}');
    expect(control.getAttribute('aria-valuetext')).toMatch(/^Selected 2026-11-20 06:00 to 18:00: 3 events/);
    await user.keyboard('{Enter}');
    expect(onrange).toHaveBeenCalledExactlyOnceWith('2026-11-20T06:00:00Z', '2026-11-20T18:00:00Z');
  });

  it('lets go with Escape, and leaves the next one to the page', async () => {
    const onescape = vi.fn();
    const listen = (event: KeyboardEvent): void => onescape(event.defaultPrevented) as void;
    document.addEventListener('keydown', listen);
    const user = userEvent.setup();
    const { onrange } = showHistogram();
    (await slider()).focus();
    await user.keyboard('{Shift>}{Home}{/Shift}');
    onescape.mockClear();
    await user.keyboard('{Escape}{Escape}');
    document.removeEventListener('keydown', listen);
    expect(onescape.mock.calls).toEqual([[true], [false]]);
    expect((await slider()).getAttribute('aria-valuetext')).not.toMatch(/^Selected/);
    expect(onrange).not.toHaveBeenCalled();
  });

  // Nothing is laid out here: the chart takes itself to be 720 wide, bars begin at 46 and are 167 wide.
  const at = (bar: number) => ({ clientX: 46 + 167 * bar + 80, clientY: 50, button: 0, isPrimary: true, pointerId: 1 });

  it('is brushed by mouse, either way', async () => {
    const { onrange } = showHistogram();
    const control = await slider();
    await fireEvent.pointerDown(control, at(2));
    await fireEvent.pointerMove(control, at(1));
    await fireEvent.pointerMove(control, at(0));
    expect(control.getAttribute('aria-valuetext')).toMatch(/^Selected 2026-11-20 00:00 to 18:00: 4 events/);
    await fireEvent.pointerUp(control, at(0));
    expect(onrange).toHaveBeenCalledExactlyOnceWith('2026-11-20T00:00:00Z', '2026-11-20T18:00:00Z');
  });

  it('takes a click for its bar, and a tap for a question', async () => {
    const { onrange } = showHistogram();
    const control = await slider();
    await fireEvent.pointerDown(control, { ...at(1), pointerType: 'touch' });
    await fireEvent.pointerUp(control, { ...at(1), pointerType: 'touch' });
    expect(onrange).not.toHaveBeenCalled();
    expect(control.getAttribute('aria-valuetext')).toMatch(/^2026-11-20 06:00 to 12:00: 2 events/);
    await fireEvent.pointerDown(control, { ...at(1), pointerType: 'mouse' });
    await fireEvent.pointerUp(control, { ...at(1), pointerType: 'mouse' });
    expect(onrange).toHaveBeenCalledExactlyOnceWith('2026-11-20T06:00:00Z', '2026-11-20T12:00:00Z');
  });

  it('chooses nothing where the browser takes the touch for scrolling', async () => {
    const { onrange } = showHistogram();
    const control = await slider();
    await fireEvent.pointerDown(control, at(1));
    await fireEvent.pointerMove(control, at(2));
    await fireEvent.pointerCancel(control, at(2));
    await fireEvent.pointerUp(control, at(2));
    expect(onrange).not.toHaveBeenCalled();
  });

  it('stays within the range that was asked for', async () => {
    const user = userEvent.setup();
    const { onrange } = showHistogram({ query: { since: '2026-11-20T01:00:00Z', until: '2026-11-20T19:30:00Z' } });
    (await slider()).focus();
    await user.keyboard('{End}{Shift>}{Home}{/Shift}{Enter}');
    expect(onrange).toHaveBeenCalledWith('2026-11-20T01:00:00Z', '2026-11-20T19:30:00Z');
  });

  it('zooms out, where the range has a beginning', async () => {
    const { onrange, unmount } = showHistogram();
    await slider();
    await userEvent.click(screen.getByRole('button', { name: 'Zoom out' }));
    expect(onrange).toHaveBeenCalledWith('2026-11-19T12:00:00Z', '2026-11-21T12:00:00Z');
    unmount();
    showHistogram({ query: {} });
    expect(screen.getByRole('button', { name: 'Zoom out' })).toBeDisabled();
  });

  it('has its numbers as a table, whose rows are ranges too', async () => {
    const { onrange } = showHistogram();
    await slider();
    await userEvent.click(screen.getByRole('button', { name: 'Show as table', pressed: false }));
    const table = within(screen.getByRole('table', { name: 'Events over time' }));
    const texts = table.getAllByRole('row').map((row) => [...row.children].map((cell) => cell.textContent?.trim()).join('|'));
    expect(texts).toEqual([
      'Timestamp|All|Failure|No outcome|Success',
      '2026-11-20 00:00 to 06:00|1|0|0|1',
      '2026-11-20 06:00 to 12:00|2|1|0|1',
      '2026-11-20 12:00 to 18:00|1|0|0|1',
      '2026-11-20 18:00 to 00:00|1|0|1|0',
    ]);
    await userEvent.click(table.getByRole('button', { name: 'Only 2026-11-20 12:00 to 18:00' }));
    expect(onrange).toHaveBeenCalledWith('2026-11-20T12:00:00Z', '2026-11-20T18:00:00Z');
    expect(JSON.parse(localStorage.getItem('indelible.chart') ?? '')).toMatchObject({ table: true });
  });

  it('is coloured by action type on demand; old bars stay, dimmed, until the new ones are here', async () => {
    showHistogram();
    await slider();
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const answer = server.intercept;
    server.intercept = async (url, request) => {
      await held;
      return (await answer?.(url, request)) ?? null;
    };
    await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Colours' }), 'Action type');
    const body = () => screen.getByRole('slider').closest('[aria-busy]');
    expect(body()).toHaveAttribute('aria-busy', 'true');
    expect(screen.getByRole('list', { name: 'Legend' })).toHaveTextContent('Success');
    release();
    await waitFor(() => expect(body()).toHaveAttribute('aria-busy', 'false'));
    expect(screen.getByRole('list', { name: 'Legend' })).toHaveTextContent(/Add|Login 3/);
    expect(JSON.parse(localStorage.getItem('indelible.chart') ?? '')).toMatchObject({ by: 'action_type' });
  });

  it('makes the legend a way to filter, where it may', async () => {
    const onpivot = vi.fn();
    showHistogram({ onpivot });
    await slider();
    await userEvent.click(screen.getByRole('button', { name: 'Failure' }));
    expect(onpivot).toHaveBeenCalledWith({ name: 'outcome', value: 'failure', not: false }, 'for');
    expect(screen.queryByRole('button', { name: 'No outcome' })).toBeNull();
  });

  it('asks nothing while it is folded up, and remembers that', async () => {
    chartPreferences.open = false;
    showHistogram();
    expect(screen.queryByRole('slider')).toBeNull();
    expect(asked('/v1/histogram')).toEqual([]);
    await userEvent.click(screen.getByRole('button', { name: 'Events over time', expanded: false }));
    await slider();
    await userEvent.click(screen.getByRole('button', { name: 'Events over time', expanded: true }));
    expect(screen.queryByRole('slider')).toBeNull();
    expect(JSON.parse(localStorage.getItem('indelible.chart') ?? '')).toMatchObject({ open: false });
  });

  it('says so where there is nothing, and where it failed', async () => {
    const { unmount } = showHistogram({ query: { since: '2020-01-01T00:00:00Z', until: '2020-01-02T00:00:00Z' } });
    expect(await screen.findByText('No events in this range')).toBeVisible();
    unmount();
    const answer = server.intercept;
    server.intercept = () => problem(503, 'unavailable', 'Try later', 'took too long: ask for a shorter time');
    showHistogram();
    expect(await screen.findByText(/took too long/)).toBeVisible();
    server.intercept = answer;
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await slider()).toBeVisible();
  });
});

describe('the statistics bar', () => {
  const props = { query: { tenant: 'acme' }, zone: 'Europe/Paris', onPage: 2, completeThrough: '2026-11-21T12:00:00.000000Z' };
  const bar = () => screen.getByRole('region', { name: 'Statistics' });

  it('has the page beside the whole, users, domains, zone, and up to when', async () => {
    show(StatisticsBar, props);
    await waitFor(() => expect(bar()).toHaveTextContent('4 in all'));
    for (const text of ['2 on this page', 'Unique users 2', 'Unique domains 0', 'Time zone Europe/Paris', 'Complete up to 2026-11-21 13:00:00 +01:00 Europe/Paris']) {
      expect(bar().textContent?.replace(/\s+/g, ' ')).toContain(text);
    }
  });

  it('asks about the moment that the page is about', async () => {
    show(StatisticsBar, { ...props, query: { tenant: 'acme', as_of: 'sealed' } });
    await waitFor(() => expect(asked('/v1/stats')).toEqual(['tenant=acme&as_of=sealed']));
  });

  it('drops what takes long, and counts when asked to', async () => {
    const answer = server.intercept;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.intercept = (url, request) =>
      new Promise((resolve, reject) => {
        request.signal.addEventListener('abort', () => reject(request.signal.reason as Error));
        void held.then(async () => resolve((await answer?.(url, request)) ?? null));
      });
    show(StatisticsBar, { ...props, patienceMs: 20 });
    await userEvent.click(await screen.findByRole('button', { name: 'Count all' }));
    expect(await screen.findByRole('button', { name: 'Cancel' })).toBeVisible();
    release();
    await waitFor(() => expect(bar()).toHaveTextContent('4 in all'));
  });

  it('knows the total of a page that is everything, whatever happens', async () => {
    server.intercept = () => problem(503, 'unavailable', 'Try later');
    show(StatisticsBar, { ...props, isWhole: true });
    await screen.findByRole('button', { name: 'Count all' });
    expect(bar()).toHaveTextContent('2 in all');
  });
});

describe('the heat map', () => {
  const props = { query: { actor: 'ada' }, first: '2026-11-20T01:00:00.000000Z', last: '2026-11-20T20:00:00.000000Z', zone: 'UTC' };

  it('counts hour by hour in the zone, and has a cell for every hour of the week', async () => {
    show(HeatMap, { ...props, zone: 'Europe/Paris' });
    const grid = await screen.findByRole('grid', { name: 'Events by weekday and hour in Europe/Paris' });
    expect(within(grid).getAllByRole('row')).toHaveLength(7);
    expect(within(grid).getAllByRole('gridcell')).toHaveLength(168);
    expect(within(grid).getByRole('gridcell', { name: 'Friday 09:00 to 10:00: 2 events' })).toBeInTheDocument();
    expect(screen.getByText('Most active: Friday 09:00 to 10:00: 2 events.')).toBeVisible();
    expect(asked('/v1/histogram')).toHaveLength(1);
    expect(asked('/v1/histogram')[0]).toContain('interval=PT1H');
    const scale = within(screen.getByRole('list', { name: 'Events in an hour of the week' })).getAllByRole('listitem');
    expect(scale.map((item) => item.textContent?.trim())).toEqual(['0', '1', '2']);
  });

  it('is looked at cell by cell', async () => {
    const user = userEvent.setup();
    show(HeatMap, props);
    const grid = await screen.findByRole('grid');
    grid.focus();
    const active = () => document.getElementById(grid.getAttribute('aria-activedescendant') ?? '')?.getAttribute('aria-label');
    expect(active()).toBe('Monday 09:00 to 10:00: 0 events');
    await user.keyboard('{ArrowDown}{ArrowDown}{ArrowDown}{ArrowDown}{ArrowLeft}');
    expect(active()).toBe('Friday 08:00 to 09:00: 2 events');
    await user.keyboard('{End}{ArrowRight}{ArrowDown}{ArrowDown}{ArrowDown}');
    expect(active()).toBe('Sunday 23:00 to 00:00: 0 events');
  });

  it('has its numbers as a table', async () => {
    show(HeatMap, props);
    await screen.findByRole('grid');
    await userEvent.click(screen.getByRole('button', { name: 'Show as table' }));
    const rows = within(screen.getByRole('table', { name: 'Active when' })).getAllByRole('row');
    expect(rows).toHaveLength(8);
    const cells = [...(rows[5]?.children ?? [])].map((cell) => cell.textContent?.trim());
    expect(cells.slice(0, 10)).toEqual(['Friday', '0', '1', '0', '0', '0', '0', '0', '0', '2']);
  });

  it('asks for a year in parts', async () => {
    show(HeatMap, { ...props, first: '2025-11-21T00:00:00Z' });
    await screen.findByRole('grid');
    expect(asked('/v1/histogram')).toHaveLength(10);
  });

  it('says that of many years it has the last days', async () => {
    show(HeatMap, { ...props, first: '2019-11-21T00:00:00Z' });
    expect(await screen.findByText(/The last 400 days only/)).toBeVisible();
  });
});

describe('an investigation', () => {
  const ADA: Investigation = { user: 'ada', since: '', until: '', isSplit: false };

  function investigate(investigation: Investigation = ADA) {
    const onchange = vi.fn();
    const onpivot = vi.fn();
    show(Investigate, { investigation, zone: 'UTC', linkZone: null, onchange, onpivot });
    return Object.assign(onchange, { onpivot });
  }

  it('offers the largest range that is allowed', async () => {
    const allowed = { since: '2026-08-22T00:00:00.000000Z', until: '2026-11-22T00:00:00.000000Z' };
    const refusal = { title: 'Not permitted', status: 403, code: 'range_not_allowed', detail: 'at most P3M', allowed };
    server.intercept = () =>
      new Response(JSON.stringify(refusal), { status: 403, headers: { 'Content-Type': 'application/problem+json' } });
    const onchange = investigate({ ...ADA, since: '-1y' });
    await userEvent.click(await screen.findByRole('button', { name: 'Show 2026-08-22 00:00 to 2026-11-21 24:00' }));
    expect(onchange).toHaveBeenCalledExactlyOnceWith({ ...ADA, since: '2026-08-22T00:00:00Z', until: '2026-11-22T00:00:00Z' });
  });

  it('counts what they did and what was done to them, and links every number', async () => {
    investigate();
    const link = (name: string) => screen.findByRole('link', { name });
    expect(await link('What they did: 4')).toHaveAttribute('href', '/?actor=ada&since=ever');
    expect(await link('What was done to them: 1')).toHaveAttribute('href', '/?affected=ada&since=ever');
    expect(await link('In all: 5')).toHaveAttribute('href', '/?user=ada&since=ever');
    expect(await link('What they did: 1 failed')).toHaveAttribute('href', '/?actor=ada&outcome=failure&outcome=denied&since=ever');
    expect(await link('Login: 3')).toHaveAttribute('href', '/?actor=ada&action_type=login&since=ever');
    expect(await link('Delete user: 1')).toHaveAttribute('href', '/?actor=ada&action=Delete+user&since=ever');
    expect(await link('umbrella: 1')).toHaveAttribute('href', '/?user=ada&tenant=umbrella&since=ever');
    expect(screen.getByText('First seen').nextElementSibling).toHaveTextContent('2026-11-20 01:00:00');
    expect(screen.getByText('Last seen').nextElementSibling).toHaveTextContent('2026-11-20 20:00:00');
  });

  it('shows sign-ins by address', async () => {
    investigate();
    const table = await screen.findByRole('table', { name: 'Sign-ins by address' });
    await waitFor(() => expect(table).toHaveTextContent('2026-11-20 08:30:00'));
    const rows = within(table).getAllByRole('row').map((row) => [...row.children].map((cell) => cell.textContent?.trim()).join('|'));
    expect(rows).toEqual([
      'IP Address|Sign-ins|Failed|First seen|Last seen',
      '198.51.100.7|2|1|2026-11-20 08:00:00|2026-11-20 08:30:00',
      '203.0.113.9|1|0|2026-11-20 01:00:00|2026-11-20 01:00:00',
    ]);
    expect(within(table).getByRole('link', { name: 'Failed, 198.51.100.7: 1' })).toHaveAttribute(
      'href',
      '/?actor=ada&action_type=login&ip=198.51.100.7&outcome=failure&outcome=denied&since=ever',
    );
  });

  it('lists events together, or in two columns', async () => {
    const onchange = investigate();
    const list = within(await screen.findByRole('region', { name: 'Did and was done to them' }));
    expect(await list.findAllByRole('listitem')).toHaveLength(5);
    expect(list.getByRole('link', { name: 'Open as results: Did and was done to them' })).toHaveAttribute('href', '/?user=ada&since=ever');
    await userEvent.click(screen.getByRole('button', { name: 'Two columns', pressed: false }));
    expect(onchange).toHaveBeenCalledWith({ ...ADA, isSplit: true });
  });

  it('opens an event in place, with all that can be done there', async () => {
    const onchange = investigate();
    const list = within(await screen.findByRole('region', { name: 'Did and was done to them' }));
    const toggle = await list.findByRole('button', { name: /2026-11-20 13:00:00 Show event: Change <b>password<\/b>/ });
    await userEvent.click(toggle);
    const article = await list.findByRole('article', { name: 'Event' }, { timeout: 30_000 });
    expect(toggle).toHaveAttribute('aria-expanded', 'true');
    await userEvent.click(within(article).getByRole('button', { name: 'bo' }));
    await userEvent.click(within(article).getByRole('menuitem', { name: 'Filter for' }));
    expect(onchange.onpivot).toHaveBeenCalledWith('user', { name: 'actor', value: 'bo', not: false }, 'for');
    await userEvent.click(within(article).getByRole('button', { name: 'Investigate User bo' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...ADA, user: 'bo' });
    await userEvent.keyboard('{Escape}');
    expect(list.queryByRole('article')).toBeNull();
    expect(toggle).toHaveFocus();
  }, 60_000);

  it('in two columns has each side by itself', async () => {
    investigate({ ...ADA, isSplit: true });
    const by = within(await screen.findByRole('region', { name: 'What they did' }));
    const against = within(await screen.findByRole('region', { name: 'What was done to them' }));
    expect(await by.findAllByRole('listitem')).toHaveLength(4);
    expect(await against.findAllByRole('listitem')).toHaveLength(1);
    expect(against.getByRole('listitem')).toHaveTextContent('Someone did Change <b>password</b>.');
    expect(document.querySelector('li b')).toBeNull();
  });

  it('has the figures of the other side on demand', async () => {
    investigate();
    await userEvent.selectOptions(await screen.findByRole('combobox', { name: 'Figures of' }), 'What was done to them');
    expect(await screen.findByRole('link', { name: 'Modify/Update: 1' })).toHaveAttribute('href', '/?affected=ada&action_type=update&since=ever');
  });

  it('goes on with somebody else, and says where there is nothing', async () => {
    const onchange = investigate({ ...ADA, user: 'nobody', since: '-1y' });
    expect(await screen.findByRole('heading', { name: 'Nothing about this user' })).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Show all time' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...ADA, user: 'nobody' });
    const box = screen.getByRole('textbox', { name: 'User' });
    await userEvent.clear(box);
    await userEvent.type(box, ' bo {Enter}');
    expect(onchange).toHaveBeenLastCalledWith({ ...ADA, user: 'bo', since: '-1y' });
  });

  it('asks for a name where the address has none, and nothing of the server', () => {
    investigate({ ...ADA, user: '' });
    expect(screen.getByText(/Enter whom to investigate/)).toBeVisible();
    expect(server.requests).toEqual([]);
  });

  it('shows what went wrong, and tries again', async () => {
    const answer = server.intercept;
    server.intercept = () => problem(503, 'unavailable', 'Try later');
    investigate();
    expect(await screen.findByRole('alert')).toHaveTextContent('503 unavailable');
    server.intercept = answer;
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await screen.findByRole('link', { name: 'In all: 5' })).toBeVisible();
  });
});
