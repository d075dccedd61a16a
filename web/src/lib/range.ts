// How a time range reads.

import { m } from '$lib/paraglide/messages';

import { PRESETS } from './presets';
import { endOfDay, parseMoment, printedMoment } from './time/moment';

function told(token: string, zone: string): string {
  const moment = parseMoment(token, zone);
  if (moment === null) return '';
  if (moment.kind === 'relative') return m.moment_ago({ span: token.slice(1) });
  if (moment.kind === 'named') {
    return { today: m.range_today, week: m.range_week, month: m.range_month, now: m.moment_now }[moment.name]();
  }
  return printedMoment(token, zone);
}

/** Midnight as the end of the day before: nobody takes that for a day of the range. */
function toldEnd(token: string, zone: string): string {
  const day = endOfDay(token, zone);
  return day === null ? told(token, zone) : `${day} 24:00`;
}

export function rangeLabel(since: string, until: string, zone: string): string {
  if (until === '') {
    const preset = PRESETS.find((one) => one.since === since);
    return preset === undefined ? m.range_since({ since: told(since, zone) }) : preset.label();
  }
  if (since === '') return m.range_until({ until: toldEnd(until, zone) });
  const [begin, end] = [told(since, zone), toldEnd(until, zone)];
  // Within one day the date is said once.
  const sameDay = begin.length > 10 && end.length > 10 && begin.slice(0, 11) === end.slice(0, 11);
  return m.range_between({ since: begin, until: sameDay ? end.slice(11) : end });
}

/** How one bound reads, such as that of the time of receipt. */
export function momentLabel(token: string, zone: string, ends = false): string {
  return ends ? toldEnd(token, zone) : told(token, zone);
}
