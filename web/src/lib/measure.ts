// How wide a chart is: hand-made SVG is drawn in real pixels, so that text keeps its size.

import type { Attachment } from 'svelte/attachments';

/** Tells the width of the element's content now, and whenever it changes. */
export function measure(onwidth: (pixels: number) => void): Attachment<HTMLElement> {
  return (element) => {
    const tell = (): void => {
      // Nothing is laid out where there is no screen.
      if (element.clientWidth > 0) onwidth(element.clientWidth);
    };
    tell();
    if (typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(tell);
    observer.observe(element);
    return () => observer.disconnect();
  };
}
