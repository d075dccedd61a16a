// The components as a reader meets them: found by role and by name.

import { render, screen, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Component } from 'svelte';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { Problem } from '$api/problem';
import type { AuditEvent } from '$api/types';
import { announcer } from '$lib/announce.svelte';

import Harness from '../test/Harness.svelte';
import { SAMPLES, TestServer, problem } from '../test/server';

import EventDetail from './EventDetail.svelte';
import EventTable from './EventTable.svelte';
import Pager from './Pager.svelte';
import ProblemPanel from './ProblemPanel.svelte';

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

describe('the table', () => {
  beforeAll(() => import('./EventDetail.svelte'), 60_000);

  function show(open: { id: string; tenant: string } | null = null) {
    const onopen = vi.fn();
    renderWithServer(EventTable, { events: server.events, zone: 'UTC', linkZone: null, open, onopen, stale: false });
    const rows = screen.getAllByRole('row').filter((row) => row.hasAttribute('data-row'));
    return { onopen, rows, row: (id: string) => rows[server.events.indexOf(sample(id))] as HTMLElement };
  }

  it('shows who did what to what, and "-" for what was not captured', () => {
    const { rows, row } = show();
    expect(rows).toHaveLength(SAMPLES.length);
    const cells = (id: string): string[] =>
      within(row(id)).getAllByRole('cell').map((cell) => (cell.textContent ?? '').replace(/\s+/g, ' ').trim());
    expect(cells('update-1').slice(1)).toEqual([
      '2026-11-21 10:10:00',
      'Modify/Update Success Update user',
      'user100 +1 more',
      'customer.com',
      'subscriber',
    ]);
    expect(cells('nobody').slice(2)).toEqual(['Other Something happened', '-', '-', '-']);
  });

  it('opens a row by its button and by a click on it', async () => {
    const { onopen, row } = show();
    const button = within(row('update-1')).getByRole('button', { expanded: false });
    expect(button).toHaveAccessibleName(/2026-11-21 10:10:00 Show event: Update user/);
    await userEvent.click(button);
    expect(onopen).toHaveBeenLastCalledWith({ id: 'update-1', tenant: 'acme' });
    await userEvent.click(within(row('login-1')).getByText('ConsoleLogin'));
    expect(onopen).toHaveBeenLastCalledWith({ id: 'login-1', tenant: 'acme' });
  });

  it('closes the open row', async () => {
    const { onopen, row } = show({ id: 'update-1', tenant: 'acme' });
    await userEvent.click(within(row('update-1')).getByRole('button', { expanded: true }));
    expect(onopen).toHaveBeenLastCalledWith(null);
  });

  it('keeps hostile text text, and names what cannot be seen', async () => {
    const { row } = show({ id: 'hostile', tenant: 'acme' });
    expect(document.querySelector('img')).toBeNull();
    expect(document.querySelector('script')).toBeNull();
    expect(row('hostile')).toHaveTextContent('<img src=x onerror=alert(1)>U+202Etxt.exe');
    const texts = row('hostile').querySelectorAll('bdi');
    expect(texts.length).toBeGreaterThan(1);
    expect(await screen.findByRole('article', { name: 'Event' })).toHaveTextContent('<script>alert(3)</script> deleted U+202Eeverything');
  });
});

