// The texts of the language in force, by their numbers (../../one-language.ts): one language is loaded, not all.

export const LANGUAGES = ['de', 'en', 'es'] as const;
export type Language = (typeof LANGUAGES)[number];

type Texts = readonly string[];
type Part = 'first' | 'later';

const LOADERS: Record<Language, Record<Part, () => Promise<{ default: Texts }>>> = {
  de: { first: () => import('virtual:messages/de/first'), later: () => import('virtual:messages/de/later') },
  en: { first: () => import('virtual:messages/en/first'), later: () => import('virtual:messages/en/later') },
  es: { first: () => import('virtual:messages/es/first'), later: () => import('virtual:messages/es/later') },
};

let spoken: Language = 'en';
let whole = false;
let first = $state.raw<Texts>([]);
let later = $state.raw<Texts>([]);

async function load(language: Language, part: Part): Promise<Texts> {
  return (await LOADERS[language][part]()).default;
}

/** Says everything in a language from now on; what is shown changes with it. */
export async function say(language: Language): Promise<void> {
  spoken = language;
  const [some, rest] = await Promise.all([load(language, 'first'), whole ? load(language, 'later') : []]);
  // Another one may have been asked for meanwhile, or all of it.
  if (spoken !== language) return;
  first = some;
  if (!whole || rest.length > 0) later = rest;
}

/** Has the texts of every page loaded. */
export async function sayAll(): Promise<void> {
  whole = true;
  for (let language: Language | null = null; language !== spoken; ) {
    language = spoken;
    const rest = await load(language, 'later');
    if (spoken === language) later = rest;
  }
}

/**
 * What `work` returns with everything said in English, whatever the page speaks: for files that other programs read.
 *
 * `work` must not wait for anything.
 */
export async function inEnglish<T>(work: () => T): Promise<T> {
  const english = await Promise.all([load('en', 'first'), load('en', 'later')]);
  const kept = [first, later] as const;
  [first, later] = english;
  try {
    return work();
  } finally {
    [first, later] = kept;
  }
}

type Inputs = Record<string, unknown>;

/** The text of a number, with what belongs in its gaps. */
export function said(number: number, inputs?: Inputs): string {
  const text = first[number] ?? later[number - first.length];
  if (text === undefined) throw new Error('a message is said before its texts are loaded');
  return inputs === undefined ? text : text.replace(/\{(\w+)\}/g, (_, name: string) => String(inputs[name]));
}
