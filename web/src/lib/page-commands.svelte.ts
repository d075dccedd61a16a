// What the page at hand can do: its commands, for the command menu, and the keys that work on it, for the help. The frame
// around the pages shows both.

import type { Command, Shortcut } from './commands';

class PageCommands {
  commands = $state.raw<readonly Command[]>([]);
  shortcuts = $state.raw<readonly Shortcut[]>([]);
}

export const pageCommands = new PageCommands();

/** Offers what a page can do as long as it is shown. For the page's initialisation. */
export function offer(commands: () => readonly Command[], shortcuts: readonly Shortcut[]): void {
  $effect(() => {
    const own = commands();
    Object.assign(pageCommands, { commands: own, shortcuts });
    return () => {
      // The next page may have come first.
      if (pageCommands.commands === own) Object.assign(pageCommands, { commands: [], shortcuts: [] });
    };
  });
}
