// Exports: the dialog over the events, their history, and "Download audit logs".

import { configure, render, screen, waitFor, within } from '@testing-library/svelte';
import type { Component } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';
import { session } from '$lib/session.svelte';

import AuditTrailPage from '../../routes/admin/audit-trail/+page.svelte';
import ExportsPage from '../../routes/exports/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import Harness from '../../test/Harness.svelte';
import { READER, TestJobs, aFile, anExport } from '../../test/jobs';
import { freshServer, mouse, open, type Opened } from '../../test/open';
import { at } from '../../test/page.svelte';
import { problem } from '../../test/server';
import ExportButton from '../ExportButton.svelte';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));
configure({ asyncUtilTimeout: 5000 });

let opened: Opened;
let jobs: TestJobs;
/** Files that the browser was given. */
let followed: string[] = [];
beforeEach(() => {
  opened = freshServer();
  jobs = TestJobs.of(opened.server);
  session.who = READER;
  session.credential = { kind: 'session', csrf: 'csrf' };
  session.phase = 'in';
  followed = [];
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    followed.push(this.getAttribute('href') ?? '');
  });
});

function show(component: unknown, address: string, props: Record<string, unknown> = {}): void {
  at('/', address);
  const credential = () => ({ kind: 'session', csrf: 'csrf' }) as const;
  render(Harness, { props: { server: opened.server, component: component as Component<Record<string, unknown>>, props, credential } });
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('the button over the events', () => {
  const query = { action_type: 'delete', since: '2026-11-01T00:00:00Z', as_of: '4' } as never;
  const shown = () => show(ExportButton, '/', { events: opened.server.events, zone: 'Europe/Rome', query, columns: ['time', 'by'] });

  it('downloads what is loaded and nothing else for whoever may not export', () => {
    session.who = { ...READER, permissions: ['audit.read'] };
    shown();
    expect(button(/^Export 5 loaded/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Export' })).toBeNull();
  });

  it('asks what the file is to be, says how many events, and begins with the query in force', async () => {
    shown();
    await mouse.click(button('Export'));
    expect(button(/^Loaded results \(CSV\)/)).toBeEnabled();
    await mouse.click(button('All results in the background'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Export all results' }));
    expect(await dialog.findByText(/^\d+ events? will be in it\.$/)).toBeVisible();
    await mouse.selectOptions(dialog.getByLabelText('Format'), 'csv');
    await mouse.selectOptions(dialog.getByLabelText('Columns'), 'shown');
    await mouse.click(dialog.getByLabelText('Byte order mark'));
    await mouse.clear(dialog.getByLabelText('Name'));
    await mouse.click(dialog.getByRole('button', { name: 'Start export' }));
    expect(dialog.getByText('Give it a name.')).toBeVisible();
    await mouse.type(dialog.getByLabelText('Name'), 'Deletions');
    await mouse.click(dialog.getByRole('button', { name: 'Start export' }));

    const started = within(await screen.findByRole('dialog', { name: 'Export started' }));
    expect(jobs.changes).toEqual([
      {
        what: 'POST /v1/exports',
        body: {
          name: 'Deletions',
          format: 'csv',
          query: 'action_type=delete&since=2026-11-01T00:00:00Z&tz=Europe/Rome',
          zone: 'Europe/Rome',
          columns: ['time', 'actor'],
          byte_order_mark: true,
          as_of: '4',
        },
      },
    ]);
    expect(started.getByRole('progressbar', { name: 'Progress of Deletions' })).toBeVisible();
    expect(started.getByRole('link', { name: 'Open the Export History' })).toHaveAttribute('href', '/exports');
    Object.assign(jobs.exports[0] ?? {}, { state: 'completed', file: aFile('deletions.csv') });
    await mouse.click(await started.findByRole('button', { name: 'Download' }));
    expect(followed).toEqual(['/v1/exports/e1/download']);
  });

  it('asks for no columns of what has whole events, and says what the server refused at its field', async () => {
    shown();
    await mouse.click(button('Export'));
    await mouse.click(button('All results in the background'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Export all results' }));
    await mouse.selectOptions(dialog.getByLabelText('Format'), 'ndjson');
    expect(dialog.queryByLabelText('Columns')).toBeNull();
    jobs.next.set('POST /v1/exports', () => problem(422, 'invalid_field', 'Wrong', 'is taken', { field: '/name' }));
    await mouse.click(dialog.getByRole('button', { name: 'Start export' }));
    expect(await dialog.findByText(/is taken/)).toBeVisible();
    await waitFor(() => expect(dialog.getByLabelText('Name')).toHaveFocus());
    await mouse.click(dialog.getByRole('button', { name: 'Start export' }));
    await screen.findByRole('dialog', { name: 'Export started' });
    expect(jobs.changes.at(-1)?.body).not.toHaveProperty('columns');
  });

  it('has columns chosen, ordered by keyboard and by buttons', async () => {
    shown();
    await mouse.click(button('Export'));
    await mouse.click(button('All results in the background'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Export all results' }));
    await mouse.selectOptions(dialog.getByLabelText('Columns'), 'chosen');
    await waitFor(() => expect(dialog.getByRole('option', { name: 'ACTION' })).toBeInTheDocument());
    await mouse.selectOptions(dialog.getByLabelText('Add a column'), 'action');
    dialog.getByRole('button', { name: '3 ACTION' }).focus();
    await mouse.keyboard('{Alt>}{ArrowUp}{/Alt}');
    await waitFor(() => expect(dialog.getByRole('button', { name: '2 ACTION' })).toHaveFocus());
    await mouse.click(dialog.getByRole('button', { name: 'Move ACTION up' }));
    await mouse.click(dialog.getByRole('button', { name: 'Remove TIME' }));
    await mouse.click(dialog.getByRole('button', { name: 'Start export' }));
    await screen.findByRole('dialog', { name: 'Export started' });
    expect(jobs.changes.at(-1)?.body?.columns).toEqual(['action', 'actor']);
  });
});

describe('the history', () => {
  it('says how each stands, in words', async () => {
    jobs.exports = [
      anExport('1', { state: 'running', progress: { done: 120, total: 1000 } }),
      anExport('2', { state: 'completed', file: { ...aFile('a.csv'), left_out: 3, cut_cells: 1 } }),
      anExport('3', { state: 'failed', problem: { code: 'range_not_allowed', detail: '' } }),
    ];
    show(ExportsPage, '/exports');
    expect(await screen.findByText('3 exports')).toBeVisible();
    const bar = screen.getByRole('progressbar', { name: 'Progress of Export 1' });
    expect(bar).toHaveAttribute('aria-valuenow', '12');
    expect(bar).toHaveAttribute('aria-valuetext', '120 of 1,000 events');
    expect(screen.getByText('3 events are missing in this file')).toBeVisible();
    expect(screen.getByText('1 cell was too long for the format and was cut')).toBeVisible();
    expect(screen.getByText('The time range goes beyond what its owner may ask for.')).toBeVisible();
    expect(screen.getByText('1.2 MB')).toBeVisible();
    expect(screen.queryByLabelText('Whose')).toBeNull();
  });

  it('cancels, deletes the file after a question, and hands on an address', async () => {
    jobs.exports = [anExport('1', { state: 'running' }), anExport('2', { state: 'completed', file: aFile('a.csv') })];
    show(ExportsPage, '/exports');
    await mouse.click(await screen.findByRole('button', { name: 'Cancel Export 1' }));
    expect(await screen.findByText('Cancelled')).toBeVisible();
    await mouse.click(button('Download Export 2'));
    expect(followed).toEqual(['/v1/exports/2/download']);
    await mouse.click(button('Delete file of Export 2'));
    const dialog = within(await screen.findByRole('alertdialog', { name: 'Delete the file of Export 2?' }));
    await mouse.click(dialog.getByRole('button', { name: 'Delete file' }));
    expect(await screen.findByText('Expired')).toBeVisible();
    await waitFor(() => expect(announcer.message).toBe('Deleted the file of Export 2'));
  });

  it('has a key download by an address that takes no sign-in', async () => {
    session.credential = { kind: 'key', key: 'secret' };
    jobs.exports = [anExport('2', { state: 'completed', file: aFile('a.csv') })];
    show(ExportsPage, '/exports');
    await mouse.click(await screen.findByRole('button', { name: 'Download Export 2' }));
    await waitFor(() => expect(followed).toEqual(['/v1/downloads/secret-of-2']));
  });

  it('shows what was asked, and the way back to those events', async () => {
    jobs.exports = [anExport('2', { state: 'completed', file: aFile('a.csv') })];
    show(ExportsPage, '/exports');
    await mouse.click(await screen.findByRole('button', { name: 'Details of Export 2' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Export 2' }));
    expect(dialog.getByText('ab'.repeat(32))).toBeVisible();
    expect(dialog.getByRole('link', { name: 'Show these events' })).toHaveAttribute(
      'href',
      '/?action_type=delete&since=2026-11-01T00:00:00Z&tz=UTC',
    );
  });

  it('offers everybody’s to complete user management only', async () => {
    session.who = ADMINISTRATOR;
    show(ExportsPage, '/exports?owner=all');
    expect(await screen.findByText(/^No exports yet\./)).toBeVisible();
    expect(opened.server.requests.find(({ url }) => url.pathname === '/v1/exports')?.url.searchParams.get('owner')).toBe('all');
  });

  it('is refused in words, and asks for nothing', () => {
    session.who = { ...READER, permissions: ['audit.read'] };
    show(ExportsPage, '/exports');
    expect(screen.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
    expect(opened.server.requests).toEqual([]);
  });

  it('says what went wrong, and tries again', async () => {
    jobs.next.set('GET /v1/exports', () => problem(503, 'unavailable', 'Not now'));
    show(ExportsPage, '/exports');
    expect(await screen.findByRole('alert')).toHaveTextContent('The exports could not be loaded');
    await mouse.click(button('Retry'));
    expect(await screen.findByText(/^No exports yet\./)).toBeVisible();
  });
});

describe('Download audit logs', () => {
  const section = () => screen.queryByRole('region', { name: 'Download audit logs' });

  it('is there once auditing is on', async () => {
    open(opened.server, AuditTrailPage, '/admin/audit-trail', '/admin/audit-trail');
    await screen.findByText('Nobody has switched it on yet.');
    expect(section()).toBeNull();
  });

  it('begins an export of basic columns and downloads it when it is there', async () => {
    opened.admin.auditing = { ...opened.admin.auditing, auditing: true, audited_since: '2026-11-21T11:00:00.000001Z' };
    open(opened.server, AuditTrailPage, '/admin/audit-trail', '/admin/audit-trail');
    const part = within(await screen.findByRole('region', { name: 'Download audit logs' }));
    await mouse.selectOptions(await part.findByLabelText('Tenant'), 'acme');
    await mouse.click(await part.findByRole('checkbox', { name: /Web/ }));
    await mouse.click(await part.findByRole('checkbox', { name: /PBX/ }));
    await mouse.click(part.getByRole('button', { name: 'Download' }));
    await part.findByRole('progressbar');
    const body = jobs.changes[0]?.body;
    expect(body).toMatchObject({ format: 'csv', columns: 'basic', zone: 'UTC' });
    expect(String(body?.query)).toMatch(/^application=Web&application=PBX&tenant=acme&since=[^&]+&tz=UTC$|^tenant=acme&application=Web&application=PBX&since=[^&]+&tz=UTC$/);
    Object.assign(jobs.exports[0] ?? {}, { state: 'completed', file: aFile('audit.csv') });
    await waitFor(() => expect(followed).toEqual(['/v1/exports/e1/download']));
  });
});
