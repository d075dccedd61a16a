// A report as the server wrote it, shown within the page.
//
// It stands in a frame of its own in which nothing runs (`sandbox`). Such a frame is under the page's own
// Content-Security-Policy, which lets no style in that stands in the text: styles are taken out before the text is parsed,
// and given to the frame's document as a stylesheet, which scripts of the page's own may do.

export interface Prepared {
  markup: string;
  css: string;
}

const STYLES = /<style\b[^>]*>([\s\S]*?)<\/style>/gi;
const TAGS = /<[a-z][^>]*>/gi;

export function prepare(html: string): Prepared {
  const css = [...html.matchAll(STYLES)].map(([, text]) => text).join('\n');
  const bare = html.replace(STYLES, '').replace(TAGS, (tag) => tag.replace(/\sstyle=/gi, ' data-style='));
  const document = new DOMParser().parseFromString(bare, 'text/html');
  for (const node of document.querySelectorAll('script, link, meta[http-equiv], base, iframe, object, embed')) node.remove();
  for (const node of document.querySelectorAll('*')) {
    for (const { name } of [...node.attributes]) if (name.startsWith('on')) node.removeAttribute(name);
  }
  return { markup: document.documentElement.outerHTML, css };
}

/** Gives the frame's document its styles. */
export function dress(frame: HTMLIFrameElement, css: string): void {
  const inner = frame.contentWindow as (Window & typeof globalThis) | null;
  const document = frame.contentDocument;
  if (inner === null || document === null) return;
  const sheet = new inner.CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [sheet];
  for (const node of document.querySelectorAll<HTMLElement>('[data-style]')) node.style.cssText = node.dataset.style ?? '';
}
