// What the page asks of the server about exports, views, reports and schedules, and the shapes of its answers.
//
// The shapes are written by hand until openapi.json has these routes: then each type below becomes one of the schema's, as
// in api/admin.ts, and `untyped` goes. Loaded with the pages that need it.

import type { Client } from 'openapi-fetch';

import type { Api, Outcome } from '$api/client';
import type { paths } from '$api/schema';

export interface Person {
  type: string;
  id: string;
  name: string;
}

export type JobState = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled' | 'expired';

export interface Place {
  id: string;
  tenant: string;
  tenant_seq: number;
  time: string;
}

export interface JobFile {
  name: string;
  media_type: string;
  bytes: number;
  sha256: string;
  rows: number;
  first: Place | null;
  last: Place | null;
  /** Events that match and are not in the file. */
  left_out: number;
  /** Cells that were too long for the format. */
  cut_cells: number;
  /** Signed note of the ledger that the file is of. */
  checkpoint: string | null;
}

/** What exports and runs of reports have in common. */
export interface Job {
  id: string;
  query: string;
  zone: string;
  owner: Person;
  mine: boolean;
  state: JobState;
  /** While it runs; `total` is null until it was counted. */
  progress: { done: number; total: number | null } | null;
  attempts: number;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  expires_at: string | null;
  file: JobFile | null;
  problem: { code: string; detail: string } | null;
}

