// How often is asked after what is under way: at once while it changes, ever less often while it does not, never when
// nothing is. TanStack Query holds the pace while the page is hidden.

import type { Job } from './api';

const FIRST_MS = 1000;
const LAST_MS = 15_000;
const SLOWER = 1.5;

export function isUnderWay({ state }: Pick<Job, 'state'>): boolean {
  return state === 'queued' || state === 'running';
}

/** What of a list changes while something is under way. */
function standOf(jobs: readonly Pick<Job, 'id' | 'state' | 'progress'>[]): string {
  return JSON.stringify(jobs.filter(isUnderWay).map(({ id, state, progress }) => [id, state, progress?.done]));
}

export class Pace {
  private stand = '';
  private delay = FIRST_MS;
  private seen: unknown;

  /** Milliseconds until the next question; `false`: nothing is under way. To be given each answer, more than once at will. */
  next(jobs: readonly Pick<Job, 'id' | 'state' | 'progress'>[] | undefined): number | false {
    if (jobs === undefined || !jobs.some(isUnderWay)) {
      this.delay = FIRST_MS;
      return false;
    }
    if (jobs === this.seen) return this.delay;
    const stand = standOf(jobs);
    this.delay = stand === this.stand ? Math.min(LAST_MS, this.delay * SLOWER) : FIRST_MS;
    this.stand = stand;
    this.seen = jobs;
    return this.delay;
  }
}
