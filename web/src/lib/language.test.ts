// Which language the page speaks, and how it writes numbers, dates and lists in it.

import { afterEach, describe, expect, it, vi } from 'vitest';

import type { AuditEvent } from '$api/types';

import { weekdays } from './chart/axis';
import { stretchLabel } from './chart/buckets';
import { toCsv } from './csv';
import { language, spokenOf } from './language.svelte';
import { languages, listed, plural, shownNumber } from './locale.svelte';
import { m } from './paraglide/messages';
import { preferences } from './preferences.svelte';
import { momentLabel, rangeLabel } from './range';
import { inEnglish, say } from './said.svelte';
import { session } from './session.svelte';
import { fullTime, secondTime, shortTime } from './time/zone';

afterEach(async () => {
  vi.unstubAllGlobals();
  session.profile = null;
  preferences.language = null;
  await language.speak('en');
});

describe('the language spoken', () => {
  it.each([
    // account, device, browser
    ['de-AT', 'es', ['en-GB'], 'de', 'de-AT'],
    ['fr-FR', 'es', ['en-GB'], 'es', 'es'],
    ['fr-FR', null, ['it', 'de-CH', 'en'], 'de', 'de-CH'],
    [null, 'de', ['en', 'de-AT', 'de'], 'de', 'de-AT'],
    [null, 'de', ['en'], 'de', 'de'],
    [null, null, ['es-MX', 'en'], 'es', 'es-MX'],
    [null, null, ['fr', 'ja'], 'en', 'en'],
    ['not a tag', 'nor this', [], 'en', 'en'],
    ['ES-mx', null, [], 'es', 'es-MX'],
  ])('account %s, device %s, browser %j: %s (%s)', (account, device, browser, spoken, tag) => {
    expect(spokenOf(account, device, browser)).toEqual({ language: spoken, tag });
  });

  it('is said of the document, and kept until the next visit', async () => {
    await language.speak('de-AT');
    expect(document.documentElement).toHaveAttribute('lang', 'de-AT');
    expect(document.documentElement).toHaveAttribute('dir', 'ltr');
    expect(m.sign_in_heading()).toBe('Anmelden');
    preferences.accountLanguage = null;
    preferences.load(false);
    expect(preferences.accountLanguage).toBe('de-AT');
  });

  it('is the last that was asked for, however long each takes', async () => {
    await Promise.all([language.speak('es'), language.speak('de'), language.speak('es-MX')]);
    expect([language.tag, m.sign_out(), m.admin_users()]).toEqual(['es-MX', 'Cerrar sesión', 'Usuarios']);
  });

  it('is offered before all others, and calls itself by its own name', () => {
    const offered = languages(null);
    expect(offered.slice(0, 3).map(({ name }) => name)).toEqual(['Deutsch', 'Deutsch (Deutschland)', 'Deutsch (Österreich)']);
    const ours = offered.filter(({ isOurs }) => isOurs).map(({ tag }) => tag);
    expect(ours).toEqual(expect.arrayContaining(['de', 'de-AT', 'en', 'en-GB', 'es', 'es-MX']));
    expect(offered.findLastIndex(({ isOurs }) => isOurs)).toBe(ours.length - 1);
  });
});

