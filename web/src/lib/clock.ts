// The server's clock: "the last 15 minutes" are its minutes, whatever this machine's clock says.

/** Answers carry whole seconds and take a moment to arrive; smaller differences are noise. */
const NOISE_MS = 2000;

let ahead = 0;

/** Takes note of the server's time as an answer brought it. */
export function observeServerTime(epochMs: number, now: number = Date.now()): void {
  const difference = epochMs - now;
  ahead = Math.abs(difference) <= NOISE_MS ? 0 : difference;
}

/** The server's time, as well as this browser knows it. */
export function serverNow(): Date {
  return new Date(Date.now() + ahead);
}
