// Where the reader is, in component tests: stands in for SvelteKit's page state and navigation, and follows them.

export const page = $state({
  url: new URL('http://localhost/'),
  params: {} as Record<string, string>,
  route: { id: null as string | null },
});

/** Whether the server has another version of the page. */
export const updated = {
  current: false,
  check(): Promise<boolean> {
    return Promise.resolve(this.current);
  },
};

/** Addresses that were gone to, in order. */
export const visited: string[] = [];

export function goto(address: string): Promise<void> {
  visited.push(address);
  page.url = new URL(address, page.url);
  return Promise.resolve();
}

/** Opens a page as its address would. */
export function at(route: string, address: string, params: Record<string, string> = {}): void {
  visited.length = 0;
  page.url = new URL(address, 'http://localhost/');
  page.params = params;
  page.route = { id: route };
}
