// The questions about exports, views, reports and schedules, for whoever is signed in.

import type { QueryClient } from '@tanstack/svelte-query';
import { tick } from 'svelte';

import { useApi } from '$lib/context';

import { Jobs } from './api';

export function useJobs(): Jobs {
  return new Jobs(useApi());
}

type Asking = { signal: AbortSignal };

/** The caller's views and those shared with them: also what the page opens with. */
export function viewsQuery(jobs: Jobs) {
  return { queryKey: ['jobs', 'views'], queryFn: ({ signal }: Asking) => jobs.views(signal), staleTime: 0 };
}

export function exportColumnsQuery(jobs: Jobs) {
  return { queryKey: ['jobs', 'export-columns'], queryFn: ({ signal }: Asking) => jobs.exportColumns(signal) };
}

export function reportKindsQuery(jobs: Jobs) {
  return { queryKey: ['jobs', 'report-kinds'], queryFn: ({ signal }: Asking) => jobs.reportKinds(signal) };
}

export function reportsQuery(jobs: Jobs) {
  return { queryKey: ['jobs', 'reports'], queryFn: ({ signal }: Asking) => jobs.reports(signal), staleTime: 0 };
}

export function schedulesQuery(jobs: Jobs) {
  return { queryKey: ['jobs', 'schedules'], queryFn: ({ signal }: Asking) => jobs.schedules(signal), staleTime: 0 };
}

/** Has what is shown of these asked for again; done when it is shown. */
export async function renewJobs(client: QueryClient, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => client.invalidateQueries({ queryKey: ['jobs', name] })));
  // Answers are told of in a batch after they came. A dialog that closes then knows whether what opened it is gone.
  await new Promise((told) => setTimeout(told));
  await tick();
}
