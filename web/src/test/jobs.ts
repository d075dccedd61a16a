// Exports, views, reports and schedules in the stand-in for the server: everything is answered, and what was asked is kept.

import type { Session } from '$api/types';
import type { Export, Report, ReportRun, Schedule, View } from '$lib/jobs/api';

import { ADMINISTRATOR } from './administration';
import type { TestServer } from './server';

export const AT = '2026-11-21T11:00:00.000000Z';
const ADA = { type: 'user', id: 'u-1', name: 'ada' };

export function anExport(id: string, more: Partial<Export> = {}): Export {
  return {
    id,
    name: `Export ${id}`,
    format: 'csv',
    columns: 'complete',
    query: 'action_type=delete&since=2026-11-01T00:00:00.000000Z&tz=UTC',
    zone: 'UTC',
    byte_order_mark: false,
    as_of: AT,
    owner: ADA,
    mine: true,
    state: 'queued',
    progress: null,
    attempts: 1,
    created_at: AT,
    started_at: null,
    ended_at: null,
    expires_at: null,
    file: null,
    problem: null,
    ...more,
  };
}

export function aFile(name: string): NonNullable<Export['file']> {
  return { name, media_type: 'text/csv', bytes: 1_234_567, sha256: 'ab'.repeat(32), rows: 1200, first: null, last: null, left_out: 0, cut_cells: 0, checkpoint: null };
}

export function aView(id: string, more: Partial<View> = {}): View {
  return {
    id,
    slug: `slug${id}`,
    name: `View ${id}`,
    query: 'action_type=delete&since=-7d',
    columns: null,
    owner: ADA,
    mine: true,
    shared_with: { kind: 'nobody' },
    default: false,
    created_at: AT,
    changed_at: AT,
    ...more,
  };
}

export function aReport(id: string, more: Partial<Report> = {}): Report {
  return {
    id,
    name: `Report ${id}`,
    kind: 'details',
    query: 'action_type=delete&since=P30D',
    zone: 'UTC',
    columns: ['audit_id', 'audit_date'],
    group_by: null,
    totals: true,
    owner: ADA,
    mine: true,
    shared_with: { kind: 'nobody' },
    created_at: AT,
    changed_at: AT,
    ...more,
  };
}

export function aRun(id: string, more: Partial<ReportRun> = {}): ReportRun {
  const { name: _, byte_order_mark: __, columns: ___, ...job } = anExport(id);
  const definition = { kind: 'details', columns: null, group_by: null, totals: true };
  return { ...job, definition, format: 'pdf', report: 'r1', report_name: 'Report r1', kind: 'details', schedule: null, schedule_name: null, deliveries: [], ...more };
}

export function aSchedule(id: string, more: Partial<Schedule> = {}): Schedule {
  return {
    id,
    name: `Schedule ${id}`,
    report: 'r1',
    report_name: 'Report r1',
    format: 'pdf',
    when: '0 6 1 * *',
    when_in_words: 'At 06:00 on the 1st of each month',
    cron: '0 6 1 * *',
    zone: 'UTC',
    recipients: ['a@b.c'],
    subject: null,
    enabled: true,
    stopped: null,
    next_run_at: '2026-12-01T06:00:00.000000Z',
    last_run: null,
    owner: ADA,
    mine: true,
    created_at: AT,
    changed_at: AT,
    ...more,
  };
}

type Body = Record<string, unknown>;
const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });

export const KINDS = [
  {
    kind: 'details',
    title: 'Audit Trail Details',
    description: 'Every event in a row.',
    columns: [
      { name: 'audit_id', heading: 'Audit - ID' },
      { name: 'audit_date', heading: 'Audit - Date' },
      { name: 'rows', heading: '# of rows' },
    ],
    groups: ['initiator', 'tenant'],
    chart: 'none',
    query: '',
    of_people: false,
  },
  { kind: 'deletions', title: 'Deletions', description: 'What was deleted.', columns: [], groups: [], chart: 'bars', query: 'action_type=delete', of_people: false },
  { kind: 'access_review', title: 'Access review', description: 'Who can sign in.', columns: [], groups: [], chart: 'bars', query: '', of_people: true },
];

