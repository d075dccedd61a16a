// The administration's questions, for whoever is signed in, and those that several of its pages ask.

import type { QueryClient } from '@tanstack/svelte-query';
import { tick } from 'svelte';

import { Administration } from '$api/admin';
import { useApi } from '$lib/context';

export function useAdministration(): Administration {
  return new Administration(useApi());
}

type Asking = { signal: AbortSignal };

/** Others change things too: what is opened is asked for anew. */
const FRESH = { staleTime: 0 };

export function tenantsQuery(admin: Administration) {
  return { queryKey: ['admin', 'tenants'], queryFn: ({ signal }: Asking) => admin.tenants(signal), ...FRESH };
}

export function usersQuery(admin: Administration) {
  return { queryKey: ['admin', 'users'], queryFn: ({ signal }: Asking) => admin.users(signal), ...FRESH };
}

export function rolesQuery(admin: Administration) {
  return { queryKey: ['admin', 'roles'], queryFn: ({ signal }: Asking) => admin.roles(signal), ...FRESH };
}

export function auditingQuery(admin: Administration) {
  return { queryKey: ['admin', 'auditing'], queryFn: ({ signal }: Asking) => admin.auditing(signal), ...FRESH };
}

export function sendsMailQuery(admin: Administration) {
  return { queryKey: ['admin', 'sends-mail'], queryFn: ({ signal }: Asking) => admin.sendsMail(signal), ...FRESH };
}

/** Has what is shown of these asked for again; done when it is shown. */
export async function renew(client: QueryClient, ...names: string[]): Promise<void> {
  await Promise.all(names.map((name) => client.invalidateQueries({ queryKey: ['admin', name] })));
  // Answers are told of in a batch after they came. A dialog that closes then knows whether what opened it is gone.
  await new Promise((told) => setTimeout(told));
  await tick();
}

/** After a change of tenants, which others than the administration show too. */
export async function renewTenants(client: QueryClient): Promise<void> {
  void client.invalidateQueries({ queryKey: ['tenants'] });
  await renew(client, 'tenants', 'tenant', 'auditing');
}
