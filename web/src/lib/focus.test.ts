// Where the focus goes when what had it is taken away.

import { afterEach, describe, expect, it } from 'vitest';

import { keepFocus } from './focus';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  document.body.replaceChildren();
});

function page(): { outer: HTMLElement; inner: HTMLElement; way: HTMLElement } {
  document.body.innerHTML = '<div id="outer"><h2 tabindex="-1">Results</h2><div id="inner"><a href="/">row</a><p><button>way</button></p></div></div>';
  const find = (selector: string): HTMLElement => document.querySelector(selector) as HTMLElement;
  const [outer, inner] = [find('#outer'), find('#inner')];
  stops.push(keepFocus(() => find('h2'))(outer), keepFocus(() => find('a'))(inner));
  return { outer, inner, way: find('button') };
}

/** Once observers were told. */
const told = (): Promise<void> => new Promise((done) => setTimeout(done));

describe('the focus', () => {
  it('goes where the innermost part says', async () => {
    const { inner, way } = page();
    way.focus();
    inner.querySelector('p')?.remove();
    await told();
    expect(document.activeElement?.textContent).toBe('row');
  });

  it('goes where the outer part says when the inner one is gone', async () => {
    const { inner, way } = page();
    way.focus();
    inner.remove();
    await told();
    expect(document.activeElement?.textContent).toBe('Results');
  });

  it('stays where somebody put it meanwhile', async () => {
    const { outer, inner, way } = page();
    outer.insertAdjacentHTML('beforeend', '<input>');
    way.focus();
    inner.querySelector('p')?.remove();
    outer.querySelector('input')?.focus();
    await told();
    expect(document.activeElement?.tagName).toBe('INPUT');
  });

  it('is not taken from a reader who left by themselves', async () => {
    const { inner, way } = page();
    way.focus();
    way.blur();
    await told();
    inner.querySelector('p')?.remove();
    await told();
    expect(document.activeElement).toBe(document.body);
  });
});
