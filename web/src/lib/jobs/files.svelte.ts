// What people do with a file that is done: download it, hand on an address of it, keep its manifest.

import { resolve } from '$app/paths';

import { Problem } from '$api/problem';
import { announcer } from '$lib/announce.svelte';
import { wrongOf } from '$lib/attempt.svelte';
import { copyText } from '$lib/copy';
import { downloadText } from '$lib/download';
import { m } from '$lib/paraglide/messages';
import { session } from '$lib/session.svelte';
import { shortTime } from '$lib/time/zone';

import { filePath, type FileOf, type Jobs } from './api';

/** What went wrong, in words. */
export function why(error: unknown): string {
  if (!(error instanceof Problem)) throw error;
  return wrongOf(error, []).message ?? error.detail ?? error.title;
}

function follow(address: string, name: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
}

/** Has the browser load a file, of any size: it is never held in memory here. */
export async function download(jobs: Jobs, of: FileOf, id: string, name: string): Promise<void> {
  if (session.credential.kind === 'session') {
    follow(resolve('/') + filePath(of, id), name);
    return;
  }
  // A key is no cookie: the browser needs an address that takes none.
  try {
    follow((await jobs.link(of, id)).url, name);
  } catch (error) {
    announcer.say(m.jobs_action_failed({ why: why(error) }));
  }
}

export async function copyLink(jobs: Jobs, of: FileOf, id: string, zone: string): Promise<void> {
  try {
    const { url, expires_at } = await jobs.link(of, id);
    const copied = await copyText(new URL(url, window.location.href).href);
    announcer.say(copied ? m.jobs_link_copied({ time: shortTime(expires_at, zone) }) : m.copy_failed());
  } catch (error) {
    announcer.say(m.jobs_link_failed({ why: why(error) }));
  }
}

export async function downloadManifest(jobs: Jobs, of: FileOf, id: string, name: string): Promise<void> {
  try {
    downloadText(`${name}.manifest.json`, 'application/json', await jobs.manifest(of, id));
  } catch (error) {
    announcer.say(m.jobs_action_failed({ why: why(error) }));
  }
}
