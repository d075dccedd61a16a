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

export default defineConfig({
  plugins: [
    strictRoot,
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
