// One form on its way to the server: whether it is under way, what was wrong with it, how long to wait.

import { onDestroy } from 'svelte';

import { Problem } from '$api/problem';
import { m } from '$lib/paraglide/messages';

/** What is wrong with a form: as a whole, and with single fields by their names. */
export interface Wrong {
  message?: string;
  fields?: Record<string, string>;
}

const TICK_MS = 250;

/** Belongs to one component; to be made while that is set up. */
export class Attempt {
  busy = $state(false);
  message = $state<string | null>(null);
  fields = $state.raw<Record<string, string>>({});
  /** Seconds until the server wants to hear of it again. */
  wait = $state(0);
  /** Set when a wait has come to its end. */
  waited = $state(false);
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    onDestroy(() => clearInterval(this.timer));
  }

  /** Says what is wrong; nothing else does so far. */
  refuse(wrong: Wrong): void {
    this.message = wrong.message ?? null;
    this.fields = wrong.fields ?? {};
    this.waited = false;
  }

  /**
   * Does the work, unless some is under way or the server asked to wait. Returns whether it succeeded.
   *
   * `explain` has words of its own for what it knows; `names` are the form's fields.
   */
  async run(names: string[], work: () => Promise<void>, explain: (problem: Problem) => Wrong | null = () => null): Promise<boolean> {
    if (this.busy || this.wait > 0) return false;
    this.busy = true;
    this.refuse({});
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.refuse(explain(error) ?? wrongOf(error, names));
      if (error.retryAfterSeconds !== null && error.retryAfterSeconds > 0) this.holdOff(error.retryAfterSeconds);
      return false;
    } finally {
      this.busy = false;
    }
  }

  private holdOff(seconds: number): void {
    const until = Date.now() + seconds * 1000;
    this.wait = seconds;
    clearInterval(this.timer);
    this.timer = setInterval(() => {
      this.wait = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      if (this.wait > 0) return;
      clearInterval(this.timer);
      this.message = null;
      this.waited = true;
    }, TICK_MS);
  }
}

/** The general words for a problem. */
export function wrongOf(problem: Problem, names: string[]): Wrong {
  if (problem.status === 0) return { message: m.failure_unreachable() };
  if (problem.status === 200) return { message: m.error_unreadable() };
  if (problem.code === 'rate_limited') return { message: m.failure_rate_limited() };
  if (problem.status === 503) return { message: m.failure_unavailable({ detail: problem.detail ?? problem.title }) };
  const fields: Record<string, string> = {};
  for (const { field, message } of problem.errors) {
    const name = (field ?? '').replace(/^\//, '');
    if (names.includes(name)) fields[name] = m.field_refused({ message });
  }
  if (Object.keys(fields).length > 0) return { fields };
  return { message: m.failure_other({ detail: problem.detail ?? problem.title }) };
}

/** `14 min 3 s` */
export function shownWait(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? m.wait_seconds({ seconds }) : m.wait_minutes({ minutes, seconds: seconds % 60 });
}