describe('the detail', () => {
  function show(id: string) {
    return renderWithServer(EventDetail, { event: sample(id), zone: 'UTC', linkZone: null, onclose: null });
  }

  it('begins with the sentence and ends with the original', async () => {
    show('update-1');
    const text = screen.getByRole('article').textContent ?? '';
    const places = ['admin1 updated subscriber user100.', 'Changes', 'Action as sent', 'Parameters', 'Related', 'Show the original'].map(
      (part) => text.indexOf(part),
    );
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual([...places].sort((left, right) => left - right));
    expect(await screen.findByText('Verified')).toBeVisible();
  });

  it('shows "N/A" for what was not captured', () => {
    show('nobody');
    const value = (label: string): string => screen.getByText(label).nextElementSibling?.textContent?.trim() ?? '';
    expect(value('Performed by user')).toBe('N/A');
    expect(value('Affected user')).toBe('N/A');
    expect(value('Performed by IP address')).toBe('N/A');
    expect(value('Outcome')).toBe('N/A');
  });

  it('tells not set, null and empty apart', () => {
    show('update-1');
    const rows = screen.getAllByRole('row').map((row) => [...row.children].map((cell) => cell.textContent?.trim()).join('|'));
    expect(rows).toContain('email|null|a@b.c');
    expect(rows).toContain('phone|not set|empty text');
  });

  it('copies a parameter on click', async () => {
    const user = userEvent.setup();
    show('update-1');
    await user.click(screen.getByRole('button', { name: /Nested/ }));
    expect(await navigator.clipboard.readText()).toBe('{"a":[1,2]}');
    expect(announcer.message).toBe('Copied Nested');
  });

  it('says against which checkpoint it was verified', async () => {
    show('login-1');
    expect(await screen.findByText('Verified')).toBeVisible();
    const proof = screen.getByRole('complementary', { name: 'Proof' });
    expect(proof).toHaveTextContent(`${SAMPLES.length} entries`);
    expect(proof).toHaveTextContent('indelible/test');
    expect(within(proof).getAllByText('passed:')).toHaveLength(6);
  });

  it('says what failed when the original was changed', async () => {
    server.intercept = (url) => (url.pathname.endsWith('/original') ? new Response('{"action":"View"}') : null);
    show('login-1');
    expect(await screen.findByText('Verification failed')).toBeVisible();
    expect(screen.getByText(/was changed after it was recorded/)).toBeVisible();
    expect(screen.getByText(/Shown otherwise than recorded/)).toBeVisible();
  });

  it('tells "not verified" from "failed", and checks again', async () => {
    server.intercept = (url) => (url.pathname.endsWith('/proof') ? problem(503, 'unavailable', 'Try later') : null);
    show('login-1');
    expect(await screen.findByText('Not verified')).toBeVisible();
    expect(screen.getByText(/Try later/)).toBeVisible();
    server.intercept = null;
    await userEvent.click(screen.getByRole('button', { name: 'Check again' }));
    expect(await screen.findByText('Verified')).toBeVisible();
  });

  it('warns of another ledger, and accepts it when told to', async () => {
    const seen = {
      vkey: 'other',
      firstSeen: '2026-01-01T00:00:00.000Z',
      size: '1',
      root: `${'A'.repeat(43)}=`,
      seenAt: '2026-01-01T00:00:00.000Z',
    };
    localStorage.setItem('indelible.seen', JSON.stringify(seen));
    show('login-1');
    expect(await screen.findByText('Other ledger')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: /Accept this ledger/ }));
    expect(await screen.findByText('Verified')).toBeVisible();
  });

  it('shows the original laid out, and as sent', async () => {
    show('update-1');
    await userEvent.click(screen.getByText('Show the original as sent'));
    const original = await screen.findByRole('region', { name: 'Original' });
    expect(original.textContent).toContain('{\n  "id": "update-1"');
    await userEvent.click(screen.getByRole('button', { name: 'As sent' }));
    expect(original.textContent).toContain('{"id":"update-1","time"');
  });

  it('says which permission is missing', async () => {
    server.keys.set('secret', { kind: 'api_key', name: 'reader', permissions: ['audit.read'], reach: 'everything', tenants: 1 });
    show('update-1');
    expect(await screen.findByText('Proofs are not available to your role')).toBeVisible();
    expect(screen.getByText(/does not let you fetch what the proof needs: Not permitted/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Check again' })).toBeNull();
    await userEvent.click(screen.getByText('Show the original as sent'));
    expect(await screen.findByText(/does not let you see originals: Not permitted/)).toBeVisible();
  });
});

describe('states', () => {
  it('shows title, request id and Retry', async () => {
    const onretry = vi.fn();
    const error = new Problem(400, 'invalid_filter', 'The filter is wrong', 'since is no time', 'req-4711', [
      { field: 'since', message: 'expected RFC 3339' },
    ]);
    render(ProblemPanel, { heading: 'Not loaded', error, onretry });
    const alert = screen.getByRole('alert');
    for (const text of ['Not loaded', 'The filter is wrong', 'since is no time', 'expected RFC 3339', 'req-4711', '400 invalid_filter']) {
      expect(alert).toHaveTextContent(text);
    }
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(onretry).toHaveBeenCalledOnce();
  });

  it('turns pages only where there are some', () => {
    const [onprevious, onnext] = [vi.fn(), vi.fn()];
    render(Pager, { page: 1, hasPrevious: false, hasNext: true, onprevious, onnext });
    // Whoever just came to the first page keeps the focus.
    const previous = screen.getByRole('button', { name: 'Previous' });
    expect(previous).toHaveAttribute('aria-disabled', 'true');
    expect(previous).toBeEnabled();
    previous.click();
    expect(onprevious).not.toHaveBeenCalled();
    screen.getByRole('button', { name: 'Next' }).click();
    expect(onnext).toHaveBeenCalledOnce();
    expect(screen.getByRole('navigation', { name: 'Pages' })).toHaveTextContent('Page 1· more available');
  });
});
