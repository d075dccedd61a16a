// The columns of the page's table as a file has them.

import type { ColumnId } from '$lib/columns';

const NAMES: Record<ColumnId, readonly string[]> = {
  time: ['time'],
  action: ['action_type', 'action', 'outcome'],
  affected: ['affected'],
  affected_tenant: ['affected_tenant'],
  object: ['object'],
  by: ['actor'],
  by_tenant: ['actor_tenant'],
  address: ['ip'],
  tenant: ['tenant'],
  application: ['application'],
  severity: ['severity'],
  reason: ['reason'],
  summary: ['summary'],
};

/** By the API's names, in the order of the table. */
export function fileColumns(shown: readonly ColumnId[]): string[] {
  return shown.flatMap((id) => NAMES[id]);
}
