// So many requests at one time and no more: a page of many figures must not keep the server from answering others.

/** Work waits for its turn; what was called off while it waited is never begun. */
export class Lanes {
  private under = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.under >= this.most) {
      await new Promise<void>((turn) => {
        this.waiting.push(turn);
      });
    } else {
      this.under += 1;
    }
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The place is handed on, never free in between.
      if (next === undefined) this.under -= 1;
      else next();
    }
  }
}

/** For everything that is counted beside the events. */
export const figures = new Lanes(3);