export class TestJobs {
  exports: Export[] = [];
  views: View[] = [];
  links = new Map<string, string>();
  reports: Report[] = [];
  runs: ReportRun[] = [];
  schedules: Schedule[] = [];
  /** What the server was asked to change, in order. */
  readonly changes: { what: string; body: Body | null }[] = [];
  /** Answers to what is asked next, before any other: by method and path. */
  readonly next = new Map<string, () => Response | Promise<Response>>();

  /** Takes this part of the server, beside what answers already. */
  static of(server: TestServer): TestJobs {
    const own = new TestJobs();
    const others = server.intercept;
    server.intercept = async (url, request) => (await own.answer(url, request)) ?? (await others?.(url, request)) ?? null;
    return own;
  }

  private async answer(url: URL, request: Request): Promise<Response | null> {
    const { method } = request;
    const path = decodeURIComponent(url.pathname);
    const what = `${method} ${path}`;
    const text = await request.clone().text();
    const body = text === '' ? null : (JSON.parse(text) as Body);
    const [, kind = '', id = '', part = ''] = /^\/v1\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
    const known = ['exports', 'export-columns', 'views', 'links', 'report-kinds', 'reports', 'report-runs', 'schedules', 'stats', 'values'];
    if (!known.includes(kind)) return null;
    if (method !== 'GET') this.changes.push({ what, body });
    const planned = this.next.get(what);
    if (planned !== undefined) {
      this.next.delete(what);
      return planned();
    }
    switch (kind) {
      case 'export-columns': {
        const data = ['time', 'action', 'actor'].map((name) => ({ name, heading: name.toUpperCase() }));
        return json({ data, complete: ['time'], basic: ['time'] });
      }
      case 'stats':
        return json({ total: 5, users: 1, domains: 1, tenants: 1, by: {} });
      case 'values':
        return json({ field: id, values: [{ value: 'Web', count: 5 }, { value: 'PBX', count: 2 }], distinct: 2, missing: 0 });
      case 'report-kinds':
        return json({ data: KINDS });
      case 'links':
        if (method === 'POST') return json({ slug: 'short', url: '/s/short' }, 201);
        return this.links.has(id) ? json({ query: this.links.get(id) }) : json({ title: 'Not found', status: 404, code: 'not_found' }, 404);
      case 'exports':
        return this.one(this.exports, method, id, part, () => anExport(`e${this.exports.length + 1}`, body as Partial<Export>), 202);
      case 'report-runs':
        return this.one(this.runs, method, id, part, () => aRun(`n${this.runs.length + 1}`, { format: String(body?.format) }), 202);
      case 'reports':
        if (id === 'preview') return json({ html: '<!doctype html><style>p { color: red }</style><p>First rows</p>', more: true });
        return this.one(this.reports, method, id, part, () => aReport(`r${this.reports.length + 1}`, body as Partial<Report>), 201, body);
      case 'schedules':
        if (id === 'preview') return json({ cron: '0 6 1 * *', words: 'At 06:00 on the 1st', next: ['2026-12-01T06:00:00.000000Z'] });
        return this.one(this.schedules, method, id, part, () => aSchedule(`s${this.schedules.length + 1}`, body as Partial<Schedule>), 201, body);
      default:
        if (part === 'default') for (const view of this.views) view.default = view.id === id && method === 'PUT';
        return this.one(this.views, method, id, part, () => aView(`${this.views.length + 1}`, body as Partial<View>), 201, body);
    }
  }

  private one(list: { id: string; slug?: string; state?: string }[], method: string, id: string, part: string, make: () => { id: string }, made: number, body: Body | null = null): Response {
    if (id === '') {
      if (method === 'GET') return json({ data: list, next: null });
      const one = make();
      list.unshift(one);
      return json(one, made);
    }
    const found = list.find((one) => one.id === id || one.slug === id);
    if (found === undefined) return json({ title: 'Not found', status: 404, code: 'not_found' }, 404);
    if (part === 'link') return json({ url: `/v1/downloads/secret-of-${id}`, expires_at: '2026-11-22T11:00:00.000000Z' });
    if (part === 'cancel') found.state = 'cancelled';
    if (part === 'manifest') return json({ sha256: 'ab' });
    if (method === 'DELETE' && part === '') {
      if (found.state !== undefined) found.state = 'expired';
      else list.splice(list.indexOf(found), 1);
    }
    if (method === 'PATCH') Object.assign(found, body);
    return json(found);
  }
}

export const READER: Session = { ...ADMINISTRATOR, complete_user_management: false, permissions: ['audit.read', 'audit.export', 'audit.reports'] };
