// What the page asks of the server about exports, views, reports and schedules. Loaded with the pages that need it.

import type { Api } from '$api/client';
import type { components } from '$api/schema';

type Bodies = components['schemas'];

/** The schema calls optional what may be null; an answer has every member. */
type Answer<T> = T extends readonly (infer One)[] ? Answer<One>[] : T extends object ? { [Name in keyof T]-?: Answer<T[Name]> } : T;
/** Of that with whom something is shared, each kind has its own members. */
type Shared<T> = Omit<Answer<T>, 'shared_with'> & { shared_with: SharedWith };

export type Person = Answer<Bodies['OwnerView']>;
export type Place = Answer<Bodies['EventPlace']>;
export type JobFile = Answer<Bodies['FileMade']>;
export type Export = Answer<Bodies['ExportView']>;
export type ReportRun = Answer<Bodies['RunView']>;
/** What exports and runs of reports have in common. */
export type Job = Pick<Export, keyof Export & keyof ReportRun>;
export type ExportRequest = Bodies['ExportWanted'];
export type ColumnsWanted = Bodies['ColumnsGiven'];
export type ExportColumns = Answer<Bodies['ColumnList']>;
export type NamedColumn = Answer<Bodies['ColumnView']>;
export type DownloadLink = Answer<Bodies['DownloadLink']>;

export type SharedWith = Bodies['SharingView'];
export type View = Shared<Bodies['SavedView']>;
export type ViewRequest = Bodies['ViewRequest'];
export type ViewChange = Bodies['ViewChange'];

export type ReportKind = Answer<Bodies['KindView']>;
export type Report = Shared<Bodies['ReportView']>;
export type ReportRequest = Bodies['ReportWanted'];
export type ReportChange = Bodies['ReportChange'];
/** A report as the editor has it: everything is said. */
export type ReportDefinition = Pick<Report, 'name' | 'kind' | 'query' | 'zone' | 'columns' | 'group_by' | 'totals'>;
export type Preview = Answer<Bodies['PreviewView']>;
export type Delivery = Answer<Bodies['Delivery']>;

export type Schedule = Answer<Bodies['ScheduleView']>;
export type ScheduleRequest = Bodies['ScheduleWanted'];
export type ScheduleChange = Bodies['ScheduleChange'];
export type WhenPreview = Answer<Bodies['TimingView']>;

