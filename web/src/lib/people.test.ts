// The small pure parts of what is about people.

import { beforeEach, describe, expect, it } from 'vitest';

import { shownWait } from './attempt.svelte';
import { browserOf } from './browser';
import { forgetLink, heldLink, takeLink } from './link';
import { knownLocale, languages } from './locale.svelte';
import { takeRefusal } from './refusal';

describe('a one-time link', () => {
  beforeEach(forgetLink);

  it('is taken out of address and history, and held until it was used', () => {
    history.pushState({ kept: 1 }, '', '/set-up?x=1#il_0123');
    const entries = history.length;
    takeLink();
    expect([location.pathname + location.search + location.hash, history.length]).toEqual(['/set-up?x=1', entries]);
    expect(history.state).toEqual({ kept: 1 });
    expect(heldLink()).toBe('il_0123');
    takeLink();
    expect(heldLink()).toBe('il_0123');
    forgetLink();
    expect(heldLink()).toBeNull();
  });

  it('is no other fragment', () => {
    history.replaceState(null, '', '/set-up#content');
    takeLink();
    expect([location.hash, heldLink()]).toEqual(['#content', null]);
  });
});

describe('the reason for which a provider sign-in was refused', () => {
  it.each([
    ['/?sign_in_refused=locked', 'locked', '/'],
    ['/?sign_in_refused=address_not_allowed', 'address_not_allowed', '/'],
    ['/audit/?q=a&sign_in_refused=nonce_differs&tz=UTC#x', 'other', '/audit/?q=a&tz=UTC#x'],
    ['/?q=a', null, '/?q=a'],
  ])('%s', (address, reason, left) => {
    history.replaceState(null, '', address);
    expect(takeRefusal()).toBe(reason);
    expect(location.pathname + location.search + location.hash).toBe(left);
  });
});

describe('a browser', () => {
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  it.each([
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/141.0.0.0 Safari/537.36`, 'Chrome', 'Windows'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0`, 'Edge', 'Windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15', 'Safari', 'macOS'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1', 'Safari', 'iPhone'],
    ['Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0', 'Firefox', 'Android'],
    ['curl/8.5.0', 'curl', null],
    ['<script>', null, null],
    ['', null, null],
  ])('%s', (userAgent, name, system) => {
    expect(browserOf(userAgent)).toEqual({ name, system });
  });
});

describe('a language', () => {
  it('is a tag of BCP 47', () => {
    expect([knownLocale('DE-de'), knownLocale(' en '), knownLocale('not a tag'), knownLocale('')]).toEqual(['de-DE', 'en', null, null]);
  });

  it('is offered by name, and so is the one that was chosen, whatever it is', () => {
    expect(languages(null)).toContainEqual({ tag: 'de-CH', name: 'Deutsch (Schweiz)', isOurs: true });
    expect(languages('br')).toContainEqual({ tag: 'br', name: 'Breton', isOurs: false });
    expect(languages('not a tag')).toContainEqual({ tag: 'not a tag', name: 'not a tag', isOurs: false });
    expect(languages('de-de').filter(({ tag }) => tag.toLowerCase() === 'de-de')).toHaveLength(1);
  });
});

describe('a wait', () => {
  it.each([
    [1, '1 s'],
    [59, '59 s'],
    [60, '1 min 0 s'],
    [899, '14 min 59 s'],
  ])('of %d seconds', (seconds, text) => {
    expect(shownWait(seconds)).toBe(text);
  });
});
