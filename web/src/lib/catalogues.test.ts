// The catalogues of all languages say the same, each in its own words.

// @vitest-environment node
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { LANGUAGES, type Language } from './said.svelte';

function catalogue(language: Language): Map<string, string> {
  const file = join(import.meta.dirname, '../../messages', `${language}.json`);
  const all = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  return new Map(Object.entries(all).filter(([key]) => key !== '$schema'));
}

const english = catalogue('en');
const TRANSLATIONS = LANGUAGES.filter((language) => language !== 'en');

/** Words that are the same in a language as in English; `*`: in all of them. */
const SAME: Record<string, readonly string[]> = {
  '*': [
    // Names, units and signs.
    'app_name', 'action_mfa', 'admin_mail_starttls', 'admin_tenant_uuid', 'copied_json', 'wait_minutes', 'wait_seconds', 'events_elapsed',
    // What is typed, in every language.
    'changes_null', 'filter_domain_placeholder', 'range_to_placeholder',
    // A name in a title.
    'jobs_title',
    // Latin for both.
    'section_original',
  ],
  de: [
    'action_import', 'actor_system', 'admin_installation', 'admin_key_name', 'admin_kind_domain', 'admin_ledger_heading',
    'admin_mail_server', 'admin_mapping_name', 'admin_provider_id', 'admin_provider_name', 'admin_role_name',
    'admin_session_browser', 'admin_tenant_name', 'admin_user_link', 'category_system', 'chip_words', 'code_label',
    'error_status', 'field_host', 'jobs_format', 'jobs_name', 'field_port', 'field_trace', 'field_version', 'filter_host', 'filter_trace_id',
    'filter_view_text', 'help_live', 'live_button', 'live_on', 'section_fields',
  ],
  es: ['admin_no', 'admin_roles', 'copied_original', 'field_roles', 'filter_no', 'original_size', 'zone_local'],
};

/** Abbreviations. */
const ENDING_OTHERWISE = ['de missing_detail'];

/** Words of the query text and of the API: they are typed as they are. */
const CODE =
  /action_type:delete|-outcome:failure|user:1041|since:-3d|audit\.\w+|smtp_host|mail_from|public_url|openid|-15m|-12h|-6mo|-1y, today|\d{4}-\d\d-\d\d/g;

function gaps(text: string): string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '').sort();
}

describe.each(TRANSLATIONS)('the catalogue %s', (language) => {
  const texts = catalogue(language);
  const pairs = [...english].map(([key, text]) => ({ key, text, own: texts.get(key) ?? '' }));

  it('has the messages of English, in their order', () => {
    expect([...texts.keys()]).toEqual([...english.keys()]);
  });

  it('leaves no message empty, and no gap out', () => {
    expect(pairs.filter(({ own }) => own.trim() === '')).toEqual([]);
    expect(pairs.filter(({ text, own }) => gaps(text).join() !== gaps(own).join())).toEqual([]);
  });

  it('begins and ends as English does: blanks, colons, full stops', () => {
    const ending = (text: string): string => /[.:?…\s]?$/u.exec(text)?.[0] ?? '';
    const differing = pairs.filter(({ key, text, own }) => ending(text) !== ending(own) && !ENDING_OTHERWISE.includes(`${language} ${key}`));
    expect(differing).toEqual([]);
  });

  it('has every form of a number that its numbers take', () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    // `many` is a million in Spanish: its form is made of `other` (locale.svelte.ts).
    expect(forms.filter((form) => form !== 'many').sort()).toEqual(['one', 'other']);
    const counted = [...texts.keys()].filter((key) => key.endsWith('_one'));
    expect(counted.filter((key) => !texts.has(key.replace(/_one$/, '_other')))).toEqual([]);
    expect(texts.get('count_many')).toBe(forms.includes('many') ? '{count} de' : '{count}');
  });

  it('keeps what is typed as it is', () => {
    const words = (text: string): string[] => [...text.matchAll(CODE)].map(([word]) => word).sort();
    expect(pairs.filter(({ text, own }) => words(text).join() !== words(own).join())).toEqual([]);
  });

  it('is not English, but for the words that are the same', () => {
    const same = pairs.filter(({ text, own }) => text === own && /\p{L}/u.test(text.replaceAll(/\{\w+\}/g, ''))).map(({ key }) => key);
    const known = [...(SAME['*'] ?? []), ...(SAME[language] ?? [])];
    expect(same.filter((key) => !known.includes(key))).toEqual([]);
    expect(known.filter((key) => !same.includes(key))).toEqual([]);
  });
});