/** Told by the schema in words only. */
export const EXPORT_FORMATS = ['csv', 'json', 'ndjson', 'xlsx', 'parquet', 'pdf'] as const;
export const REPORT_FORMATS = ['csv', 'xlsx', 'pdf', 'html'] as const;

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
    return this.api.read((client) => client.POST('/v1/exports', { body, ...TEXT }));
  }

  /** The newest exports, so many pages of them. */
  exports(owner: 'me' | 'all', pages: number, signal?: AbortSignal): Promise<Some<Export>> {
    return some(pages, (query) =>
      this.api.read((client) => client.GET('/v1/exports', { params: { query: { owner, ...query } }, ...TEXT, ...abort(signal) })),
    );
  }

  oneExport(id: string, signal?: AbortSignal): Promise<Export> {
    return this.api.read((client) => client.GET('/v1/exports/{id}', { ...ofOne(id), ...abort(signal) }));
  }

  exportColumns(signal?: AbortSignal): Promise<ExportColumns> {
    return this.api.read((client) => client.GET('/v1/export-columns', { ...TEXT, ...abort(signal) }));
  }

  /** A file of an export or a run of a report: what is done with either is the same. */
  cancel(of: FileOf, id: string): Promise<void> {
    return this.api.change((client) => client.POST(`/v1/${of}/{id}/cancel`, ofOne(id)));
  }

  deleteFile(of: FileOf, id: string): Promise<void> {
    return this.api.change((client) => client.DELETE(`/v1/${of}/{id}`, ofOne(id)));
  }

  /** An address that takes no sign-in and expires. */
  link(of: FileOf, id: string): Promise<DownloadLink> {
    return this.api.read((client) => client.POST(`/v1/${of}/{id}/link`, ofOne(id)));
  }

  /** JSON as the server wrote it. */
  manifest(of: FileOf, id: string): Promise<string> {
    return this.api.readText((client) => client.GET(`/v1/${of}/{id}/manifest`, ofOne(id)));
  }

  async views(signal?: AbortSignal): Promise<View[]> {
    const all = await some<View>(Infinity, (query) =>
      this.api.read((client) => client.GET('/v1/views', { params: { query }, ...TEXT, ...abort(signal) })),
    );
    return all.rows;
  }

  view(slug: string, signal?: AbortSignal): Promise<View> {
    return this.api.read((client) => client.GET('/v1/views/{id}', { ...ofOne(slug), ...abort(signal) }));
  }

  createView(body: ViewRequest): Promise<View> {
    return this.api.read((client) => client.POST('/v1/views', { body, ...TEXT }));
  }

  changeView(id: string, body: ViewChange): Promise<View> {
    return this.api.read((client) => client.PATCH('/v1/views/{id}', { body, ...ofOne(id) }));
  }

  deleteView(id: string): Promise<void> {
    return this.api.change((client) => client.DELETE('/v1/views/{id}', ofOne(id)));
  }

  /** Makes a view what the caller's page opens with, or no longer. */
  setDefault(id: string, wanted: boolean): Promise<void> {
    return this.api.change((client) =>
      wanted ? client.PUT('/v1/views/{id}/default', ofOne(id)) : client.DELETE('/v1/views/{id}/default', ofOne(id)),
    );
  }

  shorten(query: string): Promise<Bodies['ShortLink']> {
    return this.api.read((client) => client.POST('/v1/links', { body: { query }, ...TEXT }));
  }

  linked(slug: string, signal?: AbortSignal): Promise<Bodies['LinkedQuery']> {
    return this.api.read((client) => client.GET('/v1/links/{slug}', { params: { path: { slug } }, ...TEXT, ...abort(signal) }));
  }

  async reportKinds(signal?: AbortSignal): Promise<ReportKind[]> {
    const { data } = await this.api.read<{ data: ReportKind[] }>((client) =>
      client.GET('/v1/report-kinds', { ...TEXT, ...abort(signal) }),
    );
    return data;
  }

  async reports(signal?: AbortSignal): Promise<Report[]> {
    const { data } = await this.api.read<{ data: Report[] }>((client) => client.GET('/v1/reports', { ...TEXT, ...abort(signal) }));
    return data;
  }

  report(id: string, signal?: AbortSignal): Promise<Report> {
    return this.api.read((client) => client.GET('/v1/reports/{id}', { ...ofOne(id), ...abort(signal) }));
  }

  createReport(body: ReportRequest): Promise<Report> {
    return this.api.read((client) => client.POST('/v1/reports', { body, ...TEXT }));
  }

  changeReport(id: string, body: ReportChange): Promise<Report> {
    return this.api.read((client) => client.PATCH('/v1/reports/{id}', { body, ...ofOne(id) }));
  }

  deleteReport(id: string): Promise<void> {
    return this.api.change((client) => client.DELETE('/v1/reports/{id}', ofOne(id)));
  }

  previewReport(definition: ReportDefinition, signal?: AbortSignal): Promise<Preview> {
    return this.api.read((client) => client.POST('/v1/reports/preview', { body: { definition }, ...TEXT, ...abort(signal) }));
  }

  runReport(what: { report: string } | { definition: ReportDefinition }, format: string): Promise<ReportRun> {
    return this.api.read((client) => client.POST('/v1/report-runs', { body: { ...what, format }, ...TEXT }));
  }

  /** The newest runs, so many pages of them. */
  reportRuns(of: { report?: string; schedule?: string; owner?: string }, pages: number, signal?: AbortSignal): Promise<Some<ReportRun>> {
    return some(pages, (query) =>
      this.api.read((client) => client.GET('/v1/report-runs', { params: { query: { ...of, ...query } }, ...TEXT, ...abort(signal) })),
    );
  }

  async schedules(signal?: AbortSignal): Promise<Schedule[]> {
    const { data } = await this.api.read<{ data: Schedule[] }>((client) => client.GET('/v1/schedules', { ...TEXT, ...abort(signal) }));
    return data;
  }

  createSchedule(body: ScheduleRequest): Promise<Schedule> {
    return this.api.read((client) => client.POST('/v1/schedules', { body, ...TEXT }));
  }

  changeSchedule(id: string, body: ScheduleChange): Promise<Schedule> {
    return this.api.read((client) => client.PATCH('/v1/schedules/{id}', { body, ...ofOne(id) }));
  }

  deleteSchedule(id: string): Promise<void> {
    return this.api.change((client) => client.DELETE('/v1/schedules/{id}', ofOne(id)));
  }

  runSchedule(id: string): Promise<void> {
    return this.api.change((client) => client.POST('/v1/schedules/{id}/run', ofOne(id)));
  }

  previewWhen(when: string, zone: string, signal?: AbortSignal): Promise<WhenPreview> {
    return this.api.read((client) => client.POST('/v1/schedules/preview', { body: { when, zone }, ...TEXT, ...abort(signal) }));
  }
}

/** A list to its end, or so many pages of it. */
async function some<T>(pages: number, ask: (query: { limit: number; after?: string }) => Promise<Listed<T>>): Promise<Some<T>> {
  const rows: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < pages; page += 1) {
    const got: Listed<T> = await ask({ limit: PAGE_MAX, ...(after === null ? {} : { after }) });
    rows.push(...got.data);
    after = got.next;
    if (after === null) break;
  }
  return { rows, hasMore: after !== null };
}

/** Where files are: exports and runs of reports are treated alike. */
export type FileOf = 'exports' | 'report-runs';

/** Of one's own file, for the session's cookie; below the path prefix. */
export function filePath(of: FileOf, id: string): string {
  return `v1/${of}/${encodeURIComponent(id)}/download`;
}

/** Answers are parsed by `Api`, without loss. */
const TEXT = { parseAs: 'text' } as const;

function ofOne(id: string) {
  return { params: { path: { id } }, ...TEXT };
}

function abort(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
