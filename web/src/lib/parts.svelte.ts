// Parts of the page that are loaded when they are needed. Where one can't be had (no connection, or the server was upgraded
// and has other files by now), the reader is told so and can try again: PartFailed.svelte shows it.

import { updated } from '$app/state';

class Parts {
  /** Loads again what could not be loaded at a press of a button; null: nothing failed. */
  retry = $state.raw<(() => void) | null>(null);
  /** Whether the server has another version of the page than this one. */
  isOutdated = $state(false);

  /** What `load` imports; null where it can't be had: the reader is told, and `again` is what Retry does. */
  async load<Part>(load: () => Promise<Part>, again: () => void): Promise<Part | null> {
    try {
      const part = await load();
      this.retry = null;
      return part;
    } catch {
      this.retry = again;
      await this.checkVersion();
      return null;
    }
  }

  async checkVersion(): Promise<void> {
    // Where the server does not answer either, nothing is known.
    this.isOutdated = await updated.check().catch(() => false);
  }
}

export const parts = new Parts();
