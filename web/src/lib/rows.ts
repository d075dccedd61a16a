// Moving among the rows of events, in the table and on cards: each has one button with `data-row` in a `data-at` place.

import type { AuditEvent } from '$api/types';

import { m } from './paraglide/messages';
import { maskBeginning } from './secrets';
import { cut, plain } from './text';

/** Moves the focus to the next (1) or previous (-1) row; to the first or last if it stands elsewhere. */
export function moveRow(root: HTMLElement | null, step: 1 | -1): void {
  const buttons = [...(root?.querySelectorAll<HTMLElement>('button[data-row]') ?? [])];
  const at = currentRow(root);
  const place = at === null ? (step === 1 ? 0 : buttons.length - 1) : at + step;
  focusRow(buttons[Math.min(Math.max(place, 0), buttons.length - 1)]);
}

/** The place of the row, or of the detail below it, that has the focus. */
export function currentRow(root: HTMLElement | null): number | null {
  const focused = document.activeElement;
  return root === null || focused === null || !root.contains(focused) ? null : placeOf(focused);
}

/** The place of the row that something is in. */
export function placeOf(element: Element): number | null {
  const at = element.closest('[data-at]')?.getAttribute('data-at');
  return at === null || at === undefined ? null : Number(at);
}

/** The button of the row in this place. */
export function toggleOf(root: HTMLElement | null, at: number): HTMLElement | null {
  return root?.querySelector<HTMLElement>(`button[data-row][data-at="${at}"]`) ?? null;
}

/** What that button is called: the first events of a page must be told apart by ear. */
export function toggleName(event: AuditEvent, expanded: boolean): string {
  return `${expanded ? m.row_collapse() : m.row_expand()}: ${plain(cut(maskBeginning(event.action), 80))}`;
}

function focusRow(button: HTMLElement | undefined): void {
  button?.focus();
  button?.scrollIntoView({ block: 'nearest' });
}

/** A click anywhere on a row opens it, unless it ends a selection or meets something to click on. */
export function onRowClick(opened: (at: number) => void): (node: HTMLElement) => () => void {
  return (node) => {
    const listener = (click: MouseEvent): void => {
      if (!(click.target instanceof Element)) return;
      if (click.target.closest('button, a, [role="menu"], [data-detail]') !== null) return;
      if ((window.getSelection()?.toString() ?? '') !== '') return;
      const at = click.target.closest('[data-row][data-at]')?.getAttribute('data-at');
      if (at !== null && at !== undefined) opened(Number(at));
    };
    node.addEventListener('click', listener);
    return () => node.removeEventListener('click', listener);
  };
}
