// When a key press is a shortcut: not while typing, not with a modifier, not inside an open list or dialog.

const TYPING = 'input, textarea, select, [contenteditable], [role="dialog"], [role="listbox"], [role="menu"]';

/** Whether a press stands for itself: no modifier but Shift, nobody is typing. */
export function isSingleKey(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return false;
  return !(event.target instanceof Element && event.target.closest(TYPING) !== null);
}

/** Whether Shift makes another sign of it: a capital is no shortcut, while `/` is Shift-7 on many keyboards. */
export function isCapital(event: KeyboardEvent): boolean {
  return event.shiftKey && /^\p{L}$/u.test(event.key);
}

/** Whether a press asks for the command menu: Ctrl-K, and Cmd-K where there is a Cmd. */
export function isCommandKey(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.isComposing || event.shiftKey || event.altKey) return false;
  return (event.ctrlKey !== event.metaKey) && event.key.toLowerCase() === 'k';
}

/** What the key for commands is called on this machine. */
export function commandKeyName(): string {
  return /^(?:Mac|iP)/.test(navigator.platform) ? '\u2318' : 'Ctrl';
}
