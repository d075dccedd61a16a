// What jsdom lacks and components rely on, and the words.

import '@testing-library/jest-dom/vitest';

import { say, sayAll } from '$lib/said.svelte';

await say('en');
await sayAll();

// jsdom lays nothing out: every test page is a wide one.
if (typeof window !== 'undefined') {
  window.matchMedia = (query: string): MediaQueryList =>
    ({
      matches: false,
      media: query,
      onchange: null,
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
      addListener: () => undefined,
      removeListener: () => undefined,
      dispatchEvent: () => false,
    }) satisfies MediaQueryList;
  Element.prototype.scrollIntoView = () => undefined;
}
