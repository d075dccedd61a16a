// Reports and schedules: their lists, the editor, what is asked of the server, and who is refused.

import { configure, render, screen, waitFor, within } from '@testing-library/svelte';
import type { Component } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';
import { prepare } from '$lib/jobs/report-frame';
import { session } from '$lib/session.svelte';

import ReportPage from '../../routes/reports/[id]/+page.svelte';
import ReportsPage from '../../routes/reports/+page.svelte';
import SchedulesPage from '../../routes/schedules/+page.svelte';
import Harness from '../../test/Harness.svelte';
import { READER, TestJobs, aFile, aReport, aRun, aSchedule } from '../../test/jobs';
import { freshServer, mouse, type Opened } from '../../test/open';
import { at, visited } from '../../test/page.svelte';
import { problem } from '../../test/server';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));
configure({ asyncUtilTimeout: 10_000 });

let opened: Opened;
let jobs: TestJobs;
beforeEach(() => {
  opened = freshServer();
  jobs = TestJobs.of(opened.server);
  session.who = READER;
  session.credential = { kind: 'session', csrf: 'csrf' };
  session.phase = 'in';
});

function show(component: unknown, route: string, address: string, params: Record<string, string> = {}): void {
  at(route, address, params);
  const credential = () => ({ kind: 'session', csrf: 'csrf' }) as const;
  render(Harness, { props: { server: opened.server, component: component as Component<Record<string, unknown>>, props: {}, credential } });
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });

