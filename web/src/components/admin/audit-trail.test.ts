// Administration > Audit Trail: the switch, the ledger, its verification.

import { screen, waitFor, within } from '@testing-library/svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';

import AuditTrailPage from '../../routes/admin/audit-trail/+page.svelte';
import { AT } from '../../test/administration';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));

let opened: Opened;
beforeEach(() => {
  opened = freshServer();
});

function show(): void {
  open(opened.server, AuditTrailPage, '/admin/audit-trail', '/admin/audit-trail');
}

const part = (name: string): ReturnType<typeof within> => within(screen.getByRole('region', { name }));

describe('the switch', () => {
  it('is a checkbox and Save, asks in words, and is on for good then', async () => {
    show();
    const box = await screen.findByRole('checkbox', { name: 'Audit every tenant from its first event on' });
    expect(screen.getByText('Nobody has switched it on yet.')).toBeVisible();
    expect(screen.getByText('3 of 4 tenants audited')).toBeVisible();
    expect(screen.getByRole('link', { name: 'Show the 1 tenant that is not audited' })).toHaveAttribute('href', '/admin/tenants?auditing=off');

    await mouse.click(screen.getByRole('button', { name: 'Save' }));
    expect(screen.getByText('Tick the box to switch auditing on.')).toBeVisible();
    await mouse.click(box);
    await mouse.click(screen.getByRole('button', { name: 'Save' }));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Switch auditing on for good?' }));
    expect(dialog.getByText(/Once it is on it stays on. Nobody can switch it off again/)).toBeVisible();
    expect(opened.admin.changes).toEqual([]);

    await mouse.click(dialog.getByRole('button', { name: 'Switch on for good' }));
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
    expect(opened.admin.changes).toEqual([{ what: 'PUT /v1/auditing', body: { auditing: true } }]);
    expect(announcer.message).toBe('Auditing is on');
    expect(await screen.findByText('Audited since 2026-11-21 11:00:00 UTC')).toBeVisible();
    const on = screen.getByRole('checkbox', { name: 'Audit every tenant from its first event on' });
    expect(on).toBeChecked();
    expect(on).toBeDisabled();
    expect(screen.queryByRole('button', { name: 'Save' })).toBeNull();
  });

  it('stays off where somebody thinks better of it, or the server refuses, which is said in the dialog', async () => {
    show();
    await mouse.click(await screen.findByRole('checkbox'));
    const save = screen.getByRole('button', { name: 'Save' });
    await mouse.click(save);
    await mouse.click(within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(save).toHaveFocus());
    expect(opened.admin.changes).toEqual([]);

    opened.admin.next.set('PUT /v1/auditing', () => problem(403, 'forbidden', 'forbidden', 'complete user management is needed'));
    await mouse.click(save);
    const dialog = within(await screen.findByRole('alertdialog'));
    await mouse.click(dialog.getByRole('button', { name: 'Switch on for good' }));
    expect(await dialog.findByText('The server refused: complete user management is needed.')).toBeVisible();
    expect(screen.getByRole('alertdialog')).toBeVisible();
  });

  it('says when it can not be loaded', async () => {
    opened.admin.next.set('GET /v1/auditing', () => problem(503, 'unavailable', 'unavailable', 'opening the stores'));
    show();
    expect(await screen.findByRole('heading', { name: 'The switch could not be loaded' })).toBeVisible();
    await mouse.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await screen.findByText('Nobody has switched it on yet.')).toBeVisible();
  });
});

