// How often is asked after what is under way: at once while it changes, ever less often while it does not, never when
// nothing is. TanStack Query holds the pace while the page is hidden.

import type { Delivery, Job } from './api';

const FIRST_MS = 1000;
const LAST_MS = 15_000;
const SLOWER = 1.5;

export function isUnderWay({ state }: Pick<Job, 'state'>): boolean {
  return state === 'queued' || state === 'running';
}

/** What is followed: a run is not over before its mails are. */
type Followed = Pick<Job, 'id' | 'state' | 'progress'> & { deliveries?: readonly Pick<Delivery, 'to' | 'state' | 'attempts'>[] };

function isFollowed(job: Followed): boolean {
  return isUnderWay(job) || job.deliveries?.some(({ state }) => state === 'waiting') === true;
}

/** What of a list changes while something is under way. */
function standOf(jobs: readonly Followed[]): string {
  const stand = ({ id, state, progress, deliveries }: Followed): unknown[] => [
    id,
    state,
    progress?.done,
    deliveries?.map((mail) => [mail.to, mail.state, mail.attempts]),
  ];
  return JSON.stringify(jobs.filter(isFollowed).map(stand));
}

export class Pace {
  private stand = '';
  private delay = FIRST_MS;
  private seen: unknown;

  /** Milliseconds until the next question; `false`: nothing is under way. To be given each answer, more than once at will. */
  next(jobs: readonly Followed[] | undefined): number | false {
    if (jobs === undefined || !jobs.some(isFollowed)) {
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
