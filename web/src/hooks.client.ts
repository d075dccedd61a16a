// What must happen before SvelteKit looks at the address for the first time.

import type { ClientInit } from '@sveltejs/kit';

import { language } from '$lib/language.svelte';
import { takeLink } from '$lib/link';
import { preferences } from '$lib/preferences.svelte';
import { takeRefusal } from '$lib/refusal';
import { session } from '$lib/session.svelte';

export const init: ClientInit = async () => {
  takeLink();
  session.notice = takeRefusal();
  preferences.load(session.hasKey);
  await language.speak(preferences.accountLanguage);
};
