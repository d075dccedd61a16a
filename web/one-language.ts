// Vite plugin: what Paraglide compiles is typed functions with every language in them; the page loads only the language
// that it speaks. A call of a message becomes a question for the text of a number, `m.save()` one for `said(71)`, and the
// texts of a language become two modules (src/lib/said.svelte.ts): `first` for the events, `later` for all other pages.
// The build fails for a message of `later` that the events need.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Plugin } from 'vite';

const VIRTUAL = 'virtual:messages/';
const SAID = '/src/lib/said.svelte.ts';

/** Beginnings of messages that the events do without. */
const LATER =
  /^(?:admin|choose_password|factor|heat|investigate|jobs|password|profile|recovery|reports|schedules|session|sessions|set_up|title_(?:investigate|password|profile|set_up)|views)_|^(?:first_name|last_name|email|username_rules)$/;
/** Except these. */
const FIRST = /^(?:password|password_empty|session_checking|recovery_(?:instead|intro|label))$/;

/** What is shown without `later`, whoever asks (src/routes/+layout.ts). */
const FIRST_SHOWN = [
  '/src/routes/+layout.svelte',
  '/src/routes/+error.svelte',
  '/src/routes/+page.svelte',
  '/src/routes/events/[id]/+page.svelte',
];
/** What is shown everywhere, and only with `later`. */
const LATER_SHOWN = [
  '/src/components/FactorDue.svelte',
  '/src/components/Commands.svelte',
  '/src/components/jobs/ExportDialog.svelte',
  '/src/components/jobs/SaveView.svelte',
  '/src/components/jobs/ViewsMenu.svelte',
];

type Part = 'first' | 'later';

function partOf(key: string): Part {
  return LATER.test(key) && !FIRST.test(key) ? 'later' : 'first';
}

export function oneLanguage(): Plugin {
  let root = '';
  const fileOf = (language: string): string => join(root, 'messages', `${language}.json`);

  function textsOf(language: string): Map<string, string> {
    return new Map(Object.entries(JSON.parse(readFileSync(fileOf(language), 'utf8')) as Record<string, string>));
  }

  function keysOf(part: Part): string[] {
    return [...textsOf('en').keys()].filter((key) => key !== '$schema' && partOf(key) === part);
  }

  const numbers = new Map<string, number>();
  /** Messages by the module that says them. */
  const saidIn = new Map<string, string[]>();

  return {
    name: 'indelible-one-language',
    // What Svelte and TypeScript made of a file.
    enforce: 'post',
    configResolved(config) {
      root = config.root;
    },
    buildStart() {
      for (const [number, key] of [...keysOf('first'), ...keysOf('later')].entries()) numbers.set(key, number);
    },
    resolveId(id) {
      return id.startsWith(VIRTUAL) ? `\0${id}` : null;
    },
    load(id) {
      if (!id.startsWith(`\0${VIRTUAL}`)) return null;
      const [language = '', part] = id.slice(VIRTUAL.length + 1).split('/');
      this.addWatchFile(fileOf(language));
      const texts = textsOf(language);
      const said = keysOf(part as Part).map((key) => {
        const text = texts.get(key);
        if (text === undefined) throw new Error(`messages/${language}.json lacks ${key}`);
        return text;
      });
      return `export default ${JSON.stringify(said)};`;
    },
    transform(code, id) {
      if (!/\.(?:svelte|ts)$/.test(id) || !code.includes('/paraglide/messages')) return null;
      const keys: string[] = [];
      const asked = code.replace(/(?<![\w$.])m\.([a-z][a-z0-9_]*)\b(\s*\()?/g, (_, key: string, call?: string) => {
        const number = numbers.get(key);
        if (number === undefined) throw new Error(`${id} says ${key}, which messages/en.json lacks`);
        keys.push(key);
        return call === undefined ? `((inputs) => __said(${number}, inputs))` : `__said(${number}, `;
      });
      saidIn.set(id, keys);
      return { code: `import { said as __said } from '${SAID}';${asked}`, map: null };
    },
    generateBundle(_, bundle) {
      // The server's half of SvelteKit's build has all in one.
      if (this.environment.name !== 'client') return;
      const chunks = Object.values(bundle).filter((one) => one.type === 'chunk');
      const holds = (chunk: { moduleIds: string[] }, files: string[]): boolean =>
        chunk.moduleIds.some((id) => files.some((file) => id.endsWith(file)));
      const todo = chunks.filter((chunk) => holds(chunk, FIRST_SHOWN));
      const seen = new Set(todo);
      for (const chunk of todo) {
        for (const name of [...chunk.imports, ...chunk.dynamicImports]) {
          const next = chunks.find(({ fileName }) => fileName === name);
          if (next === undefined || seen.has(next) || holds(next, LATER_SHOWN)) continue;
          seen.add(next);
          todo.push(next);
        }
      }
      const keys = todo.flatMap((chunk) => chunk.moduleIds.flatMap((id) => saidIn.get(id) ?? []));
      const late = keys.filter((key) => partOf(key) === 'later');
      if (late.length > 0) this.error(`the events need messages that come later (one-language.ts): ${late.join(', ')}`);
    },
  };
}
