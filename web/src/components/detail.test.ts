// Columns, cards, the actions of a detail, export, the live list and the commands: found by role and by name.

import { render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { createRawSnippet, tick, type Component } from 'svelte';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import type { AuditEvent } from '$api/types';
import { announcer } from '$lib/announce.svelte';
import { COLUMN_IDS, DEFAULT_COLUMNS, type ColumnId } from '$lib/columns';
import type { Command } from '$lib/commands';
import { parseJson, toJson, type Json, type JsonObject } from '$lib/json';
import { MASK } from '$lib/secrets';

import Harness from '../test/Harness.svelte';
import TestMenu from '../test/TestMenu.svelte';
import { SAMPLES, TestServer, problem } from '../test/server';

import ColumnToggle from './ColumnToggle.svelte';
import CommandMenu from './CommandMenu.svelte';
import EventCards from './EventCards.svelte';
import EventDetail from './EventDetail.svelte';
import EventTable from './EventTable.svelte';
import PivotMenu from './PivotMenu.svelte';
import ExportButton from './ExportButton.svelte';
import Live from './Live.svelte';
import Parameters from './Parameters.svelte';

let server = new TestServer();
beforeEach(() => {
  server = new TestServer();
  localStorage.clear();
});

function renderWithServer(component: unknown, props: Record<string, unknown>) {
  return render(Harness, { props: { server, component: component as Component<Record<string, unknown>>, props } });
}

function sample(id: string): AuditEvent {
  const event = server.events.find((one) => one.id === id);
  if (event === undefined) throw new Error(`no sample ${id}`);
  return event;
}

function actionsOf() {
  return { menu: TestMenu, onpivot: vi.fn(), oninvestigate: vi.fn() };
}

const said = (node: Element | null | undefined): string => (node?.textContent ?? '').replace(/\s+/g, ' ').trim();

describe('columns of the table', () => {
  function show(props: Record<string, unknown> = {}) {
    const onopen = vi.fn();
    renderWithServer(EventTable, { events: server.events, zone: 'UTC', linkZone: null, open: null, onopen, stale: false, ...props });
    const rows = screen.getAllByRole('row').filter((row) => row.hasAttribute('data-row'));
    const cells = (id: string) => within(rows[server.events.indexOf(sample(id))] as HTMLElement).getAllByRole('cell').map(said);
    const heads = () => screen.getAllByRole('columnheader').map(said).slice(1);
    return { onopen, rows, cells, heads };
  }

  it('are those of the guide at first', () => {
    expect(show().heads()).toEqual(['Timestamp', 'Action', 'Affected User', 'Affected Domain', 'Object']);
  });

  it('are all there are, if wanted', () => {
    const { heads, cells } = show({ columns: COLUMN_IDS });
    expect(heads()).toEqual([
      'Timestamp', 'Action', 'Affected User', 'Affected Domain', 'Object', 'By User', 'By Domain', 'IP Address', 'Tenant',
      'Application', 'Severity', 'Reason', 'Summary',
    ]);
    expect(cells('login-1').slice(2)).toEqual([
      'Login Failure ConsoleLogin', '-', '-', '-', 'ada', 'company.com', '203.0.113.9', 'acme', '-', '-', 'Wrong password',
      'ada failed to sign in from 203.0.113.9: Wrong password.',
    ]);
    expect(cells('nightly')[6]).toBe('System');
    expect(cells('nobody')[6]).toBe('-');
  });

  it('leave the sentence where none is left', () => {
    const { heads, cells } = show({ columns: [] });
    expect(heads()).toEqual(['Summary']);
    expect(cells('nightly').slice(1)).toEqual(['The system ran Nightly clean-up.']);
  });

  it('bring one button to the value that is pointed at, or that the arrow keys choose', async () => {
    const actions = actionsOf();
    const { rows } = show({ actions });
    const cell = within(rows[1] as HTMLElement).getByText('customer.com');
    cell.dispatchEvent(new Event('pointerover', { bubbles: true }));
    await tick();
    await userEvent.click(screen.getByRole('button', { name: 'Filter by affected_tenant customer.com' }));
    expect(actions.onpivot).toHaveBeenLastCalledWith({ name: 'affected_tenant', value: 'customer.com', not: false }, 'for');

    const toggle = within(rows[0] as HTMLElement).getByRole('button');
    toggle.focus();
    const names: (string | null)[] = [];
    for (let press = 0; press < 4; press += 1) {
      await userEvent.keyboard('{ArrowRight}');
      await tick();
      names.push(document.activeElement?.getAttribute('aria-label') ?? null);
    }
    expect(names).toEqual([
      'Filter by action_type login',
      'Filter by outcome failure',
      'Filter by action ConsoleLogin',
      'Filter by action ConsoleLogin',
    ]);
    for (let press = 0; press < 3; press += 1) await userEvent.keyboard('{ArrowLeft}');
    expect(toggle).toHaveFocus();
  });
});

describe('the button of a value in the table', () => {
  function show(props: Record<string, unknown> = {}) {
    const actions = { menu: PivotMenu, onpivot: vi.fn(), oninvestigate: vi.fn() };
    const shown = { events: server.events, zone: 'UTC', linkZone: null, open: null, onopen: vi.fn(), stale: false, actions, ...props };
    const { rerender } = renderWithServer(EventTable, shown);
    const again = (events: AuditEvent[]): Promise<void> =>
      rerender({ props: { server, component: EventTable as unknown as Component<Record<string, unknown>>, props: { ...shown, events } } });
    const toggles = () => screen.getAllByRole('button', { name: /Show event/ });
    return { actions, again, toggles };
  }

  const arrow = async (times: number): Promise<void> => {
    for (let press = 0; press < times; press += 1) {
      await userEvent.keyboard('{ArrowRight}');
      await tick();
    }
  };

  it('says the column and the value', async () => {
    const { toggles } = show();
    toggles()[1]?.focus();
    await arrow(1);
    expect(document.activeElement).toHaveAccessibleName('Filter by Action: Modify/Update');
    await arrow(4);
    expect(document.activeElement).toHaveAccessibleName('Filter by Affected domain: customer.com');
  });

  it('goes with its event, and gives the focus to the row once that is gone', async () => {
    const { again, toggles, actions } = show();
    toggles()[1]?.focus();
    await arrow(5);
    const [login, update, ...others] = server.events as [AuditEvent, AuditEvent, ...AuditEvent[]];
    await again([update, login, ...others]);
    await tick();
    expect(document.activeElement).toHaveAccessibleName('Filter by Affected domain: customer.com');
    expect(document.activeElement?.closest('[data-at]')).toHaveAttribute('data-at', '0');
    await again([login, ...others]);
    await tick();
    expect(toggles()[0]).toHaveFocus();
    await userEvent.keyboard('{Enter}');
    expect(actions.onpivot).not.toHaveBeenCalled();
  });
});

describe('rows', () => {
  const TOKEN = `ghp_${'a1B2'.repeat(9)}`;

  function leaky(): AuditEvent {
    return {
      ...sample('update-1'),
      action: `Use ${TOKEN}`,
      outcome: { result: 'failure', reason: `password=${TOKEN}` },
      targets: [{ type: 'user', name: `token=${TOKEN}`, tenant: 'x' }, { type: 'session', id: `Bearer ${TOKEN}` }],
      actor: { type: 'user', username: `bot ${TOKEN}` },
      related: [{ type: 'key', id: TOKEN }],
      summary: 'Somebody did something.',
    };
  }

  it.each([
    ['the table', EventTable, { columns: COLUMN_IDS }],
    ['cards', EventCards, {}],
  ])('of %s mask what looks like a secret, in titles and hidden names too', (_, component, props) => {
    renderWithServer(component, { events: [leaky()], zone: 'UTC', linkZone: null, open: null, onopen: vi.fn(), stale: false, actions: actionsOf(), ...props });
    expect(document.body.innerHTML).toContain(MASK);
    expect(document.body.innerHTML).not.toContain(TOKEN);
  });

  it('open into a detail that masks further targets and what is related', () => {
    renderWithServer(EventDetail, { event: leaky(), zone: 'UTC', linkZone: null, onclose: null, actions: actionsOf() });
    expect(screen.getByRole('article').innerHTML).not.toContain(TOKEN);
    expect(screen.getByRole('button', { name: 'Copy JSON' })).toHaveAttribute('title', expect.stringContaining('nothing is masked'));
  });
});

describe('the choice of columns', () => {
  function show(columns: readonly ColumnId[] = DEFAULT_COLUMNS) {
    const [onchange, ondensity] = [vi.fn(), vi.fn()];
    render(ColumnToggle, { columns, density: 'comfortable', onchange, ondensity });
    return { onchange, ondensity };
  }

  it('is a list of checkboxes with Select All and Clear All', async () => {
    const { onchange, ondensity } = show();
    await userEvent.click(screen.getByRole('button', { name: 'Columns', expanded: false }));
    const boxes = screen.getAllByRole('checkbox');
    expect(boxes.map((box) => (box as HTMLInputElement).checked)).toEqual(COLUMN_IDS.map((id) => DEFAULT_COLUMNS.includes(id)));
    await userEvent.click(screen.getByRole('checkbox', { name: 'Tenant' }));
    expect(onchange).toHaveBeenLastCalledWith([...DEFAULT_COLUMNS, 'tenant']);
    await userEvent.click(screen.getByRole('checkbox', { name: 'Action' }));
    expect(onchange).toHaveBeenLastCalledWith(['time', 'affected', 'affected_tenant', 'object']);
    await userEvent.click(screen.getByRole('button', { name: 'Select All' }));
    expect(onchange).toHaveBeenLastCalledWith([...COLUMN_IDS]);
    await userEvent.click(screen.getByRole('button', { name: 'Clear All' }));
    expect(onchange).toHaveBeenLastCalledWith([]);
    await userEvent.click(screen.getByRole('radio', { name: 'Compact' }));
    expect(ondensity).toHaveBeenLastCalledWith('compact');
    await userEvent.keyboard('{Escape}');
    expect(screen.queryByRole('checkbox')).toBeNull();
    expect(screen.getByRole('button', { name: 'Columns' })).toHaveFocus();
  });

  it('shows who at one click, and hides it at another', async () => {
    const first = show();
    await userEvent.click(screen.getByRole('button', { name: 'Show who', pressed: false }));
    expect(first.onchange).toHaveBeenLastCalledWith([...DEFAULT_COLUMNS, 'by', 'by_tenant', 'address']);
    document.body.replaceChildren();
    const second = show([...DEFAULT_COLUMNS, 'by', 'by_tenant', 'address', 'tenant']);
    await userEvent.click(screen.getByRole('button', { name: 'Show who', pressed: true }));
    expect(second.onchange).toHaveBeenLastCalledWith([...DEFAULT_COLUMNS, 'tenant']);
  });
});

describe('cards', () => {
  beforeAll(() => import('./EventDetail.svelte'), 60_000);

  function show(open: { id: string; tenant: string } | null = null) {
    const onopen = vi.fn();
    const actions = actionsOf();
    renderWithServer(EventCards, { events: server.events, zone: 'UTC', linkZone: null, open, onopen, stale: false, actions });
    const list = screen.getByRole('list', { name: 'Events, newest first' });
    const card = (id: string) => list.children[server.events.indexOf(sample(id))] as HTMLElement;
    return { onopen, actions, card };
  }

  it('say what happened, with the full time, who, and the first parameters', () => {
    const { card } = show();
    const text = said(card('update-1'));
    for (const part of ['admin1 updated subscriber user100.', '2026-11-21 10:10:00.000000 UTC', 'Modify/Update', 'Success', 'subscriber', 'admin1', 'company.com', 'customer.com', 'Recording Id c333d58a', 'Limit 25']) {
      expect(text).toContain(part);
    }
    expect(card('hostile').querySelector('img, script, b')).toBeNull();
    expect(said(card('hostile'))).toContain('<script>alert(3)</script> deleted U+202Eeverything');
  });

  it('open by a click anywhere and by their button, and their values can be filtered by', async () => {
    const { onopen, actions, card } = show();
    await userEvent.click(within(card('update-1')).getByText('admin1 updated subscriber user100.'));
    expect(onopen).toHaveBeenLastCalledWith({ id: 'update-1', tenant: 'acme' });
    await userEvent.click(within(card('login-1')).getByRole('button', { expanded: false }));
    expect(onopen).toHaveBeenLastCalledWith({ id: 'login-1', tenant: 'acme' });
    onopen.mockClear();
    await userEvent.click(within(card('login-1')).getByRole('button', { name: 'Filter by ip 203.0.113.9' }));
    expect(actions.onpivot).toHaveBeenCalledWith({ name: 'ip', value: '203.0.113.9', not: false }, 'for');
    expect(onopen).not.toHaveBeenCalled();
  });

  it('open into the same detail', async () => {
    const { card } = show({ id: 'update-1', tenant: 'acme' });
    expect(await within(card('update-1')).findByRole('article', { name: 'Event' })).toHaveTextContent('Changes');
  });
});

describe('what a detail offers', () => {
  function show(id: string, props: Record<string, unknown> = {}) {
    const actions = actionsOf();
    renderWithServer(EventDetail, { event: sample(id), zone: 'UTC', linkZone: null, onclose: null, actions, ...props });
    return actions;
  }

  const copied = async (button: string): Promise<string> => {
    await userEvent.click(screen.getByRole('button', { name: button }));
    return navigator.clipboard.readText();
  };

  beforeEach(() => {
    userEvent.setup();
  });

  it('copies details, link, JSON and a command', async () => {
    show('update-1');
    const details = await copied('Copy Details');
    expect(details.split('\n').slice(0, 3)).toEqual(['admin1 updated subscriber user100.', '', 'Timestamp: 2026-11-21 10:10:00.000000 UTC']);
    expect(details).toContain('Affected user: user100\nAlso known as: 100\nAffected domain: customer.com\nObject type: subscriber\n');
    expect(announcer.message).toBe('Copied details');
    expect(await copied('Copy link')).toBe(`${location.origin}/events/update-1?tenant=acme&tz=UTC`);
    expect(await copied('Copy as curl')).toContain(`'${location.origin}/v1/events/update-1?tenant=acme'`);
    const json = await copied('Copy JSON');
    expect(JSON.parse(json)).toEqual(JSON.parse(toJson(sample('update-1') as unknown as Json)));
    expect(json).toContain('\n  "parameters": {\n');
    expect(screen.queryByRole('button', { name: 'Copy fixed link' })).toBeNull();
  });

  it('copies every digit of JSON', async () => {
    const event = parseJson('{"id":"n","tenant":"acme","time":"x","action":"x","action_type":"other","parameters":{"9":12345678901234567890,"1":1.50}}');
    renderWithServer(EventDetail, { event, zone: 'UTC', linkZone: null, onclose: null });
    expect(await copied('Copy JSON')).toContain('"parameters": {\n    "9": 12345678901234567890,\n    "1": 1.50\n  }');
  });

  it('copies the view, as it is or with its range fixed', async () => {
    show('update-1', { viewLink: (fixed: boolean) => `/?since=${fixed ? '2026-11-20T10:00:00Z' : '-24h'}&open=update-1` });
    expect(await copied('Copy link to this view')).toBe(`${location.origin}/?since=-24h&open=update-1`);
    expect(await copied('Copy fixed link')).toBe(`${location.origin}/?since=2026-11-20T10:00:00Z&open=update-1`);
  });

  it('investigates the affected user, the performer, or either', async () => {
    const both = show('update-1');
    await userEvent.click(screen.getByRole('button', { name: 'Investigate User user100' }));
    expect(both.oninvestigate).toHaveBeenLastCalledWith('user100');
    await userEvent.click(screen.getByRole('button', { name: 'Investigate User admin1' }));
    expect(both.oninvestigate).toHaveBeenLastCalledWith('admin1');
    document.body.replaceChildren();
    show('login-1');
    expect(screen.getAllByRole('button', { name: /^Investigate User/ }).map(said)).toEqual(['Investigate User ada']);
    document.body.replaceChildren();
    show('nobody');
    expect(screen.queryByRole('button', { name: /^Investigate/ })).toBeNull();
  });

  it('goes to the neighbours that the list has', async () => {
    const onnext = vi.fn();
    show('update-1', { onprevious: null, onnext });
    expect(screen.getByRole('button', { name: 'Previous event' })).toHaveAttribute('aria-disabled', 'true');
    await userEvent.click(screen.getByRole('button', { name: 'Next event' }));
    expect(onnext).toHaveBeenCalledOnce();
    document.body.replaceChildren();
    show('update-1', { onprevious: vi.fn(), onnext: null, arrived: 'next' });
    expect(screen.getByRole('button', { name: 'Previous event' })).toHaveFocus();
  });

  it('filters by every value that a filter can ask for', async () => {
    const { onpivot } = show('update-1');
    const names = screen.getAllByRole('button', { name: /^Filter by/ }).map((button) => button.getAttribute('aria-label'));
    for (const name of ['action_type update', 'action Update user', 'outcome success', 'actor admin1', 'actor_tenant company.com', 'role Tech', 'affected user100', 'affected_tenant customer.com', 'object subscriber', 'tenant acme']) {
      expect(names).toContain(`Filter by ${name}`);
    }
    await userEvent.click(screen.getByRole('button', { name: 'Filter by role Tech' }));
    expect(onpivot).toHaveBeenLastCalledWith({ name: 'role', value: 'Tech', not: false }, 'for');
  });

  it('lists related events on demand, and finds all of them', async () => {
    const { onpivot } = show('login-1');
    expect(server.requests.some(({ url }) => url.searchParams.has('ip'))).toBe(false);
    await userEvent.click(screen.getByText(/^Same address/, { selector: 'summary' }));
    expect(await screen.findByRole('link', { name: 'admin1 updated subscriber user100.' })).toHaveAttribute('href', '/events/update-1?tenant=acme');
    expect(server.requests.find(({ url }) => url.searchParams.has('ip'))?.url.search).toBe(
      '?since=2026-11-21T09%3A15%3A04.123456Z&until=2026-11-21T11%3A15%3A04.123456Z&ip=203.0.113.9&limit=6',
    );
    await userEvent.click(screen.getByRole('button', { name: /^Find all/ }));
    expect(onpivot).toHaveBeenCalledWith({ name: 'ip', value: '203.0.113.9', not: false }, 'only', { since: '2026-11-21T09:15:04.123456Z', until: '2026-11-21T11:15:04.123456Z' });
  });

  it('says when related events cannot be had', async () => {
    show('login-1');
    server.intercept = (url) => (url.searchParams.has('ip') ? problem(503, 'unavailable', 'Try later') : null);
    await userEvent.click(screen.getByText(/^Same address/, { selector: 'summary' }));
    expect(await screen.findByText('Related events could not be loaded: Try later')).toBeVisible();
    server.intercept = null;
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await screen.findByRole('link', { name: /admin1 updated/ })).toBeVisible();
  });

  it('asks for the original once more where it could not be had', async () => {
    show('login-1');
    server.intercept = (url) => (url.pathname.endsWith('/original') ? problem(503, 'unavailable', 'Try later') : null);
    await userEvent.click(screen.getByText('Show the original as sent'));
    expect(await screen.findByText('The original could not be loaded: Try later')).toBeVisible();
    server.intercept = null;
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await screen.findByRole('region', { name: 'Original' })).toHaveTextContent('ConsoleLogin');
  });

  it('masks what looks like a secret until asked, and copies no masked value', async () => {
    server = new TestServer([
      {
        ...(SAMPLES[1] as (typeof SAMPLES)[number]),
        parameters: { password: 'hunter2', Note: 'call me' },
        changes: [{ field: 'api_key', old: 'k1', new: 'k2' }],
        details: 'mailed https://ada:hunter2@example.com/',
      },
    ]);
    show('update-1');
    const text = () => said(screen.getByRole('article'));
    expect(text()).not.toMatch(/hunter2|k1|k2/);
    expect(text()).toContain(`https://ada:${MASK}@example.com/`);
    await userEvent.click(screen.getByTitle('Show password'));
    expect(screen.getByTitle('Copy password')).toHaveTextContent('hunter2');
    await userEvent.click(screen.getByTitle('Copy password'));
    expect(await navigator.clipboard.readText()).toBe('hunter2');
    await userEvent.click(within(screen.getByRole('row', { name: /api_key/ })).getAllByRole('button', { name: 'Reveal' })[1] as HTMLElement);
    expect(text()).toContain('k2');
    expect(text()).not.toContain('k1');
    await userEvent.click(screen.getByText('Show the original as sent'));
    const original = await screen.findByRole('region', { name: 'Original' });
    expect(original.textContent).not.toContain('hunter2');
    await userEvent.click(screen.getByRole('button', { name: 'Reveal secrets' }));
    expect(original.textContent).toContain('"password": "hunter2"');
  });

  it('stays quick with ten thousand parameters and endless or hostile text', async () => {
    const start = performance.now();
    const parameters = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`p ${index}`, `value ${index}`]));
    render(Parameters, { parameters: { ...parameters, long: 'x'.repeat(1_000_000), signs: '\u202E\u200B'.repeat(500_000) } as JsonObject });
    expect(screen.getAllByRole('listitem')).toHaveLength(60);
    await userEvent.type(screen.getByRole('searchbox', { name: 'Find a parameter' }), 'signs');
    expect(screen.getAllByRole('listitem')).toHaveLength(1);
    await userEvent.clear(screen.getByRole('searchbox'));
    await userEvent.click(screen.getByRole('button', { name: 'Show 500 more of 10,002' }));
    expect(screen.getAllByRole('listitem')).toHaveLength(560);
    expect(performance.now() - start).toBeLessThan(10_000);
  }, 20_000);
});