export const EXPORT_FORMATS = ['csv', 'json', 'ndjson', 'xlsx', 'parquet', 'pdf'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
export type ColumnsWanted = 'complete' | 'basic' | string[];

export interface Export extends Job {
  name: string;
  format: ExportFormat;
  columns: ColumnsWanted | null;
  byte_order_mark: boolean;
}

export interface ExportRequest {
  name: string;
  format: ExportFormat;
  query: string;
  columns?: ColumnsWanted;
  zone: string;
  byte_order_mark?: boolean;
  as_of?: string;
}

export interface NamedColumn {
  name: string;
  heading: string;
}

export interface ExportColumns {
  data: NamedColumn[];
  complete: string[];
  basic: string[];
}

export interface DownloadLink {
  url: string;
  expires_at: string;
}

export type SharedWith =
  | { kind: 'nobody' }
  | { kind: 'everybody' }
  | { kind: 'role'; id: string; name?: string }
  | { kind: 'tenant'; name: string };

export interface View {
  id: string;
  slug: string;
  name: string;
  query: string;
  columns: string[] | null;
  owner: Person;
  mine: boolean;
  shared_with: SharedWith;
  /** What the caller's page opens with. */
  default: boolean;
  created_at: string;
  changed_at: string;
}

export type ViewRequest = Partial<Pick<View, 'name' | 'query' | 'columns' | 'shared_with'>>;

export interface ReportKind {
  kind: string;
  title: string;
  description: string;
  /** Empty: its columns are not for choosing. */
  columns: NamedColumn[];
  groups: string[];
  chart: string;
}

export const REPORT_FORMATS = ['csv', 'xlsx', 'pdf', 'html'] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

export interface ReportDefinition {
  name: string;
  kind: string;
  query: string;
  zone: string;
  columns: string[] | null;
  group_by: string | null;
  totals: boolean;
}

export interface Report extends ReportDefinition {
  id: string;
  owner: Person;
  mine: boolean;
  shared_with: SharedWith;
  created_at: string;
  changed_at: string;
}

export interface Delivery {
  to: string;
  state: 'waiting' | 'sent' | 'failed';
  attempts: number;
  /** The mail server's. */
  answer: string | null;
  at: string | null;
}

export interface ReportRun extends Job {
  report: string | null;
  report_name: string;
  kind: string;
  format: ReportFormat;
  schedule: string | null;
  schedule_name: string | null;
  deliveries: Delivery[];
}

export interface Schedule {
  id: string;
  name: string;
  report: string;
  report_name: string;
  format: ReportFormat;
  when: string;
  when_in_words: string;
  cron: string;
  zone: string;
  recipients: string[];
  subject: string | null;
  enabled: boolean;
  /** Set where the server gave it up. */
  stopped: { at: string; reason: string } | null;
  next_run_at: string | null;
  last_run: ReportRun | null;
  owner: Person;
  mine: boolean;
}

export type ScheduleRequest = Pick<Schedule, 'name' | 'report' | 'format' | 'when' | 'zone' | 'recipients' | 'subject' | 'enabled'>;

export interface WhenPreview {
  cron: string;
  words: string;
  next: string[];
}

interface Listed<T> {
  data: T[];
  next: string | null;
}

/** The most that the server gives at a time. */
export const PAGE_MAX = 200;

/** A list as far as it was asked for. */
export interface Some<T> {
  rows: T[];
  hasMore: boolean;
}

export class Jobs {
  constructor(private readonly api: Api) {}

  export(body: ExportRequest): Promise<Export> {
    return this.ask((client) => client.POST('/v1/exports', { body, ...TEXT }));
  }

  /** The newest exports, so many pages of them. */
  exports(owner: 'me' | 'all', pages: number, signal?: AbortSignal): Promise<Some<Export>> {
    return this.some('/v1/exports', { owner }, pages, signal);
  }

  oneExport(id: string, signal?: AbortSignal): Promise<Export> {
    return this.ask((client) => client.GET('/v1/exports/{id}', { params: { path: { id } }, ...TEXT, ...abort(signal) }));
  }

  exportColumns(signal?: AbortSignal): Promise<ExportColumns> {
    return this.ask((client) => client.GET('/v1/export-columns', { ...TEXT, ...abort(signal) }));
  }

  /** A file of an export or a run of a report: what is done with either is the same. */
  cancel(of: FileOf, id: string): Promise<void> {
    return this.change((client) => client.POST(`/v1/${of}/{id}/cancel`, { params: { path: { id } }, ...TEXT }));
  }

  deleteFile(of: FileOf, id: string): Promise<void> {
    return this.change((client) => client.DELETE(`/v1/${of}/{id}`, { params: { path: { id } }, ...TEXT }));
  }

  /** An address that takes no sign-in and expires. */
  link(of: FileOf, id: string): Promise<DownloadLink> {
    return this.ask((client) => client.POST(`/v1/${of}/{id}/link`, { params: { path: { id } }, ...TEXT }));
  }

  /** JSON as the server wrote it. */
  manifest(of: FileOf, id: string): Promise<string> {
    return this.api.readText((client) => untyped(client).GET(`/v1/${of}/{id}/manifest`, { params: { path: { id } }, ...TEXT }));
  }

  async views(signal?: AbortSignal): Promise<View[]> {
    return this.all('/v1/views', signal);
  }

  view(slug: string, signal?: AbortSignal): Promise<View> {
    return this.ask((client) => client.GET('/v1/views/{id}', { params: { path: { id: slug } }, ...TEXT, ...abort(signal) }));
  }

  createView(body: ViewRequest): Promise<View> {
    return this.ask((client) => client.POST('/v1/views', { body, ...TEXT }));
  }

  changeView(id: string, body: ViewRequest): Promise<View> {
    return this.ask((client) => client.PATCH('/v1/views/{id}', { params: { path: { id } }, body, ...TEXT }));
  }

  deleteView(id: string): Promise<void> {
    return this.change((client) => client.DELETE('/v1/views/{id}', { params: { path: { id } }, ...TEXT }));
  }

  /** Makes a view what the caller's page opens with, or no longer. */
  setDefault(id: string, wanted: boolean): Promise<void> {
    const init = { params: { path: { id } }, ...TEXT };
    return this.change((client) =>
      wanted ? client.PUT('/v1/views/{id}/default', init) : client.DELETE('/v1/views/{id}/default', init),
    );
  }

  shorten(query: string): Promise<{ slug: string; url: string }> {
    return this.ask((client) => client.POST('/v1/links', { body: { query }, ...TEXT }));
  }

  linked(slug: string, signal?: AbortSignal): Promise<{ query: string }> {
    return this.ask((client) => client.GET('/v1/links/{slug}', { params: { path: { slug } }, ...TEXT, ...abort(signal) }));
  }

  async reportKinds(signal?: AbortSignal): Promise<ReportKind[]> {
    return (await this.ask<{ data: ReportKind[] }>((client) => client.GET('/v1/report-kinds', { ...TEXT, ...abort(signal) }))).data;
  }

  reports(signal?: AbortSignal): Promise<Report[]> {
    return this.all('/v1/reports', signal);
  }

  report(id: string, signal?: AbortSignal): Promise<Report> {
    return this.ask((client) => client.GET('/v1/reports/{id}', { params: { path: { id } }, ...TEXT, ...abort(signal) }));
  }

  createReport(body: ReportDefinition): Promise<Report> {
    return this.ask((client) => client.POST('/v1/reports', { body, ...TEXT }));
  }

  changeReport(id: string, body: Partial<ReportDefinition> & { shared_with?: SharedWith }): Promise<Report> {
    return this.ask((client) => client.PATCH('/v1/reports/{id}', { params: { path: { id } }, body, ...TEXT }));
  }

  deleteReport(id: string): Promise<void> {
    return this.change((client) => client.DELETE('/v1/reports/{id}', { params: { path: { id } }, ...TEXT }));
  }

  async previewReport(definition: ReportDefinition, signal?: AbortSignal): Promise<string> {
    const init = { body: { definition }, ...TEXT, ...abort(signal) };
    return (await this.ask<{ html: string }>((client) => client.POST('/v1/reports/preview', init))).html;
  }

  runReport(what: { report: string } | { definition: ReportDefinition }, format: ReportFormat): Promise<ReportRun> {
    return this.ask((client) => client.POST('/v1/report-runs', { body: { ...what, format }, ...TEXT }));
  }

  /** The newest runs, so many pages of them. */
  reportRuns(of: { report?: string; schedule?: string; owner?: string }, pages: number, signal?: AbortSignal): Promise<Some<ReportRun>> {
    return this.some('/v1/report-runs', of, pages, signal);
  }

  schedules(signal?: AbortSignal): Promise<Schedule[]> {
    return this.all('/v1/schedules', signal);
  }

  createSchedule(body: ScheduleRequest): Promise<Schedule> {
    return this.ask((client) => client.POST('/v1/schedules', { body, ...TEXT }));
  }

  changeSchedule(id: string, body: Partial<ScheduleRequest>): Promise<Schedule> {
    return this.ask((client) => client.PATCH('/v1/schedules/{id}', { params: { path: { id } }, body, ...TEXT }));
  }

  deleteSchedule(id: string): Promise<void> {
    return this.change((client) => client.DELETE('/v1/schedules/{id}', { params: { path: { id } }, ...TEXT }));
  }

  runSchedule(id: string): Promise<void> {
    return this.change((client) => client.POST('/v1/schedules/{id}/run', { params: { path: { id } }, ...TEXT }));
  }

  previewWhen(when: string, zone: string, signal?: AbortSignal): Promise<WhenPreview> {
    return this.ask((client) => client.POST('/v1/schedules/preview', { body: { when, zone }, ...TEXT, ...abort(signal) }));
  }

  private ask<T>(ask: (client: Untyped) => Promise<Outcome<string>>): Promise<T> {
    return this.api.read((client) => ask(untyped(client)));
  }

  private change(ask: (client: Untyped) => Promise<Outcome<string>>): Promise<void> {
    return this.api.change((client) => ask(untyped(client)));
  }

  private async some<T>(path: string, of: Record<string, string>, pages: number, signal?: AbortSignal): Promise<Some<T>> {
    const rows: T[] = [];
    let after: string | null = null;
    for (let page = 0; page < pages; page += 1) {
      const query: Record<string, string | number> = { ...of, limit: PAGE_MAX, ...(after === null ? {} : { after }) };
      const got: Listed<T> = await this.ask((client) => client.GET(path, { params: { query }, ...TEXT, ...abort(signal) }));
      rows.push(...got.data);
      after = got.next;
      if (after === null) break;
    }
    return { rows, hasMore: after !== null };
  }

  private async all<T>(path: string, signal?: AbortSignal): Promise<T[]> {
    return (await this.some<T>(path, {}, Infinity, signal)).rows;
  }
}

/** Where files are: exports and runs of reports are treated alike. */
export type FileOf = 'exports' | 'report-runs';

/** Of one's own file, for the session's cookie; below the path prefix. */
export function filePath(of: FileOf, id: string): string {
  return `v1/${of}/${encodeURIComponent(id)}/download`;
}

/** Answers are parsed by `Api`, without loss. */
const TEXT = { parseAs: 'text' } as const;

interface Init {
  params?: { path?: Record<string, string>; query?: Record<string, string | number> };
  body?: unknown;
  parseAs: 'text';
  signal?: AbortSignal;
}

/** The client library without the types of the routes. */
type Untyped = Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', (path: string, init: Init) => Promise<Outcome<string>>>;

function untyped(client: Client<paths>): Untyped {
  return client as unknown as Untyped;
}

function abort(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
