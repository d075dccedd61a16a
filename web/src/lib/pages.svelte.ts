// The pages of one result that were loaded: going back to them takes no request, and exports take them all.

import type { AuditEvent, EventPage } from '$api/types';

import type { Cursor } from './url';

export interface LoadedPage {
  /** What led to it; null: the first. */
  cursor: Cursor | null;
  answer: EventPage;
}

export class LoadedPages {
  /** What the pages are of: filters, page size, moment. */
  private result = '';
  private kept = $state.raw<ReadonlyMap<number, LoadedPage>>(new Map());

  /** Keeps a page; those of another result are forgotten. */
  keep(result: string, page: LoadedPage): void {
    const number = page.cursor?.page ?? 1;
    const others = result === this.result ? this.kept : [];
    this.result = result;
    this.kept = new Map([...others, [number, page]]);
  }

  /** The page of this number, if it was loaded. */
  page(result: string, number: number): LoadedPage | null {
    const kept = this.of(result);
    return kept?.get(number) ?? null;
  }

  /** The page that this cursor leads to, if it was loaded. */
  at(result: string, cursor: Cursor | null): LoadedPage | null {
    const page = this.page(result, cursor?.page ?? 1);
    return page !== null && page.cursor?.token === cursor?.token ? page : null;
  }

  /** The page that was loaded first. */
  first(result: string): LoadedPage | null {
    return [...(this.of(result)?.values() ?? [])][0] ?? null;
  }

  /** The pages of a result. They are looked at whether they are its or not, so that whoever asks is told when they are. */
  private of(result: string): ReadonlyMap<number, LoadedPage> | null {
    const { kept } = this;
    return result === this.result ? kept : null;
  }

  /** What leads on from the last page of a result that was loaded; null: it is the last of all, or none was loaded. */
  next(result: string): string | null {
    const pages = this.of(result);
    return pages === null ? null : (pages.get(Math.max(...pages.keys()))?.answer.next ?? null);
  }

  /** All events of a result that were loaded, newest first. */
  events(result: string): AuditEvent[] {
    const pages = [...(this.of(result) ?? [])].sort(([left], [right]) => left - right);
    return pages.flatMap(([, { answer }]) => answer.data);
  }
}
