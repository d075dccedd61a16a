// One short message for everyone: shown for a moment, read out by screen readers.

const SHOWN_MS = 2500;

class Announcer {
  message = $state('');
  /** How often something was said: the same said again is news, too. */
  said = $state(0);
  private timer: ReturnType<typeof setTimeout> | undefined;

  say(message: string): void {
    clearTimeout(this.timer);
    this.message = message;
    this.said += 1;
    this.timer = setTimeout(() => {
      this.message = '';
    }, SHOWN_MS);
  }
}

export const announcer = new Announcer();
