// One-time links: their secret stands in the fragment, which browsers send to nobody.
//
// It is taken out of the address bar and of the tab's history before anything else happens, and kept in memory alone:
// until it was used, or the page is left.

const FRAGMENT = /^#(il_.*)$/s;

let held: string | null = null;

/** Takes a secret out of the address, if there is one. */
export function takeLink(): void {
  const secret = FRAGMENT.exec(location.hash)?.[1];
  if (secret === undefined) return;
  held = secret;
  history.replaceState(history.state, '', location.pathname + location.search);
}

/** The secret of the link that led here; null: none did. */
export function heldLink(): string | null {
  return held;
}

export function forgetLink(): void {
  held = null;
}
