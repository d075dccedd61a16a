// The language of the page: the account's if it is one of ours, else the one chosen on this device, else the first of
// the browser's that is, else English.

import { preferences } from './preferences.svelte';
import { LANGUAGES, say, type Language } from './said.svelte';

export { LANGUAGES, type Language };

/** How each language calls itself. */
export const OWN_NAMES: Record<Language, string> = { de: 'Deutsch', en: 'English', es: 'Español' };

/** The tag's usual spelling, or null if it is none of BCP 47. */
export function knownLocale(tag: string): string | null {
  try {
    return Intl.getCanonicalLocales(tag.trim())[0] ?? null;
  } catch {
    return null;
  }
}

export interface Spoken {
  /** What texts are in. */
  language: Language;
  /** BCP 47, of the same language: how dates and lists are written. */
  tag: string;
}

function spokenBy(tag: string | null): Spoken | null {
  const known = knownLocale(tag ?? '');
  if (known === null) return null;
  const language = LANGUAGES.find((one) => one === new Intl.Locale(known).language);
  return language === undefined ? null : { language, tag: known };
}

/** The first that is one of ours; a device's choice of a language takes its region from the browser. */
export function spokenOf(account: string | null, device: string | null, browser: readonly string[]): Spoken {
  const offered = browser.flatMap((tag) => spokenBy(tag) ?? []);
  const chosen = spokenBy(device);
  const regional = chosen === null ? undefined : offered.find(({ language }) => language === chosen.tag);
  return spokenBy(account) ?? regional ?? chosen ?? offered[0] ?? { language: 'en', tag: 'en' };
}

const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

class InForce {
  /** The last that was asked for: loading one that is not wanted any more must not undo it. */
  private wanted: Spoken = { language: 'en', tag: 'en' };
  private current = $state.raw<Spoken>({ language: 'en', tag: 'en' });

  get language(): Language {
    return this.current.language;
  }

  get tag(): string {
    return this.current.tag;
  }

  /**
   * Speaks what is right for an account; null: nobody's. Its language is kept on this device, so that the next visit
   * begins in it, before the server said who is signed in.
   */
  async speak(account: string | null): Promise<void> {
    if (preferences.accountLanguage !== account) {
      preferences.accountLanguage = account;
      preferences.save();
    }
    const { language, tag } = spokenOf(account, preferences.language, navigator.languages);
    const wanted = { language, tag };
    this.wanted = wanted;
    await say(language);
    if (this.wanted !== wanted) return;
    if (this.current.tag !== tag) this.current = wanted;
    document.documentElement.lang = tag;
    document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? 'rtl' : 'ltr';
  }
}

export const language = new InForce();
