import { paraglideVitePlugin } from '@inlang/paraglide-js';
import { sveltekit } from '@sveltejs/kit/vite';
import { svelteTesting } from '@testing-library/svelte/vite';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

import { oneLanguage } from './one-language.ts';

// Its watcher keeps the test runner from ending; `npm test` compiles the messages first instead.
const messages = process.env.VITEST
  ? []
  : [
      paraglideVitePlugin({
        project: './project.inlang',
        outdir: './src/lib/paraglide',
        strategy: ['baseLocale'],
      }),
    ];

/**
 * SvelteKit's generated root hides its route announcer with a style attribute, which a strict Content-Security-Policy
 * refuses. A class of app.css does the same.
 */
const strictRoot: Plugin = {
  name: 'indelible-strict-root',
  enforce: 'pre',
  transform(code, id) {
    if (!id.split('?')[0]?.endsWith('/.svelte-kit/generated/root.svelte')) return null;
    const strict = code.replace(/(<div id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1 class="visually-hidden"');
    if (strict === code) throw new Error('the route announcer of SvelteKit looks different: see strictRoot');
    return strict;
  },
};

/** What a first visit loads, beside the pages themselves and what these load on demand. */
const FIRST_PAGES = ['/src/routes/+layout.svelte', '/src/routes/+page.svelte'];
/** Shown at once beside the events. */
const FIRST_PARTS = ['/src/components/Histogram.svelte', '/src/components/StatisticsBar.svelte'];

/**
 * What every first visit loads is one file, not fifty: each small one costs a question, and its words are compressed by
 * themselves. Other pages load it too, but it is in the cache by then.
 */
function oneFirst(): Plugin {
  let root = '';
  return {
    name: 'indelible-one-first',
    configResolved(config) {
      root = config.root;
    },
    outputOptions(options) {
      if (this.environment.name !== 'client') return null;
      let first: Set<string> | null = null;
      const name = (id: string, graph: { getModuleInfo: (id: string) => { importedIds: string[] } | null }) => {
        if (first === null) {
          const needs = (one: string): string[] => graph.getModuleInfo(one)?.importedIds ?? [];
          const todo = [...FIRST_PAGES.flatMap((file) => needs(root + file)), ...FIRST_PARTS.map((file) => root + file)];
          first = new Set(todo);
          for (const one of todo) {
            const more = needs(one).filter((next) => first?.has(next) === false);
            todo.push(...more);
            for (const next of more) first.add(next);
          }
        }
        return first.has(id) ? 'first' : null;
      };
      return { ...options, codeSplitting: { groups: [{ name }] } };
    },
  };
}

export default defineConfig({
  plugins: [
    strictRoot,
    oneFirst(),
    ...messages,
    oneLanguage(),
    sveltekit(),
    svelteTesting(),
  ],
  build: {
    // Source maps would be embedded in the server's binary.
    sourcemap: false,
    target: 'es2022',
  },
  server: {
    // `npm run dev` against a server started with `indelible serve`.
    proxy: Object.fromEntries(['/v1', '/readyz'].map((path) => [path, process.env.INDELIBLE_URL ?? 'http://127.0.0.1:8080'])),
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'jsdom',
    setupFiles: ['./src/test/setup.ts'],
    // Two cores, and others need one.
    maxWorkers: 2,
  },
});
