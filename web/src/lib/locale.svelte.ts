// How numbers are written: as the account's language has it, else the browser's. The words of the page are English.

import { session } from './session.svelte';

/** The tag's usual spelling, or null if it is none of BCP 47. */
export function knownLocale(tag: string): string | null {
  try {
    return Intl.getCanonicalLocales(tag.trim())[0] ?? null;
  } catch {
    return null;
  }
}

export function shownNumber(number: number | bigint): string {
  return number.toLocaleString(knownLocale(session.profile?.locale ?? '') ?? undefined);
}

const OFFERED = [
  'cs-CZ', 'da-DK', 'de-AT', 'de-CH', 'de-DE', 'en-AU', 'en-CA', 'en-GB', 'en-IE', 'en-IN', 'en-US', 'es-ES', 'es-MX',
  'fi-FI', 'fr-CA', 'fr-CH', 'fr-FR', 'he-IL', 'hi-IN', 'it-IT', 'ja-JP', 'ko-KR', 'nb-NO', 'nl-BE', 'nl-NL', 'pl-PL',
  'pt-BR', 'pt-PT', 'ro-RO', 'sv-SE', 'tr-TR', 'uk-UA', 'zh-CN', 'zh-TW',
];

/** Languages to choose from, by their names; `also` is one of them, whatever it is. */
export function languages(also: string | null): { tag: string; name: string }[] {
  const names = new Intl.DisplayNames(['en'], { type: 'language' });
  const known = knownLocale(also ?? '') ?? also;
  const tags = known === null || OFFERED.includes(known) ? OFFERED : [known, ...OFFERED];
  const named = tags.map((tag) => ({ tag, name: knownLocale(tag) === null ? tag : (names.of(tag) ?? tag) }));
  return named.sort((left, right) => left.name.localeCompare(right.name, 'en'));
}
