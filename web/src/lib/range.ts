// How a time range reads.

import { m } from '$lib/paraglide/messages';

import { language } from './language.svelte';
import { listed } from './locale.svelte';
import { PRESETS } from './presets';
import { endOfDay, parseMoment, printedMoment, type Span } from './time/moment';
import { dateAndTime } from './time/zone';

/** As it is typed, in two parts; null for what is no moment of the calendar, or can't be typed. */
function dated(token: string, zone: string): { date: string; time: string } | null {
  if (parseMoment(token, zone)?.kind !== 'absolute') return null;
  const [date = '', ...time] = printedMoment(token, zone).split(' ');
  return time.length === 0 ? null : { date, time: time.join(' ') };
}

const UNITS: Record<keyof Span, Intl.RelativeTimeFormatUnitSingular> = {
  y: 'year',
  mo: 'month',
  w: 'week',
  d: 'day',
  h: 'hour',
  m: 'minute',
  s: 'second',
};

/** A length of time in words: `3 months`; what is none stays as it is. */
export function durationText(iso: string): string {
  const moment = parseMoment(iso, 'UTC');
  if (moment?.kind !== 'relative') return iso;
  const lengths = Object.entries(moment.span)
    .filter(([, count]) => count > 0)
    .map(([unit, count]) =>
      new Intl.NumberFormat(language.tag, { style: 'unit', unit: UNITS[unit as keyof Span], unitDisplay: 'long' }).format(count),
    );
  return listed(lengths);
}

/** How long ago; in English as it is typed. */
function ago(token: string, span: Span): string {
  if (language.language === 'en') return m.moment_ago({ span: token.slice(1) });
  const parts = Object.entries(span).map(([unit, count]) => ({ unit: UNITS[unit as keyof Span], count }));
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return new Intl.RelativeTimeFormat(language.tag).format(-only.count, only.unit);
  const lengths = parts.map(({ unit, count }) => new Intl.NumberFormat(language.tag, { style: 'unit', unit }).format(count));
  return m.moment_ago({ span: listed(lengths) });
}

function told(token: string, zone: string): string {
  const moment = parseMoment(token, zone);
  if (moment === null) return '';
  if (moment.kind === 'relative') return ago(token, moment.span);
  if (moment.kind === 'named') {
    return { today: m.range_today, week: m.range_week, month: m.range_month, now: m.moment_now }[moment.name]();
  }
  const at = dated(token, zone);
  return at === null ? printedMoment(token, zone) : dateAndTime(at.date, at.time);
}

/** Midnight as the end of the day before: nobody takes that for a day of the range. */
function datedEnd(token: string, zone: string): { date: string; time: string } | null {
  const day = endOfDay(token, zone);
  return day === null ? dated(token, zone) : { date: day, time: '24:00' };
}

function toldEnd(token: string, zone: string): string {
  const at = datedEnd(token, zone);
  return at === null ? told(token, zone) : dateAndTime(at.date, at.time);
}

export function rangeLabel(since: string, until: string, zone: string): string {
  if (until === '') {
    const preset = PRESETS.find((one) => one.since === since);
    return preset === undefined ? m.range_since({ since: told(since, zone) }) : preset.label();
  }
  if (since === '') return m.range_until({ until: toldEnd(until, zone) });
  const [begin, end] = [told(since, zone), toldEnd(until, zone)];
  // Within one day the date is said once.
  const last = datedEnd(until, zone);
  const sameDay = last !== null && last.date === dated(since, zone)?.date;
  return m.range_between({ since: begin, until: sameDay ? last.time : end });
}

/** How one bound reads, such as that of the time of receipt. */
export function momentLabel(token: string, zone: string, ends = false): string {
  return ends ? toldEnd(token, zone) : told(token, zone);
}
