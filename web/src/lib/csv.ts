// What is loaded as CSV (RFC 4180): every column, then every parameter in a column of its own.
//
// Values are exact: digits as sent, nested ones as JSON, nothing masked or named. Only what a spreadsheet would take
// for a formula gets an apostrophe before it; plain numbers do not. A byte order mark begins the file: without it Excel
// takes UTF-8 for the encoding of its country.

import type { AuditEvent } from '$api/types';

import { COLUMNS } from './columns';
import { keysOf, toText } from './json';
import { shownTime } from './time/zone';

/** OWASP's list, with the full-width signs that spreadsheets read alike. */
const FORMULA = /^[=+\-@\t\r\n\0\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

const BYTE_ORDER_MARK = '\ufeff';

/** One cell: harmless to a spreadsheet, quoted where it has to be. */
export function csvCell(text: string): string {
  const harmless = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** The events as CSV, in the order given; empty cells are what was not captured. */
export function toCsv(events: readonly AuditEvent[], zone: string): string {
  const columns = COLUMNS.flatMap((column) => column.csv);
  const names = parameterNames(events);
  const lines = [[...columns.map((column) => column.heading), ...names.map((name) => `Parameter: ${name}`)]];
  for (const event of events) {
    const { parameters } = event;
    const cells = columns.map((column) => column.cell(event, zone) ?? '');
    for (const name of names) {
      const has = parameters !== undefined && parameters !== null && Object.hasOwn(parameters, name);
      cells.push(has ? toText(parameters[name] ?? null) : '');
    }
    lines.push(cells);
  }
  return BYTE_ORDER_MARK + lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** Every parameter's name once, in the order in which they are first seen. */
function parameterNames(events: readonly AuditEvent[]): string[] {
  return [...new Set(events.flatMap(({ parameters }) => (parameters ? keysOf(parameters) : [])))];
}

/** `audit-log-complete-2026-11-20-1005.csv`, by the zone's clock. */
export function csvFileName(now: Date, zone: string): string {
  const shown = shownTime(now.toISOString(), zone);
  const stamp = shown === null ? '' : `-${shown.date}-${shown.time.slice(0, 5).replace(':', '')}`;
  return `audit-log-complete${stamp}.csv`;
}
