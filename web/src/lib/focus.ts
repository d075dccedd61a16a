// Where the reader goes on after a form was refused.

import { tick } from 'svelte';

/** Puts the focus on the first field that is wrong, if one is. */
export async function focusWrong(form: HTMLElement): Promise<void> {
  await tick();
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
