// The guide in docs/viewer.md and docs/viewer names things as the page does, and its links lead somewhere.

// @vitest-environment node
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { describe, expect, it } from 'vitest';

import { COLUMNS } from '$lib/columns';

const DOCS = join(import.meta.dirname, '../../docs');
const pages = [join(DOCS, 'viewer.md'), ...readdirSync(join(DOCS, 'viewer')).map((name) => join(DOCS, 'viewer', name))];

function read(file: string): string {
  return readFileSync(file, 'utf8');
}

/** Without what is typed or printed. */
function prose(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').replaceAll(/`[^`\n]*`/g, '`code`');
}

/** Names of the roles that come with the program: the server's, not the page's. */
const ROLES = ['Administrator', 'Tech', 'White Label Partner', 'Channel Partner', 'Tenant Auditor', 'Reporter'];

/** Columns that only the CSV file has. */
const CSV_ONLY = COLUMNS.flatMap(({ csv }) => csv.map(({ heading }) => heading));

function labels(): Set<string> {
  const messages = JSON.parse(read(join(import.meta.dirname, '../messages/en.json'))) as Record<string, string>;
  const rules = JSON.parse(read(join(DOCS, '../crates/event/data/rules-v1.json'))) as { object_types: { label: string }[] };
  // Of a label with a name in it, what stands before or behind the name.
  const said = Object.values(messages).flatMap((message) => [message.trim(), message.replace(/\{\w+\}/, '').trim()]);
  // A button that asks before it acts.
  const asking = said.map((label) => `${label}…`);
  return new Set([...said, ...asking, ...CSV_ONLY, ...rules.object_types.map(({ label }) => label), ...ROLES, 'Role 1', 'Territories of role 1']);
}

/** Where a heading is found, as the sites that show Markdown have it. */
function anchors(text: string): string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe.each(pages.map((page) => [relative(DOCS, page), page]))('%s', (_, page) => {
  it('has in bold only what stands on the page', () => {
    const known = labels();
    const bold = [...prose(read(page)).matchAll(/\*\*([^*]+)\*\*/g)].map((match) => (match[1] ?? '').replaceAll(/\s+/g, ' '));
    expect(bold.filter((label) => !known.has(label))).toEqual([]);
  });

  it('has links that lead somewhere', () => {
    const text = prose(read(page));
    const wrong = [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(file)) return [link];
      return anchor === undefined || anchors(read(file)).includes(anchor) ? [] : [link];
    });
    expect(wrong).toEqual([]);
  });
});