describe('numbers', () => {
  it.each([
    ['de-DE', '1.234.567'],
    ['es-ES', '1.234.567'],
    ['es-MX', '1,234,567'],
    ['en-IN', '12,34,567'],
  ])('are those of %s', async (tag, shown) => {
    await language.speak(tag);
    expect(shownNumber(1_234_567)).toBe(shown);
  });

  it('are those of an account whose language the page lacks', () => {
    session.profile = { locale: 'fr-FR' } as typeof session.profile;
    expect(shownNumber(1_234_567)).toBe('1\u202f234\u202f567');
  });

  it.each([
    ['en', ['0 events in all', '1 event in all', '2 events in all', '1,000,000 events in all']],
    ['de', ['0 Ereignisse insgesamt', '1 Ereignis insgesamt', '2 Ereignisse insgesamt', '1.000.000 Ereignisse insgesamt']],
    ['es', ['0 eventos en total', '1 evento en total', '2 eventos en total', '1.000.000 de eventos en total']],
  ])('take their form in %s', async (tag, said) => {
    await language.speak(tag);
    const forms = { one: m.events_total_one, other: m.events_total_other };
    expect([0, 1, 2, 1_000_000].map((count) => plural(count, forms))).toEqual(said);
  });

  it.each([
    ['en', 'a, b, c'],
    ['de', 'a, b und c'],
    ['es', 'a, b, c'],
  ])('and lists are those of %s', async (tag, said) => {
    await language.speak(tag);
    expect(listed(['a', 'b', 'c'])).toBe(said);
  });
});

describe('times', () => {
  const AT = '2026-11-20T23:30:05.000042Z';

  it.each([
    ['en', '2026-11-20 23:30:05', '2026-11-21 00:30:05.000042 +01:00 Europe/Paris'],
    ['de-AT', '20.11.2026, 23:30:05', '21.11.2026, 00:30:05,000042 +01:00 Europe/Paris'],
    ['es', '20/11/2026, 23:30:05', '21/11/2026, 00:30:05,000042 +01:00 Europe/Paris'],
    ['es-MX', '20/11/2026, 23:30:05', '21/11/2026, 00:30:05.000042 +01:00 Europe/Paris'],
  ])('are written as in %s', async (tag, short, full) => {
    await language.speak(tag);
    expect(shortTime(AT, 'UTC')).toBe(short);
    expect(secondTime(AT, 'UTC')).toBe(`${short} UTC`);
    expect(fullTime(AT, 'Europe/Paris')).toBe(full);
    expect(shortTime('soon', 'UTC')).toBe('soon');
  });

  it.each([
    ['en', ['3d ago', 'Since 3d ago', '1d12h ago', '2026-11-20 10:00 to 12:00']],
    ['de', ['vor 3 Tagen', 'Beginn vor 3 Tagen', 'vor 1 Tg., 12 Std.', '20.11.2026, 10:00 bis 12:00']],
    ['es', ['hace 3 días', 'Desde hace 3 días', 'hace 1 d y 12 h', '20/11/2026, 10:00 a 12:00']],
  ])('and ranges read as in %s', async (tag, said) => {
    await language.speak(tag);
    const range = rangeLabel('2026-11-20T10:00:00Z', '2026-11-20T12:00:00Z', 'UTC');
    expect([momentLabel('-3d', 'UTC'), rangeLabel('-3d', '', 'UTC'), momentLabel('-1d12h', 'UTC'), range]).toEqual(said);
  });

  it('of charts, and days of the week, are the language’s', async () => {
    await language.speak('de');
    const day = { start: '2026-11-16T00:00:00Z', end: '2026-11-18T00:00:00Z' };
    expect(stretchLabel(day, 'UTC', false)).toBe('16.11.2026 bis 17.11.2026');
    expect(weekdays('long')[0]).toBe('Montag');
    await language.speak('es');
    expect(weekdays('long')[0]).toBe('lunes');
  });
});

describe('files for other programs', () => {
  it('are English, whatever the page speaks', async () => {
    const events: AuditEvent[] = [
      {
        id: 'one',
        tenant: 'acme',
        tenant_seq: 1,
        received_at: '2026-11-20T10:00:00Z',
        time: '2026-11-20T10:00:05.123456Z',
        time_source: 'event',
        action: 'x',
        action_type: 'login',
        outcome: { result: 'failure' },
      },
    ];
    const english = toCsv(events, 'UTC');
    await say('de');
    expect(toCsv(events, 'UTC')).not.toBe(english);
    expect(await inEnglish(() => toCsv(events, 'UTC'))).toBe(english);
    expect(m.action_login()).toBe('Anmeldung');
  });
});
