// What must happen before SvelteKit looks at the address for the first time.

import type { ClientInit } from '@sveltejs/kit';

import { takeLink } from '$lib/link';

export const init: ClientInit = takeLink;
