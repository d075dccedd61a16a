// Habits of the source that a reviewer would otherwise have to watch: no `any`, every word through the catalogue.

// @vitest-environment node
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { parse, type AST } from 'svelte/compiler';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
/** Attributes that people read or hear. */
const SPOKEN = new Set(['aria-label', 'aria-description', 'title', 'placeholder', 'alt', 'label']);

function files(folder: string, endings: string[]): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => endings.some((ending) => name.endsWith(ending)) && !name.includes('paraglide') && !name.endsWith('.d.ts'))
    .map((name) => join(folder, name));
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

const sources = [...files('src', ['.ts', '.svelte']), ...files('e2e', ['.ts'])];

function scriptOf(file: string): string {
  const text = read(file);
  if (!file.endsWith('.svelte')) return text;
  return [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]).join('\n');
}

describe('TypeScript', () => {
  it.each(sources)('%s has no any and no suppressed error', (file) => {
    const found: string[] = [];
    const source = ts.createSourceFile(file, scriptOf(file), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(node.parent.getText(source));
      ts.forEachChild(node, visit);
    };
    visit(source);
    expect(found).toEqual([]);
    expect(read(file)).not.toMatch(/@ts-(?:ignore|nocheck|expect-error)/);
  });
});

describe('the message catalogue', () => {
  const components = files('src', ['.svelte']).filter((file) => !file.startsWith(join('src', 'test')));

  it.each(components)('%s has no words of its own', (file) => {
    const found: string[] = [];
    const spoken = (attribute: AST.Attribute): void => {
      if (!SPOKEN.has(attribute.name) || !Array.isArray(attribute.value)) return;
      for (const part of attribute.value) {
        if (part.type === 'Text' && /\p{L}{2}/u.test(part.data)) found.push(`${attribute.name}="${part.data}"`);
      }
    };
    const visit = (node: unknown, inAttribute: boolean): void => {
      if (Array.isArray(node)) {
        for (const child of node) visit(child, inAttribute);
        return;
      }
      if (typeof node !== 'object' || node === null || !('type' in node)) return;
      const typed = node as { type: string; data?: string };
      if (typed.type === 'Attribute') spoken(node as AST.Attribute);
      if (typed.type === 'Text' && !inAttribute && /\p{L}{2}/u.test(typed.data ?? '')) found.push(typed.data ?? '');
      for (const [name, child] of Object.entries(node)) {
        if (name !== 'expression') visit(child, inAttribute || typed.type === 'Attribute');
      }
    };
    visit(parse(read(file), { modern: true }).fragment, false);
    expect(found).toEqual([]);
  });

  it('has no message that nobody says, and none is missing', () => {
    const messages = new Set(Object.keys(JSON.parse(read('messages/en.json')) as object).filter((key) => key !== '$schema'));
    const said = new Set<string>();
    for (const file of sources) {
      for (const match of read(file).matchAll(/\bm\.([a-z][a-z0-9_]*)/g)) said.add(match[1] ?? '');
    }
    expect([...messages].filter((message) => !said.has(message))).toEqual([]);
    expect([...said].filter((message) => !messages.has(message))).toEqual([]);
  });
});

describe('the lock file', () => {
  it('names packages and hashes, not registries', () => {
    const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { resolved?: string }> };
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined);
    expect(resolved).toEqual([]);
  });
});
