import { describe, expect, it } from 'vitest';

import { curlCommand, eventHref, fixedRange } from './links';

describe('links', () => {
  it('freeze the range where they are to', () => {
    const at = '2026-11-20T10:00:00.000Z';
    const fixed = (since: string, until: string) => fixedRange({ q: 'x', since, until }, at, 'UTC');
    expect(fixed('-24h', '')).toEqual({ q: 'x', since: '2026-11-19T10:00:00Z', until: '2026-11-20T10:00:00Z' });
    expect(fixed('today', '-1h')).toEqual({ q: 'x', since: '2026-11-20T00:00:00Z', until: '2026-11-20T09:00:00Z' });
    expect(fixed('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')).toEqual({ q: 'x', since: '2026-01-01T00:00:00Z', until: '2026-02-01T00:00:00Z' });
    expect(fixed('', '')).toEqual({ q: 'x', since: '', until: '2026-11-20T10:00:00Z' });
  });

  it('name an event by id and tenant, whatever signs it has', () => {
    expect(eventHref({ id: 'a/b?c#d', tenant: 'acme' }, 'Europe/Paris')).toBe('/events/a%2Fb%3Fc%23d?tenant=acme&tz=Europe/Paris');
  });

  it('are a command of a shell that holds no key and runs nothing else', () => {
    const command = curlCommand({ id: `x'; rm -rf "$HOME" '`, tenant: "a'b" });
    expect(command).toBe(
      `curl --fail --header "Authorization: Bearer $INDELIBLE_KEY" '${location.origin}/v1/events/x%27%3B%20rm%20-rf%20%22%24HOME%22%20%27?tenant=a%27b'`,
    );
  });
});