describe('Export', () => {
  it('saves what is loaded under the name of the moment in the zone', async () => {
    const saved: { name: string; blob: Blob }[] = [];
    let last: Blob | null = null;
    vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: (blob: Blob) => ((last = blob), 'blob:x'), revokeObjectURL: () => undefined }));
    const click = vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
      if (last !== null) saved.push({ name: this.download, blob: last });
    });
    render(ExportButton, { props: { events: server.events, zone: 'Asia/Tokyo' } });
    await userEvent.click(screen.getByRole('button', { name: 'Export 5 loaded' }));
    await vi.waitFor(() => expect(saved).toHaveLength(1), { timeout: 20_000 });
    expect(saved[0]?.name).toMatch(/^audit-log-complete-\d{4}-\d\d-\d\d-\d{4}\.csv$/);
    expect(saved[0]?.blob.size).toBeGreaterThan(500);
    expect(announcer.message).toBe(`Exported ${server.events.length} events`);
    click.mockRestore();
    vi.unstubAllGlobals();
  });

  it('has nothing to do without events', () => {
    render(ExportButton, { props: { events: [], zone: 'UTC' } });
    expect(screen.getByRole('button', { name: 'Export' })).toBeDisabled();
  });

  it('says how little of the whole it is', async () => {
    const { rerender } = render(ExportButton, { props: { events: server.events, zone: 'UTC', total: 12_340 } });
    expect(screen.getByRole('button', { name: 'Export 5 loaded of 12,340' })).toBeVisible();
    await rerender({ total: 5 });
    expect(screen.getByRole('button', { name: 'Export 5 loaded' })).toBeVisible();
  });
});

