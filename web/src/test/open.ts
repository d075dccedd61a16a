// Opens a page of the administration for somebody, in component tests.
//
// The test file itself has to mock `$app/state` and `$app/navigation` with page.svelte.ts.

import { render } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import type { Component } from 'svelte';
import { vi } from 'vitest';

import type { Session } from '$api/types';
import { announcer } from '$lib/announce.svelte';
import { preferences } from '$lib/preferences.svelte';
import { session } from '$lib/session.svelte';

import Administered from './Administered.svelte';
import { ADMINISTRATOR, TestAdministration } from './administration';
import Harness from './Harness.svelte';
import { at } from './page.svelte';
import { TestServer } from './server';

// Whole pages with forms in dialogs: on a busy machine jsdom takes its time to find things in them by role.
vi.setConfig({ testTimeout: 30_000 });

export interface Opened {
  server: TestServer;
  admin: TestAdministration;
}

/** A server as it begins, and nothing left of what was before. */
export function freshServer(): Opened {
  localStorage.clear();
  sessionStorage.clear();
  announcer.message = '';
  preferences.zone = 'UTC';
  const server = new TestServer();
  return { server, admin: TestAdministration.of(server) };
}

export function open(server: TestServer, page: unknown, route: string, address: string, options: { who?: Session; params?: Record<string, string> } = {}): void {
  at(route, address, options.params);
  session.who = options.who ?? ADMINISTRATOR;
  session.phase = 'in';
  const component = Administered as unknown as Component<Record<string, unknown>>;
  render(Harness, { props: { server, component, props: { component: page }, credential: () => ({ kind: 'session', csrf: 'csrf' }) } });
}

/** Dialogs keep the page behind them from the mouse in a way that jsdom can't tell from their own. */
export const mouse = userEvent.setup({ pointerEventsCheck: 0, delay: null });
