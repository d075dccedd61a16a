// axe on every page and state, in both themes and at phone width; zoom and reflow.

import { type Page } from '@playwright/test';

import { detail, expect, expectAccessible, proof, rowOf, rows, server, signIn, test } from './test';

const STATES: Record<string, (page: Page) => Promise<void>> = {
  'signing in': async (page) => {
    await page.goto(server.url);
    await page.getByLabel('API key').fill('wrong-key-0123456789');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByText('does not accept this key')).toBeVisible();
  },
  'the list': async (page) => {
    await signIn(page, '/?since=ever');
    await expect(rows(page)).toHaveCount(25);
  },
  'an open event': async (page) => {
    await signIn(page, '/?q=-indelible&tenant=acme');
    await rowOf(page, 'Update user').getByRole('button').click();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await detail(page).getByText('Show the original as sent').click();
    await expect(page.getByRole('region', { name: 'Original' })).toBeVisible();
  },
  'a failed proof': async (page) => {
    await page.route('**/original*', (route) => route.fulfill({ body: '{"action":"x"}' }));
    await signIn(page, '/events/acme-hostile?tenant=acme');
    await expect(page.getByText('Verification failed')).toBeVisible();
  },
  'another ledger': async (page) => {
    await signIn(page);
    const at = '2026-01-02T03:04:05.000Z';
    const seen = JSON.stringify({ vkey: 'other', firstSeen: at, size: '1', root: `${'A'.repeat(43)}=`, seenAt: at });
    await page.evaluate((value) => localStorage.setItem('indelible.seen', value), seen);
    await page.goto(`${server.url}/events/acme-update?tenant=acme`);
    await expect(page.getByText('Other ledger')).toBeVisible();
  },
  'the time range': async (page) => {
    await signIn(page, '/?since=-7d');
    await page.getByRole('button', { name: /^Date range/ }).click();
    await page.getByLabel('From').fill('nonsense');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByText('Not a time.')).toBeVisible();
  },
  'the time zones': async (page) => {
    await signIn(page);
    await page.getByRole('button', { name: /^Time zone/ }).click();
    await page.getByRole('combobox', { name: 'Time zone' }).fill('europe');
    await expect(page.getByRole('option', { name: 'Europe/Berlin' })).toBeVisible();
  },
  'the shortcuts': async (page) => {
    await signIn(page);
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
  },
  'nothing found': async (page) => {
    await signIn(page, '/?q=nothing-at-all+-indelible&since=-1h', server.acmeKey);
    await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  },
  'the button of a value in the table': async (page) => {
    await signIn(page, '/?q=-indelible&tenant=acme');
    await rowOf(page, 'Update user').getByRole('button').focus();
    if ((page.viewportSize()?.width ?? 0) > 620) for (let press = 0; press < 3; press += 1) await page.keyboard.press('ArrowRight');
    await expect(page.locator('.frame .pivot').getByRole('button')).toHaveAccessibleName(/^Filter by /);
  },
  'a page that is not there': async (page) => {
    await signIn(page, '/no/such/page');
    await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  },
  'a reader who may not read': async (page) => {
    await page.route('**/v1/session', async (route) => {
      const response = await route.fetch();
      const who = (await response.json()) as Record<string, unknown>;
      await route.fulfill({ response, json: { ...who, permissions: ['users.manage'] } });
    });
    await page.goto(server.url);
    await page.evaluate((key) => sessionStorage.setItem('indelible.key', key), server.key);
    await page.reload();
    await expect(page.getByRole('heading', { name: 'Your account may not read events' })).toBeVisible();
  },
  'a part that could not be loaded': async (page) => {
    await signIn(page, '/?q=-indelible&tenant=acme');
    await expect(page.getByRole('region', { name: 'Statistics' })).toContainText('in all');
    await page.route('**/_app/immutable/**/*.js', (route) => route.abort());
    await rowOf(page, 'Update user').getByRole('button').click();
    await expect(page.getByRole('alert')).toContainText('This part of the page could not be loaded.');
  },
  'an error': async (page) => {
    await page.route('**/v1/events?*', (route) => route.fulfill({ status: 502, body: '' }));
    await signIn(page);
    await expect(page.getByRole('alert')).toBeVisible();
  },
  'an event that is not there': async (page) => {
    await signIn(page, '/events/nope?tenant=acme');
    await expect(page.getByRole('heading', { name: 'No such event' })).toBeVisible();
  },
};

