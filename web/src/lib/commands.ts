// Commands by name: what the command menu offers, and how what is typed finds them.

import type { IconName } from '$components/Icon.svelte';

export interface Command {
  id: string;
  label: string;
  /** Other words that find it. */
  keywords?: string;
  /** Heading that it stands under. */
  group: string;
  icon?: IconName;
  /** What does the same: `['Ctrl', 'K']`. */
  keys?: readonly string[];
  run: () => void;
}

/** A key that a page may answer to. */
export type Shortcut =
  | 'search' | 'next' | 'previous' | 'expand' | 'close' | 'values' | 'filter' | 'link' | 'view' | 'refresh' | 'live';

/** The commands that have all the words, those that begin with what was typed first; otherwise in their order. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const wanted = typed.trim().toLowerCase();
  const words = wanted.split(/\s+/).filter((word) => word !== '');
  const found = commands.filter((command) => {
    const text = `${command.label} ${command.keywords ?? ''} ${command.group}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const rank = ({ label }: Command): number => {
    const name = label.toLowerCase();
    return name.startsWith(wanted) ? 0 : words.every((word) => name.includes(word)) ? 1 : 2;
  };
  return words.length === 0 ? found : found.toSorted((left, right) => rank(left) - rank(right));
}

/** The commands under their headings; both in the order in which they come. */
export function grouped(commands: readonly Command[]): { group: string; commands: Command[] }[] {
  const groups = new Map<string, Command[]>();
  for (const command of commands) groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  return [...groups].map(([group, list]) => ({ group, commands: list }));
}