describe('reports', () => {
  it('are ready-made or saved, and run in a format', async () => {
    jobs.reports = [aReport('r1', { shared_with: { kind: 'everybody' } })];
    show(ReportsPage, '/reports', '/reports');
    expect(await screen.findByRole('link', { name: 'Deletions' })).toHaveAttribute('href', '/reports/new?kind=deletions');
    await mouse.click(await screen.findByRole('button', { name: 'Run Report r1' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Run Report r1' }));
    await mouse.selectOptions(dialog.getByLabelText('Format'), 'xlsx');
    await mouse.click(dialog.getByRole('button', { name: 'Run' }));
    await waitFor(() => expect(announcer.message).toBe('Report r1 is on its way'));
    expect(jobs.changes).toEqual([{ what: 'POST /v1/report-runs', body: { report: 'r1', format: 'xlsx' } }]);
    expect(await screen.findByRole('progressbar')).toBeVisible();
  });

  it('tell of every delivery that failed what the mail server said', async () => {
    jobs.runs = [
      aRun('1', {
        state: 'completed',
        file: aFile('a.pdf'),
        deliveries: [
          { to: 'a@b.c', state: 'sent', attempts: 1, answer: '250 ok', at: null },
          { to: 'x@b.c', state: 'failed', attempts: 3, answer: '550 no such user', at: null },
        ],
      }),
    ];
    show(ReportsPage, '/reports', '/reports');
    expect(await screen.findByText('550 no such user')).toBeVisible();
    expect(screen.getByText('Not delivered')).toBeVisible();
    expect(screen.queryByText('250 ok')).toBeNull();
  });

  it('are refused in words, and nothing is asked', () => {
    session.who = { ...READER, permissions: ['audit.read'] };
    show(ReportsPage, '/reports', '/reports');
    expect(screen.getByRole('heading', { name: 'This page is not for you' })).toBeVisible();
    expect(opened.server.requests).toEqual([]);
  });
});

describe('the editor', () => {
  it('makes a report: kind, events as text, columns in order, groups, totals, readers', async () => {
    show(ReportPage, '/reports/[id]', '/reports/new?kind=details&tz=Europe/Rome', { id: 'new' });
    const name = await screen.findByLabelText('Name');
    await mouse.clear(name);
    await mouse.type(name, 'Mine');
    const events = screen.getByLabelText('Events');
    expect(events).toHaveValue('since:-30d');
    await mouse.clear(events);
    await mouse.type(events, 'action_type:delete since:today');
    expect(screen.getByText(/It cannot begin with today/)).toBeVisible();
    await mouse.clear(events);
    await mouse.type(events, 'action_type:delete -outcome:failure since:-1mo');
    await mouse.selectOptions(screen.getByLabelText('Columns'), 'Chosen');
    await mouse.click(button('Move Audit - Date up'));
    await mouse.click(button('Remove # of rows'));
    await mouse.selectOptions(screen.getByLabelText('Group by'), 'initiator');
    const then = screen.getByLabelText('Then by');
    expect(within(then).queryByRole('option', { name: 'initiator' })).toBeNull();
    await mouse.selectOptions(then, 'tenant');
    await mouse.click(screen.getByLabelText('Totals'));
    await mouse.click(button('Save'));
    await waitFor(() => expect(visited).toEqual(['/reports/r1']));
    expect(jobs.changes).toEqual([
      {
        what: 'POST /v1/reports',
        body: {
          name: 'Mine',
          kind: 'details',
          query: 'action_type=delete&outcome=!failure&since=P1M',
          zone: 'Europe/Rome',
          columns: ['audit_date', 'audit_id'],
          group_by: ['initiator', 'tenant'],
          totals: false,
        },
      },
    ]);
  });

  it('begins with what the kind looks for, and keeps what was written', async () => {
    show(ReportPage, '/reports/[id]', '/reports/new?kind=details', { id: 'new' });
    const kind = await screen.findByLabelText('Kind');
    expect(within(kind).queryByRole('option', { name: 'Access review' })).toBeNull();
    await mouse.selectOptions(kind, 'deletions');
    const events = screen.getByLabelText('Events');
    expect(events).toHaveValue('action_type:delete since:-30d');
    expect(screen.getByLabelText('Name')).toHaveValue('Deletions');
    await mouse.type(events, ' user:1041');
    await mouse.selectOptions(kind, 'details');
    expect(events).toHaveValue('action_type:delete since:-30d user:1041');
  });

  it('of people asks for no events, of whoever manages users', async () => {
    session.who = { ...READER, permissions: [...READER.permissions, 'users.manage'] };
    show(ReportPage, '/reports/[id]', '/reports/new?kind=access_review', { id: 'new' });
    expect(await screen.findByText(/^It is of people/)).toBeVisible();
    expect(screen.queryByLabelText('Events')).toBeNull();
    await mouse.click(button('Save'));
    await waitFor(() => expect(visited).toEqual(['/reports/r1']));
    expect(jobs.changes[0]?.body).toMatchObject({ kind: 'access_review', query: '', columns: null, group_by: null });
  });

  it('previews in a frame in which nothing runs, and says what the server refused', async () => {
    jobs.reports = [aReport('r1')];
    show(ReportPage, '/reports/[id]', '/reports/r1', { id: 'r1' });
    await mouse.click(await screen.findByRole('button', { name: 'Preview' }));
    const frame = await screen.findByTitle('Preview of Report r1');
    expect(frame).toHaveAttribute('sandbox', 'allow-same-origin');
    expect(frame.getAttribute('srcdoc')).toContain('First rows');
    expect(frame.getAttribute('srcdoc')).not.toContain('<style');
    jobs.next.set('POST /v1/reports/preview', () => problem(422, 'invalid_field', 'Wrong', 'too much'));
    await mouse.clear(screen.getByLabelText('Name'));
    await mouse.type(screen.getByLabelText('Name'), 'Other');
    await mouse.click(button('Preview'));
    expect(await screen.findByRole('alert')).toHaveTextContent('The preview could not be made');
  });

  it('runs what is saved by its id, and what was changed as it is in sight', async () => {
    // The server has queries in words of its own.
    jobs.reports = [aReport('r1', { query: 'since=P30D&action_type=delete&tz=UTC' })];
    show(ReportPage, '/reports/[id]', '/reports/r1', { id: 'r1' });
    const run = async (): Promise<void> => {
      await mouse.click(await screen.findByRole('button', { name: 'Run…' }));
      await mouse.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Run' }));
      await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    };
    await run();
    await mouse.click(screen.getByLabelText('Totals'));
    await run();
    expect(jobs.changes.map(({ body }) => body)).toMatchObject([{ report: 'r1' }, { definition: { name: 'Report r1', totals: false } }]);
  });

  it('changes nothing of what is somebody else’s', async () => {
    jobs.reports = [aReport('r1', { mine: false })];
    show(ReportPage, '/reports/[id]', '/reports/r1', { id: 'r1' });
    expect(await screen.findByText(/^This report is somebody else's/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Save' })).toBeNull();
  });

  it('says where there is none', async () => {
    show(ReportPage, '/reports/[id]', '/reports/gone', { id: 'gone' });
    expect(await screen.findByRole('heading', { name: 'No such report' })).toBeVisible();
  });
});

describe('a report in its frame', () => {
  it('has its styles taken out, and nothing in it that runs or loads', () => {
    const html = '<!doctype html><head><style>p { color: red }</style><script>alert(1)</script></head><body onload="x()"><p style="width: 40%">a &lt;style&gt;</p><img src="x" onerror="y()"></body>';
    const { markup, css } = prepare(html);
    expect(css).toBe('p { color: red }');
    expect(markup).toContain('<p data-style="width: 40%">a &lt;style&gt;</p>');
    expect(markup).not.toMatch(/<script|<style|onload|onerror/);
  });
});

describe('schedules', () => {
  it('tell when they run next, how the last went, and why they stopped', async () => {
    jobs.schedules = [
      aSchedule('1', { last_run: aRun('9', { state: 'failed', problem: { code: 'forbidden', detail: '' } }) }),
      aSchedule('2', { enabled: false, stopped: { at: '2026-11-20T06:00:00.000000Z', reason: 'Its owner is gone.' }, next_run_at: null }),
    ];
    show(SchedulesPage, '/schedules', '/schedules');
    expect(await screen.findByText('Its owner is gone.')).toBeVisible();
    expect(screen.getByText('2026-12-01 06:00:00')).toBeVisible();
    expect(screen.getByText('Its owner may no longer see what it asks for.')).toBeVisible();
    await mouse.click(screen.getByRole('switch', { name: 'Schedule 1 enabled', checked: true }));
    await waitFor(() => expect(announcer.message).toBe('Schedule 1 is off'));
    expect(jobs.changes).toEqual([{ what: 'PATCH /v1/schedules/1', body: { enabled: false } }]);
    expect(await screen.findByRole('switch', { name: 'Schedule 1 enabled', checked: false })).toBeVisible();
  });

  it('are made with the next times in sight', async () => {
    jobs.reports = [aReport('r1')];
    show(SchedulesPage, '/schedules', '/schedules');
    expect(await screen.findByText('No schedules yet.')).toBeVisible();
    await waitFor(() => expect(opened.server.requests.some(({ url }) => url.pathname === '/v1/reports')).toBe(true));
    await mouse.click(button('New schedule'));
    const dialog = within(await screen.findByRole('dialog', { name: 'New schedule' }));
    await mouse.type(dialog.getByLabelText('Name'), 'Monthly');
    await mouse.selectOptions(dialog.getByLabelText('Report'), await dialog.findByRole('option', { name: 'Report r1' }));
    await mouse.selectOptions(dialog.getByLabelText('Often used'), '0 6 * * 1');
    expect(dialog.getByLabelText('When')).toHaveValue('0 6 * * 1');
    expect(await dialog.findByText('At 06:00 on the 1st')).toBeVisible();
    expect(dialog.getByText('2026-12-01 06:00:00')).toBeVisible();
    await mouse.type(dialog.getByLabelText('Recipients'), 'a@b.c{Enter}x@b.c');
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(jobs.changes.filter(({ what }) => what === 'POST /v1/schedules')).toEqual([
      {
        what: 'POST /v1/schedules',
        body: { name: 'Monthly', report: 'r1', format: 'pdf', when: '0 6 * * 1', zone: 'UTC', recipients: ['a@b.c', 'x@b.c'], subject: null, enabled: true },
      },
    ]);
  });

  it('say what is wrong with the time, as it is typed', async () => {
    jobs.reports = [aReport('r1')];
    jobs.schedules = [aSchedule('1')];
    show(SchedulesPage, '/schedules', '/schedules');
    await mouse.click(await screen.findByRole('button', { name: 'Change Schedule 1' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Change Schedule 1' }));
    await dialog.findByText('At 06:00 on the 1st');
    jobs.next.set('POST /v1/schedules/preview', () => problem(422, 'invalid_field', 'Wrong', 'no such time', { field: '/when' }));
    await mouse.clear(dialog.getByLabelText('When'));
    await mouse.type(dialog.getByLabelText('When'), 'noon');
    expect(await dialog.findByText('No such time')).toBeVisible();
  });

  it('of others are there for whoever manages everybody, with their runs', async () => {
    jobs.schedules = [aSchedule('1', { mine: false, owner: { type: 'user', id: 'u-2', name: 'grace' }, report: 'gone', report_name: null })];
    show(SchedulesPage, '/schedules', '/schedules');
    expect(await screen.findByText('grace')).toBeVisible();
    expect(screen.getByText('A deleted report')).toBeVisible();
    await mouse.click(button('History of Schedule 1'));
    await waitFor(() => {
      const asked = opened.server.requests.find(({ url }) => url.pathname === '/v1/report-runs');
      expect(asked?.url.searchParams.get('owner')).toBe('all');
    });
    await mouse.click(button('Change Schedule 1'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Change Schedule 1' }));
    expect(dialog.getByLabelText('Report')).toHaveValue('gone');
  });

  it('run now, and show their runs', async () => {
    jobs.schedules = [aSchedule('1')];
    jobs.runs = [aRun('1', { state: 'completed', file: aFile('a.pdf'), schedule: '1', schedule_name: 'Schedule 1' })];
    show(SchedulesPage, '/schedules', '/schedules');
    await mouse.click(await screen.findByRole('button', { name: 'Run now: Schedule 1' }));
    await waitFor(() => expect(announcer.message).toBe('Schedule 1 is on its way'));
    await mouse.click(button('History of Schedule 1'));
    expect(await screen.findByRole('heading', { name: 'History of Schedule 1' })).toBeVisible();
    await waitFor(() => {
      const asked = opened.server.requests.find(({ url }) => url.pathname === '/v1/report-runs');
      expect(asked?.url.searchParams.get('schedule')).toBe('1');
    });
  });
});