/** Answers of the stream in place of the server's. */
async function goLive(page: Page, body: string, then: { status: number; code: string }): Promise<void> {
  let asked = 0;
  await page.route('**/v1/tail?*', (route) => {
    asked += 1;
    if (asked === 1) return route.fulfill({ contentType: 'text/event-stream', body });
    return route.fulfill({
      status: then.status,
      contentType: 'application/problem+json',
      body: JSON.stringify({ title: 'Not now', status: then.status, code: then.code }),
    });
  });
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever');
  await expect(rows(page).first()).toBeVisible();
  await page.getByRole('button', { name: 'Live', exact: true }).click();
}

/** What passes quickly, or comes seldom. */
const PASSING: Record<string, (page: Page) => Promise<void>> = {
  'the list while it is loaded': async (page) => {
    // The placeholders breathe for as long as they are there.
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await page.route('**/v1/events?*', () => undefined);
    await signIn(page, '/?since=ever');
    await expect(page.getByText('Loading events').first()).toBeAttached();
    await expect(rows(page)).toHaveCount(0);
  },
  'a list that is not complete yet, of a reader who sees a part': async (page) => {
    await page.route('**/v1/events?*', async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as Record<string, unknown>;
      await route.fulfill({ response, json: { ...answer, complete_through: '2026-11-20T10:00:00.000000Z', rebuilding: true } });
    });
    await signIn(page, '/?since=ever', server.acmeKey);
    await expect(page.getByText('You see only what this key reaches: acme.')).toBeVisible();
    await expect(page.getByText(/2026-11-20 11:00:00/).first()).toBeVisible();
  },
  'an event that is not on the page that names it': async (page) => {
    await signIn(page, '/?q=-indelible&tenant=pages&since=ever&open=acme-update&in=acme');
    await expect(page.getByText('This event is not on the page of results below.')).toBeVisible();
    await expect(detail(page)).toContainText('user100');
  },
  'a link to an event that is not there': async (page) => {
    await signIn(page, '/?q=-indelible&tenant=pages&since=ever&open=nope&in=acme');
    await expect(page.getByText('The link names an event that is not within your reach or does not exist.')).toBeVisible();
  },
  'live that is broken': async (page) => {
    await goLive(page, ': gone\n\n', { status: 503, code: 'unavailable' });
    await expect(page.getByText('Connection lost, trying again', { exact: true })).toBeVisible();
  },
  'live that passed over events': async (page) => {
    const dropped = 'id: cursor-2\nevent: dropped\ndata: {"count":37,"after":"cursor-1","before":"cursor-2"}\n\n';
    await goLive(page, dropped, { status: 503, code: 'unavailable' });
    await expect(page.getByText('the server passed over 37 events.')).toBeVisible();
  },
  'live that has ended': async (page) => {
    await goLive(page, ': gone\n\n', { status: 403, code: 'forbidden' });
    await expect(page.getByText('Ended', { exact: true })).toBeVisible();
    await expect(page.getByText('You may not read events any more.')).toBeVisible();
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const [name, show] of Object.entries(PASSING)) {
      test(`${name} has no violation`, async ({ page }) => {
        await show(page);
        await expectAccessible(page);
      });
    }
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const [name, show] of Object.entries(STATES)) {
      test(`${name} has no violation`, async ({ page }) => {
        await show(page);
        await expectAccessible(page);
      });
    }
  });
}

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });
  for (const name of ['signing in', 'the list', 'an open event', 'the time range', 'nothing found']) {
    test(`${name} has no violation and needs no sideways scrolling`, async ({ page }) => {
      await STATES[name]?.(page);
      await expectAccessible(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    });
  }
});

test('reflows at 400 % zoom (320 px)', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 480 });
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow).toBeLessThanOrEqual(0);
});

test('the theme can be chosen, and stays chosen', async ({ page }) => {
  await signIn(page);
  await page.getByRole('button', { name: 'Theme: automatic' }).click();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await expect(page.getByRole('button', { name: 'Theme: dark' })).toBeVisible();
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  expect(await background()).toBe('rgb(13, 16, 20)');
  await page.reload();
  await expect(rows(page).first()).toBeVisible();
  expect(await background()).toBe('rgb(13, 16, 20)');
});
