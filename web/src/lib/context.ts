// What components share: the API of the signed-in key. Set once in the root layout.

import { getContext, setContext } from 'svelte';

import type { Api } from '$api/client';

const KEY = Symbol('api');

export function provideApi(api: Api): void {
  setContext(KEY, api);
}

export function useApi(): Api {
  return getContext<Api>(KEY);
}
