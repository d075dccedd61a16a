import { flushSync } from 'svelte';
import { describe, expect, it } from 'vitest';

import type { EventPage } from '$api/types';

import { LoadedPages } from './pages.svelte';

const answer = (id: string): EventPage => ({ data: [{ id }] }) as unknown as EventPage;

describe('loaded pages', () => {
  it('tell whoever asked for a result before it was there', () => {
    const loaded = new LoadedPages();
    const seen: (string | undefined)[] = [];
    const stop = $effect.root(() => {
      $effect(() => {
        seen.push(loaded.first('b')?.answer.data[0]?.id);
      });
    });
    flushSync();
    loaded.keep('b', { cursor: null, answer: answer('one') });
    flushSync();
    stop();
    expect(seen).toEqual([undefined, 'one']);
  });
});
