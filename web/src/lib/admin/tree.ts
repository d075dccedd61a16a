// The tenants as the tree that they form: which rows are shown, in which order, how deep.
//
// A tenant whose parent is outside of the caller's reach stands at the top.

import type { Tenant } from '$api/admin';

export interface TenantRow {
  tenant: Tenant;
  /** 0 at the top. */
  depth: number;
  /** How many tenants are below it, at any depth. */
  below: number;
  /** Whether those directly below it are shown; null: there are none to show. */
  open: boolean | null;
  /** Whether it is here only to show where those below it belong. */
  context: boolean;
}

export interface TreeOptions {
  /** What is searched for in names, former ones too, and in ids; empty: nothing. */
  search: string;
  /** What else it takes. */
  keep: (tenant: Tenant) => boolean;
  /** Those that were closed by hand. While something is looked for none are. */
  closed: ReadonlySet<string>;
}

/** Tenants by the name of the one above; those at the top by the empty one. */
function childrenOf(tenants: readonly Tenant[]): Map<string, Tenant[]> {
  const names = new Set(tenants.map((tenant) => tenant.name));
  const children = new Map<string, Tenant[]>();
  for (const tenant of tenants) {
    const above = tenant.parent !== null && tenant.parent !== undefined && names.has(tenant.parent) ? tenant.parent : '';
    const siblings = children.get(above);
    if (siblings === undefined) children.set(above, [tenant]);
    else siblings.push(tenant);
  }
  return children;
}

export function matchesTenant(tenant: Tenant, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  if (wanted === '') return true;
  const texts = [tenant.name, tenant.display_name, tenant.external_id, tenant.uuid, ...tenant.former_names];
  return texts.some((text) => text?.toLowerCase().includes(wanted) === true);
}

/** The rows of the tree, from the top down. */
export function treeRows(tenants: readonly Tenant[], { search, keep, closed }: TreeOptions): TenantRow[] {
  const children = childrenOf(tenants);
  const everything = search.trim() === '' && tenants.every(keep);
  const rows: TenantRow[] = [];
  /** Adds a tenant with what is below it; returns whether anything was shown, and how many are below. */
  const add = (tenant: Tenant, depth: number): { shown: boolean; below: number } => {
    const matches = matchesTenant(tenant, search) && keep(tenant);
    const row: TenantRow = { tenant, depth, below: 0, open: null, context: !matches };
    const at = rows.push(row);
    let shown = false;
    for (const child of children.get(tenant.name) ?? []) {
      const added = add(child, depth + 1);
      row.below += 1 + added.below;
      shown ||= added.shown;
    }
    if (!matches && !shown) {
      rows.length = at - 1;
      return { shown: false, below: row.below };
    }
    if (shown) {
      row.open = !everything || !closed.has(tenant.name);
      if (!row.open) rows.length = at;
    }
    return { shown: true, below: row.below };
  };
  for (const tenant of children.get('') ?? []) add(tenant, 0);
  return rows;
}

/** The tenants above one, from the top down. */
export function pathOf(tenants: readonly Tenant[], name: string): string[] {
  const byName = new Map(tenants.map((tenant) => [tenant.name, tenant]));
  const path: string[] = [];
  let above = byName.get(name)?.parent ?? null;
  while (above !== null && !path.includes(above)) {
    path.unshift(above);
    above = byName.get(above)?.parent ?? null;
  }
  return path;
}

/** A tenant and all below it: where it can't be moved to. */
export function subtreeOf(tenants: readonly Tenant[], name: string): Set<string> {
  const children = childrenOf(tenants);
  const all = new Set<string>();
  const add = (one: string): void => {
    if (all.has(one)) return;
    all.add(one);
    for (const child of children.get(one) ?? []) add(child.name);
  };
  add(name);
  return all;
}
