// The viewer is a single page application: one fallback page, no server-side rendering, no prerendered routes.
//
// The server that embeds it (crates/server) rewrites the base path in `index.html` and sends the hash of its one
// inline script in the Content-Security-Policy. See README.md, "What the server does to index.html".

import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
  preprocess: vitePreprocess(),
  kit: {
    adapter: adapter({ pages: 'build', assets: 'build', fallback: 'index.html', strict: true }),
    alias: {
      $api: 'src/api',
      $components: 'src/components',
      $verify: 'src/verify',
    },
    typescript: {
      config: (config) => ({ ...config, include: [...config.include, '../e2e/**/*.ts', '../playwright.config.ts'] }),
    },
    // A new release is noticed on the next navigation, so that an open page never mixes two builds.
    version: { name: process.env.INDELIBLE_VERSION ?? '0.1.0', pollInterval: 0 },
  },
};
