// What must happen before SvelteKit looks at the address for the first time.

import type { ClientInit } from '@sveltejs/kit';

import { takeLink } from '$lib/link';
import { takeRefusal } from '$lib/refusal';
import { session } from '$lib/session.svelte';

export const init: ClientInit = () => {
  takeLink();
  session.notice = takeRefusal();
};
