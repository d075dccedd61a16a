// One short message for everyone: shown for a moment, read out by screen readers.

const SHOWN_MS = 2500;

class Announcer {
  message = $state('');
  private timer: ReturnType<typeof setTimeout> | undefined;

  say(message: string): void {
    clearTimeout(this.timer);
    this.message = message;
    this.timer = setTimeout(() => {
      this.message = '';
    }, SHOWN_MS);
  }
}

export const announcer = new Announcer();
