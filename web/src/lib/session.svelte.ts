// Who is signed in: a user, by a session whose secret is in a cookie that no script can read, or an API key, kept in
// sessionStorage of this tab and nowhere else.

import { VISITOR, type Api, type Credential } from '$api/client';
import { Problem } from '$api/problem';
import type { Profile, Session as Who } from '$api/types';

import { language } from './language.svelte';
import type { Refusal } from './refusal';

const STORAGE_KEY = 'indelible.key';

/** Why somebody is asked to sign in, where that is not plain. */
export type Notice = 'key_ended' | 'session_ended' | 'no_cookie' | 'password_set' | Refusal;

class SignedIn {
  /** Whether somebody is; `unknown` until the server said so. */
  phase = $state<'unknown' | 'in' | 'out'>('unknown');
  /** What requests bear. */
  credential = $state.raw<Credential>(VISITOR);
  /** What the server says of whoever is signed in. */
  who = $state.raw<Who | null>(null);
  /** The account of a user who is signed in. */
  profile = $state.raw<Profile | null>(null);
  notice = $state<Notice | null>(null);
  /** Why the server could not say who is signed in. */
  failure = $state.raw<Error | null>(null);
  /** Whether the server is being asked. */
  asking = $state(false);

  /** Asks the server who is signed in: by this tab's key if it has one, else by the browser's session. */
  async ask(api: Api): Promise<void> {
    const key = sessionStorage.getItem(STORAGE_KEY);
    const credential: Credential = key === null ? VISITOR : { kind: 'key', key };
    this.failure = null;
    this.asking = true;
    const asked = api.as(credential);
    try {
      // At one time: without a session both are refused, which costs nothing.
      const [who, profile] = await Promise.all([asked.session(), key === null ? profileOf(asked) : null]);
      // Nobody is shown another language first.
      await language.speak(profile?.locale ?? null);
      if (key === null) this.enter({ kind: 'session', csrf: who.csrf ?? null }, who, profile);
      else this.enter(credential, who, null);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status !== 401) this.failure = error;
      else this.leave(key === null ? null : 'key_ended');
    } finally {
      this.asking = false;
    }
  }

  /** Whether this tab has a key, which goes before the browser's session. */
  get hasKey(): boolean {
    return sessionStorage.getItem(STORAGE_KEY) !== null;
  }

  /**
   * Asks again who this is, while what is shown stays: a role, a reach or the session may be another one by now.
   *
   * An answer that says nothing about it, such as none at all, is `same`.
   */
  async refresh(api: Api): Promise<'same' | 'changed' | 'other' | 'ended'> {
    const { credential, who: before } = this;
    const asked = api.as(credential.kind === 'key' ? credential : VISITOR);
    let who: Who;
    try {
      who = await asked.session();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return error.status === 401 ? 'ended' : 'same';
    }
    if (this.credential !== credential || before === null) return 'same';
    if (who.kind !== before.kind || who.user !== before.user) return 'other';
    if (credential.kind === 'session' && (who.csrf ?? null) !== credential.csrf) {
      this.credential = { kind: 'session', csrf: who.csrf ?? null };
    }
    this.who = who;
    return rightsOf(who) === rightsOf(before) ? 'same' : 'changed';
  }

  /** Takes up the session that just began. A key that this tab had is forgotten. */
  async begin(api: Api): Promise<void> {
    sessionStorage.removeItem(STORAGE_KEY);
    this.notice = null;
    await this.ask(api);
    // The server gave a cookie, and the browser does not send it back.
    if (this.phase === 'out') this.notice = 'no_cookie';
  }

  /**
   * After a change was refused: takes up the same user's newer session, if there is one, and returns its token.
   *
   * `onother` is told where the browser is somebody else's by now: what one user meant is never done as another.
   */
  async renew(api: Api, refused: string, onother: () => void): Promise<string | null> {
    const { credential, who: before } = this;
    if (credential.kind === 'key' || credential.csrf !== refused) return null;
    const who = await api.as(VISITOR).session().catch(() => null);
    if (who === null || this.credential !== credential) return null;
    if (who.user !== before?.user) {
      onother();
      return null;
    }
    const csrf = who.csrf ?? null;
    if (csrf === null || csrf === refused) return null;
    this.credential = { kind: 'session', csrf };
    this.who = who;
    return csrf;
  }

  signInByKey(key: string, who: Who): void {
    sessionStorage.setItem(STORAGE_KEY, key);
    this.enter({ kind: 'key', key }, who, null);
  }

  /** Forgets everything about whoever was signed in. A notice that nobody has read yet stays. */
  leave(notice: Notice | null = null): void {
    sessionStorage.removeItem(STORAGE_KEY);
    this.phase = 'out';
    this.credential = VISITOR;
    this.who = null;
    this.profile = null;
    this.notice = notice ?? this.notice;
  }

  /** As before the server was asked. */
  forget(): void {
    this.leave();
    this.phase = 'unknown';
  }

  may(permission: string): boolean {
    return this.who?.permissions.includes(permission) ?? false;
  }

  private enter(credential: Credential, who: Who, profile: Profile | null): void {
    this.credential = credential;
    this.who = who;
    this.profile = profile;
    this.notice = null;
    this.failure = null;
    this.phase = 'in';
  }
}

/** What somebody may see and do, to compare. */
function rightsOf({ permissions, reach, tenants, complete_user_management, second_factor_due, range }: Who): string {
  return JSON.stringify([permissions, reach, tenants, complete_user_management, second_factor_due, range]);
}

/** The account; null where it can't be had, so that the trail is not kept from anybody by that. */
function profileOf(api: Api): Promise<Profile | null> {
  return api.profile().catch(() => null);
}

export const session = new SignedIn();
