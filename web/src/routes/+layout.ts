// The whole viewer runs in the browser; the server only serves it and the API.

import { sayAll } from '$lib/said.svelte';

import type { LayoutLoad } from './$types';

export const ssr = false;
export const prerender = false;
export const trailingSlash = 'ignore';

/** What is shown with the texts that come first (../../one-language.ts); null: no page of ours. */
const FIRST: readonly (string | null)[] = ['/', '/events/[id]', null];

export const load: LayoutLoad = async ({ route }) => {
  if (!FIRST.includes(route.id)) await sayAll();
};
