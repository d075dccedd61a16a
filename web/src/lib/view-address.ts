// The address that a saved view, or what a short link stores, opens.

const OF_ONE_RESULT = ['after', 'before', 'page', 'at', 'open', 'in'];

/** As query of the events page, with "?". Pages of a result and open events are not part of it. */
export function viewAddress({ query, columns }: { query: string; columns: readonly string[] | null }): string {
  const params = new URLSearchParams(query);
  for (const name of OF_ONE_RESULT) params.delete(name);
  if (columns !== null) params.set('columns', columns.length === 0 ? 'none' : columns.join(','));
  // An address without a query is the default's: one of the page as it opens by itself says so.
  if (params.size === 0) params.set('since', '-24h');
  return `?${params.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%21', '!').replaceAll('%2C', ',')}`;
}