describe('the live list', () => {
  let sink: ReadableStreamDefaultController<Uint8Array> | null = null;

  function show(props: Record<string, unknown> = {}) {
    server.intercept = (url) =>
      url.pathname === '/v1/tail'
        ? new Response(new ReadableStream<Uint8Array>({ start: (controller) => void (sink = controller) }))
        : null;
    const children = createRawSnippet((rows: () => AuditEvent[]) => ({
      render: () => '<ul></ul>',
      setup: (node) => follow(node, rows),
    }));
    return renderWithServer(Live, { query: { q: 'x', limit: 25 }, expanded: false, children, ...props });
  }

  // A raw snippet's content follows its rows.
  function follow(node: Element, rows: () => AuditEvent[]): () => void {
    const draw = (): void => {
      node.replaceChildren(...rows().map((row) => Object.assign(document.createElement('li'), { textContent: row.action })));
    };
    draw();
    const timer = setInterval(draw, 20);
    return () => clearInterval(timer);
  }

  const send = (from: number, to: number): void => {
    for (let seq = from; seq <= to; seq += 1) {
      const event = { ...sample('nobody'), id: `live-${seq}`, action: `Step ${seq}` };
      sink?.enqueue(new TextEncoder().encode(`id: c${seq}\ndata: ${JSON.stringify(event)}\n\n`));
    }
  };

  it('asks for what the page asks for, and goes on from the rows it has', async () => {
    show({ initial: [sample('login-1')], after: 'as-of-1' });
    expect(await screen.findByText('Live')).toBeVisible();
    const { url } = server.requests.find((one) => one.url.pathname === '/v1/tail') ?? {};
    expect(url?.search).toBe('?q=x&after=as-of-1');
    send(1, 2);
    await vi.waitFor(() => expect(screen.getAllByRole('listitem').map(said)).toEqual(['Step 2', 'Step 1', 'ConsoleLogin']));
    expect(screen.getByText('2 new events so far')).toBeVisible();
  });

  it('holds rows back while it is paused, and shows them when asked', async () => {
    show();
    await screen.findByText('Live');
    await userEvent.click(screen.getByRole('button', { name: 'Pause' }));
    expect(screen.getByText('Paused')).toBeVisible();
    send(1, 37);
    await userEvent.click(await screen.findByRole('button', { name: '37 new events' }));
    await vi.waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(37));
    await userEvent.click(screen.getByRole('button', { name: 'Clear rows' }));
    expect(screen.getByText(/Waiting for events/)).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Resume' }));
    send(38, 38);
    expect(await screen.findByText('Step 38')).toBeVisible();
  });

  it('holds rows back while pointer or focus is in them, and says that some wait', async () => {
    const onrows = vi.fn();
    show({ initial: [sample('login-1')], after: 'as-of-1', onrows });
    await screen.findByText('Live');
    const rows = screen.getByRole('list');
    await userEvent.hover(rows);
    send(1, 3);
    expect(await screen.findByRole('button', { name: '3 new events' })).toBeVisible();
    expect(screen.getByText('New events are waiting.').closest('[role="status"]')).not.toBeNull();
    expect(onrows.mock.lastCall?.[0]).toHaveLength(1);
    await userEvent.unhover(rows);
    await vi.waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(4));
    expect(screen.queryByText('New events are waiting.')).toBeNull();
    expect((onrows.mock.lastCall?.[0] as AuditEvent[]).map(({ action }) => action)).toEqual(['Step 3', 'Step 2', 'Step 1', 'ConsoleLogin']);

    rows.tabIndex = 0;
    rows.focus();
    send(4, 4);
    expect(await screen.findByRole('button', { name: '1 new event' })).toBeVisible();
    rows.blur();
    await vi.waitFor(() => expect(screen.getAllByRole('listitem')).toHaveLength(5));
  });

  it('says what the server passed over', async () => {
    show();
    await screen.findByText('Live');
    sink?.enqueue(new TextEncoder().encode('id: b\nevent: dropped\ndata: {"count":12345,"after":"a","before":"b"}\n\n'));
    expect(await screen.findByText(/passed over 12,345 events/)).toBeVisible();
  });
});

