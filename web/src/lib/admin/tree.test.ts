// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { Tenant } from '$api/admin';

import { pathOf, subtreeOf, treeRows, type TreeOptions } from './tree';

function tenant(name: string, parent: string | null = null, more: Partial<Tenant> = {}): Tenant {
  return {
    name,
    parent,
    uuid: `uuid-of-${name}`,
    kind: 'domain',
    state: 'active',
    auditing: true,
    former_names: [],
    created_at: '2026-01-01T00:00:00Z',
    ...more,
  };
}

const TENANTS = [
  tenant('acme', 'north', { former_names: ['acme-old'], external_id: 'crm-7' }),
  tenant('far', 'out-of-reach'),
  tenant('lab', 'acme', { auditing: false, display_name: 'The Laboratory' }),
  tenant('north'),
  tenant('south'),
];

const ALL: TreeOptions = { search: '', keep: () => true, closed: new Set() };

function shown(options: Partial<TreeOptions> = {}): string[] {
  return treeRows(TENANTS, { ...ALL, ...options }).map(
    ({ tenant: { name }, depth, open, context }) =>
      '  '.repeat(depth) + (context ? `(${name})` : name) + (open === null ? '' : open ? ' -' : ' +'),
  );
}

describe('the tree of tenants', () => {
  it('shows each below the one above, and at the top what has nobody within reach above it', () => {
    expect(shown()).toEqual(['far', 'north -', '  acme -', '    lab', 'south']);
    const rows = treeRows(TENANTS, ALL);
    expect(rows.map(({ below }) => below)).toEqual([0, 2, 1, 0, 0]);
  });

  it('leaves out what is below a closed one, and counts it all the same', () => {
    const closed = new Set(['north']);
    expect(shown({ closed })).toEqual(['far', 'north +', 'south']);
    expect(treeRows(TENANTS, { ...ALL, closed })[1]?.below).toBe(2);
  });

  it.each([
    ['a name', 'ACM', ['(north) -', '  acme']],
    ['a former name', 'acme-old', ['(north) -', '  acme']],
    ['an id of another system', 'crm-7', ['(north) -', '  acme']],
    ['the name shown', 'laborat', ['(north) -', '  (acme) -', '    lab']],
    ['nothing of that name', 'nobody', []],
  ])('finds by %s, with those above', (_, search, expected) => {
    expect(shown({ search })).toEqual(expected);
  });

  it('opens what was closed while something is looked for', () => {
    expect(shown({ search: 'lab', closed: new Set(['north', 'acme']) })).toEqual(['(north) -', '  (acme) -', '    lab']);
    expect(shown({ keep: ({ auditing }) => !auditing, closed: new Set(['north']) })).toEqual(['(north) -', '  (acme) -', '    lab']);
  });

  it('knows what is above and what is below', () => {
    expect(pathOf(TENANTS, 'lab')).toEqual(['north', 'acme']);
    expect(pathOf(TENANTS, 'far')).toEqual(['out-of-reach']);
    expect(pathOf(TENANTS, 'none')).toEqual([]);
    expect([...subtreeOf(TENANTS, 'north')]).toEqual(['north', 'acme', 'lab']);
  });
});
