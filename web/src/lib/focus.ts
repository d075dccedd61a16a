// Where the reader goes on after a form was refused.

import { tick } from 'svelte';

/** Puts the focus on the first field that is wrong, if one is. */
export async function focusWrong(form: HTMLElement): Promise<void> {
  await tick();
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

/** Says who looks after the focus in a part of the page: the innermost one does. */
const KEPT = 'data-keeps-focus';

/**
 * Keeps the focus within a part of the page: where what had it is taken away, `rescue` says where the reader goes on.
 *
 * Browsers let it fall to the body, from where Tab begins at the top of the page again.
 */
export function keepFocus(rescue: (lost: Element) => HTMLElement | null | undefined): (node: HTMLElement) => () => void {
  return (node) => {
    let last: Element | null = null;
    let keeper: Element | null = null;
    const came = ({ target }: FocusEvent): void => {
      last = target instanceof Element ? target : null;
      keeper = last?.closest(`[${KEPT}]`) ?? null;
    };
    const left = (): void => {
      // Once whatever takes it away is done: what is still there was left by the reader.
      queueMicrotask(() => {
        if (last?.isConnected === true && document.activeElement !== last) last = null;
      });
    };
    const observer = new MutationObserver(() => {
      const lost = last;
      if (lost === null || lost.isConnected || document.activeElement !== document.body) return;
      // An inner part looks after its own, unless it was taken away as a whole.
      if (keeper !== node && keeper?.isConnected === true) return;
      last = null;
      rescue(lost)?.focus({ preventScroll: true });
    });
    node.setAttribute(KEPT, '');
    node.addEventListener('focusin', came);
    node.addEventListener('focusout', left);
    observer.observe(node, { childList: true, subtree: true });
    return () => {
      observer.disconnect();
      node.removeEventListener('focusin', came);
      node.removeEventListener('focusout', left);
    };
  };
}