describe('the command menu', () => {
  function show() {
    const run = vi.fn();
    const commands: Command[] = [
      { id: 'refresh', label: 'Refresh', group: 'Events', keys: ['r'], run: () => run('refresh') },
      { id: 'live', label: 'Live', group: 'Events', run: () => run('live') },
      { id: 'cards', label: 'Show cards', group: 'View', keywords: 'layout', run: () => run('cards') },
    ];
    render(CommandMenu, { open: true, commands });
    return run;
  }

  // jsdom lays nothing out, so the dialog's contents count as hidden.
  const input = () => screen.getByRole('combobox', { name: 'Commands', hidden: true });
  const options = () => screen.getAllByRole('option', { hidden: true });

  it('is a combobox that controls its list and names the chosen command', async () => {
    show();
    expect(options().map((option) => said(option.querySelector('.label')))).toEqual(['Refresh', 'Live', 'Show cards']);
    const list = screen.getByRole('listbox', { hidden: true });
    expect(input()).toHaveAttribute('aria-controls', list.id);
    input().focus();
    await userEvent.keyboard('{ArrowDown}');
    expect(input()).toHaveAttribute('aria-activedescendant', options()[1]?.id);
    expect(options()[1]).toHaveAttribute('aria-selected', 'true');
    await userEvent.keyboard('{ArrowUp}{ArrowUp}');
    expect(options()[2]).toHaveAttribute('aria-selected', 'true');
  });

  it('finds by words and does what is chosen', async () => {
    const run = show();
    await userEvent.type(input(), 'layout');
    expect(options()).toHaveLength(1);
    await userEvent.keyboard('{Enter}');
    await vi.waitFor(() => expect(run).toHaveBeenCalledWith('cards'));
    expect(run).toHaveBeenCalledOnce();
  });

  it('says when there is none', async () => {
    const run = show();
    await userEvent.type(input(), 'zzz{Enter}');
    expect(screen.getByText('No such command.')).toBeInTheDocument();
    expect(run).not.toHaveBeenCalled();
  });
});
