// How numbers and lists are written, and what there is to choose a language from.

import { LANGUAGES, knownLocale, language } from './language.svelte';
import { m } from './paraglide/messages';
import { session } from './session.svelte';

export { knownLocale };

/** As the account's language has it, be it one that the page has no texts in; else as the page's. */
export function shownNumber(number: number | bigint): string {
  return number.toLocaleString(knownLocale(session.profile?.locale ?? '') ?? language.tag);
}

/** Several things in a row; the last is joined as the language has it. */
export function listed(items: readonly string[]): string {
  return new Intl.ListFormat(language.tag, { type: 'unit', style: 'short' }).format(items);
}

interface Counted {
  one: (inputs: { count: string }) => string;
  other: (inputs: { count: string }) => string;
}

/** The form of a message that goes with a number, with the number in it. */
export function plural(number: number, { one, other }: Counted): string {
  const count = shownNumber(number);
  switch (new Intl.PluralRules(language.tag).select(number)) {
    case 'one':
      return one({ count });
    // A million in Spanish.
    case 'many':
      return other({ count: m.count_many({ count }) });
    default:
      return other({ count });
  }
}

const OFFERED = [
  'cs-CZ', 'da-DK', 'de-AT', 'de-CH', 'de-DE', 'en-AU', 'en-CA', 'en-GB', 'en-IE', 'en-IN', 'en-US', 'es-AR', 'es-ES', 'es-MX',
  'fi-FI', 'fr-CA', 'fr-CH', 'fr-FR', 'he-IL', 'hi-IN', 'it-IT', 'ja-JP', 'ko-KR', 'nb-NO', 'nl-BE', 'nl-NL', 'pl-PL',
  'pt-BR', 'pt-PT', 'ro-RO', 'sv-SE', 'tr-TR', 'uk-UA', 'zh-CN', 'zh-TW',
];

export interface OfferedLanguage {
  tag: string;
  name: string;
  /** Whether the page has texts in it. */
  isOurs: boolean;
}

/** Languages to choose from, those of the page first, by the names that they have themselves; `also` is one of them, whatever it is. */
export function languages(also: string | null): OfferedLanguage[] {
  const known = knownLocale(also ?? '') ?? also;
  const tags = [...new Set([...LANGUAGES, ...OFFERED, ...(known === null ? [] : [known])])];
  const named = tags.map((tag) => {
    const locale = knownLocale(tag);
    const isOurs = locale !== null && LANGUAGES.some((one) => one === new Intl.Locale(locale).language);
    return { tag, name: locale === null ? tag : nameOf(locale, isOurs), isOurs };
  });
  return named.sort((left, right) => Number(right.isOurs) - Number(left.isOurs) || left.name.localeCompare(right.name, language.tag));
}

/** Ours for whoever reads them; the others for whoever reads this page. */
function nameOf(tag: string, isOurs: boolean): string {
  const names = new Intl.DisplayNames([isOurs ? tag : language.tag], { type: 'language', languageDisplay: 'standard' });
  const name = names.of(tag) ?? tag;
  return name.charAt(0).toLocaleUpperCase(tag) + name.slice(1);
}
