// Who is signed in: an API key, kept in sessionStorage of this tab and nowhere else.

import type { Session as Who } from '$api/types';

const STORAGE_KEY = 'indelible.key';

class SignedIn {
  /** The key in use; null: signed out. */
  key = $state<string | null>(null);
  /** What the server says the key is; null until it said so. */
  who = $state.raw<Who | null>(null);
  /** Set when the server refused a key that had worked. */
  expired = $state(false);

  /** Takes up the key of this tab, after a reload. */
  restore(): void {
    this.key = sessionStorage.getItem(STORAGE_KEY);
  }

  signIn(key: string, who: Who): void {
    sessionStorage.setItem(STORAGE_KEY, key);
    this.key = key;
    this.who = who;
    this.expired = false;
  }

  signOut(expired = false): void {
    sessionStorage.removeItem(STORAGE_KEY);
    this.key = null;
    this.who = null;
    this.expired = expired;
  }

  may(permission: string): boolean {
    return this.who?.permissions.includes(permission) ?? false;
  }
}

export const session = new SignedIn();
