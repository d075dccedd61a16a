// The whole viewer runs in the browser; the server only serves it and the API.

export const ssr = false;
export const prerender = false;
export const trailingSlash = 'ignore';