describe('the ledger', () => {
  it('shows size, key and checkpoint, and what the server can do', async () => {
    show();
    expect(await screen.findByText('Takes events')).toBeVisible();
    expect(screen.getByText('Search is up to date')).toBeVisible();
    const ledger = part('Ledger');
    expect(await ledger.findByText('5 entries')).toBeVisible();
    expect(ledger.getByText('indelible/test')).toBeVisible();
    await mouse.click(ledger.getByRole('button', { name: 'Copy checkpoint' }));
    expect(await navigator.clipboard.readText()).toBe(opened.server.ledger.checkpoint());
  });

  it('says what is missing, which is an answer too', async () => {
    opened.admin.ready = { status: 503, body: { ingest: true, search: false, detail: 'the index is being rebuilt: 40 % done' } };
    show();
    expect(await screen.findByText('Search is behind')).toBeVisible();
    expect(screen.getByText('Takes events')).toBeVisible();
    expect(screen.getByText('the index is being rebuilt: 40 % done')).toBeVisible();
  });

  it("says so where a proxy's page answers in the server's place", async () => {
    opened.admin.next.set('GET /readyz', () => new Response('<h1>Bad gateway</h1>', { status: 503 }));
    show();
    expect(await screen.findByRole('heading', { name: 'The server does not say whether it is ready' })).toBeVisible();
  });

  it('is not shown without the permission to verify, which is said plainly', async () => {
    opened.admin.next.set('GET /v1/ledger', () => problem(403, 'forbidden', 'forbidden', 'audit.verify is needed'));
    show();
    expect(await part('Ledger').findByText(/You lack the permission "Verify the ledger"/)).toBeVisible();
  });
});

describe('the verification', () => {
  const verify = (): Promise<void> => mouse.click(screen.getByRole('button', { name: 'Verify now' }));

  function grow(): void {
    const { ledger } = opened.server;
    for (let seq = 10; seq < 13; seq += 1) {
      const event = { tenant: 'acme', tenantNumber: 1, tenantSeq: seq, receivedAtUs: 1n, timeUs: 1n, timeSource: 'event', protocol: 1 } as const;
      ledger.record({ ...event, id: `more-${seq}`, body: '{}' });
    }
  }

  it('remembers the first time, and compares the next; the last one stands there after a reload', async () => {
    show();
    const checks = part('Verification');
    expect(checks.getByText(/none yet/)).toBeVisible();
    await verify();
    expect(await checks.findByText(/This browser had not seen this ledger before. The signature of its 5 entries holds/)).toBeVisible();
    const steps = (): (string | undefined)[] => checks.getAllByRole('listitem').map((item: HTMLElement) => item.textContent?.trim());
    expect(steps()[2]).toBe('not done: Check that its tree continues the one that this browser saw before');
    grow();
    await verify();
    expect(await checks.findByText(/The ledger of 8 entries continues the one of 5 entries that this browser saw on/)).toBeVisible();
    expect(steps()).toEqual([
      'done: Fetch the newest checkpoint',
      "done: Check its signature with the ledger's key",
      'done: Check that its tree continues the one that this browser saw before',
    ]);
    expect(checks.getByText(/What it does not show/)).toBeVisible();
    expect(JSON.parse(localStorage.getItem('indelible.checked') ?? '')).toMatchObject({ size: '8', state: 'verified' });
  });

  it('fails aloud, and says where', async () => {
    const { vkey } = opened.server.ledger;
    const seen = { vkey, firstSeen: AT, size: '9', root: `${'A'.repeat(43)}=`, seenAt: AT };
    localStorage.setItem('indelible.seen', JSON.stringify(seen));
    show();
    await verify();
    const checks = part('Verification');
    expect(await checks.findByText(/This browser saw a larger tree \(9 entries\)/)).toBeVisible();
    expect(checks.getAllByText('Verification failed')).toHaveLength(2);
    expect(checks.getAllByRole('listitem').at(-1)).toHaveTextContent(/^failed:/);
  });

  it('lets the reader accept another ledger, who decides', async () => {
    const seen = { vkey: 'another', firstSeen: AT, size: '1', root: `${'A'.repeat(43)}=`, seenAt: AT };
    localStorage.setItem('indelible.seen', JSON.stringify(seen));
    show();
    await verify();
    await mouse.click(await screen.findByRole('button', { name: 'Accept this ledger from now on' }));
    expect(await screen.findByText(/This browser had not seen this ledger before/)).toBeVisible();
  });

  it('is no verdict where the checkpoint can not be had', async () => {
    show();
    await part('Ledger').findByText('5 entries');
    opened.admin.next.set('GET /v1/ledger', () => Promise.reject(new TypeError('gone')));
    await verify();
    expect(await screen.findByText('The server could not be reached. Check the connection and try again.')).toBeVisible();
    expect(localStorage.getItem('indelible.checked')).toBeNull();
  });
});
