// The page in German and Spanish, what chooses between them, and text that runs from right to left.

import { gzipSync } from 'node:zlib';

import type { Locator, Page } from '@playwright/test';

import { PASSWORD } from './people';
import { Server } from './server';
import { expect, expectAccessible, rowOf, rows, test } from './test';

/** The bar of the viewer, in every language (hosting.spec.ts). */
const FIRST_LOAD_MAX = 150_000;
const HEBREW = '\u05d0\u05d3\u05de\u05d9\u05df';
const ARABIC = '\u0645\u062f\u064a\u0631';

let hosted: Server;
let people = 0;

test.beforeAll(async () => {
  hosted = await Server.start();
  await hosted.createTenant('acme');
  await hosted.send([
    ...Array.from({ length: 1200 }, (_, index) => ({
      id: `event-${index}`,
      tenant: 'acme',
      time: new Date(Date.UTC(2026, 10, 3, 12, 0, 0) - index * 1000).toISOString(),
      actor: { type: 'user', username: 'ada' },
      action: `Step ${index}`,
      action_type: 'update',
      outcome: { result: 'failure' },
    })),
    {
      id: 'right-to-left',
      tenant: 'acme',
      time: '2026-11-04T08:00:00Z',
      actor: { type: 'user', username: HEBREW },
      action: 'Open\u202Eexe.gate',
      action_type: 'login',
      targets: [{ type: 'user', id: '5', name: `${ARABIC}\u2069: 7` }],
      details: `${HEBREW} 123, ${HEBREW}`,
    },
  ]);
  await hosted.waitForCount('tenant=acme', 1201);
});

test.afterAll(async () => {
  await hosted.stop();
});

/** Somebody new whose account has a language; null: none. */
async function somebody(locale: string | null): Promise<string> {
  people += 1;
  const username = `speaker-${people}`;
  const id = await hosted.createUser(username, PASSWORD);
  if (locale !== null) await hosted.call('PATCH', `/v1/users/${id}`, { locale });
  return username;
}

/** Signs in on a page that may be in any language. */
async function enterAs(page: Page, path: string, username: string, password = PASSWORD): Promise<void> {
  await page.goto(hosted.url + path);
  await page.locator('input[autocomplete="username"]').fill(username);
  await page.locator('input[autocomplete="current-password"]').fill(password);
  await page.keyboard.press('Enter');
}

/** The choice of a language, whatever it is called in the one of today. */
function languages(page: Page): Locator {
  return page.getByRole('combobox', { name: /^(?:Language|Sprache|Idioma)$/ });
}

async function expectNoSidewaysScrolling(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow).toBeLessThanOrEqual(0);
}

test('an account’s language is that of texts, dates, numbers and their forms', async ({ page }) => {
  await enterAs(page, '/?tenant=acme&action_type=update&tz=Europe/Vienna', await somebody('de-AT'));
  await expect(page.getByRole('heading', { name: 'Ereignisse', exact: true })).toBeAttached();
  await expect(page.locator('html')).toHaveAttribute('lang', 'de-AT');
  await expect(page).toHaveTitle('Ereignisse · Indelible');
  const row = rowOf(page, 'Step 0');
  await expect(row).toContainText('03.11.2026');
  await expect(row).toContainText('Ändern/Aktualisieren');
  await expect(row).toContainText('Fehlschlag');
  await expect(page.getByText('25 Ereignisse auf dieser Seite')).toBeVisible();
  await expect(page.getByText('1\u00a0200 Ereignisse insgesamt')).toBeVisible();
  await page.goto(`${hosted.url}/?tenant=acme&id=event-7&tz=Europe/Vienna`);
  await expect(page.getByText('1 Ereignis auf dieser Seite')).toBeVisible();

  await rows(page).first().getByRole('button', { name: /Ereignis zeigen/ }).click();
  const detail = page.getByRole('article', { name: 'Ereignis' });
  await expect(detail.getByText('03.11.2026, 12:59:53,000000 +01:00 Europe/Vienna').first()).toBeVisible();
  await expect(page.getByRole('complementary', { name: 'Nachweis' }).getByText('Geprüft', { exact: true })).toBeVisible();

  // The next visit begins in it: whatever stands there before the server has answered.
  await page.route('**/v1/session', () => undefined);
  await page.goto(hosted.url);
  await expect(page.getByText('Es wird geprüft, wer angemeldet ist')).toBeVisible();
});

test.describe('a browser that prefers Spanish', () => {
  test.use({ locale: 'es-MX' });

  test('is asked to sign in in Spanish, and so is whoever has no language of their own', async ({ page }) => {
    const username = await somebody(null);
    await page.goto(`${hosted.url}/?tenant=acme&tz=UTC`);
    await expect(page.getByRole('heading', { name: 'Iniciar sesión' })).toBeVisible();
    await expect(page.locator('html')).toHaveAttribute('lang', 'es-MX');
    await expect(languages(page)).toHaveValue('es');
    await expectAccessible(page);
    await enterAs(page, '/?tenant=acme&action_type=update&tz=UTC', username);
    await expect(page.getByText('25 eventos en esta página')).toBeVisible();
    await expect(rowOf(page, 'Step 0')).toContainText('03/11/2026');
    await expect(page.getByText('1,200 eventos en total')).toBeVisible();
  });

  test('is spoken to in the language of the account, and in its own after signing out', async ({ page }) => {
    await enterAs(page, '/?tenant=acme', await somebody('de-DE'));
    await page.getByRole('button', { name: /^Konto: / }).click();
    await page.getByRole('button', { name: 'Abmelden', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'Iniciar sesión' })).toBeVisible();
  });
});

test('a language chosen on the device counts at once and stays, and what is typed stays too', async ({ page }) => {
  await page.goto(hosted.url);
  await page.getByLabel('Username').fill('ada');
  await languages(page).selectOption('Deutsch');
  await expect(page.getByRole('heading', { name: 'Anmelden' })).toBeVisible();
  await expect(page.getByLabel('Benutzername')).toHaveValue('ada');
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Anmelden' })).toBeVisible();
  await languages(page).selectOption('Español');
  await page.goto(`${hosted.url}/set-up`);
  await expect(page.getByRole('heading', { name: 'Configurar el primer administrador' })).toBeVisible();
});

test('the menu changes the account’s language; filters and the open event stay', async ({ page }) => {
  const username = await somebody('es-ES');
  await enterAs(page, '/?tenant=acme&id=event-7', username);
  await rows(page).first().getByRole('button', { name: /Mostrar evento/ }).click();
  await expect(page.getByRole('article', { name: 'Evento' })).toBeVisible();
  const address = page.url();
  await page.getByRole('button', { name: /^Cuenta: / }).click();
  await languages(page).selectOption('Deutsch');
  await expect(page.getByRole('article', { name: 'Ereignis' })).toBeVisible();
  expect(page.url()).toBe(address);
  await page.getByRole('link', { name: 'Profil' }).click();
  const own = page.getByRole('main').getByRole('combobox', { name: 'Sprache' });
  await expect(own).toHaveValue('de');
  const offered = await own.locator('optgroup').first().locator('option').allInnerTexts();
  expect(offered).toEqual(expect.arrayContaining(['Deutsch (Österreich)', 'English', 'Español']));
  await own.selectOption('English');
  await page.getByRole('button', { name: 'Speichern' }).first().click();
  await expect(page.getByRole('heading', { name: 'Profile', exact: true })).toBeVisible();
});

const PAGES: Record<string, { path: string; heading: string }> = {
  'the list': { path: '/?tenant=acme', heading: 'Ereignisse' },
  'an event': { path: '/events/right-to-left?tenant=acme', heading: 'Ereignis' },
  'a user': { path: '/investigate?user=ada', heading: 'Untersuchen' },
  'the profile': { path: '/profile', heading: 'Profil' },
  'the trail': { path: '/admin/audit-trail', heading: 'Audit-Trail' },
  'the users': { path: '/admin/users', heading: 'Benutzer' },
  'the roles': { path: '/admin/roles', heading: 'Rollen' },
  'the keys': { path: '/admin/keys', heading: 'API-Schlüssel' },
  'the settings': { path: '/admin/settings', heading: 'Einstellungen' },
};

for (const width of [1440, 390]) {
  test(`German words have room at ${width} px, and so has everything from right to left`, async ({ page }) => {
    test.setTimeout(240_000);
    await page.setViewportSize({ width, height: 900 });
    await enterAs(page, '/?tenant=acme', await somebody('de-DE'));
    await expect(rows(page).first()).toBeVisible();
    for (const { path, heading } of Object.values(PAGES)) {
      await page.goto(hosted.url + path);
      await expect(page.getByRole('heading', { level: 1 }).first()).toContainText(heading);
      await expect(page.getByText('geladen', { exact: false }).and(page.getByRole('status'))).toHaveCount(0);
      await expectAccessible(page);
      await expectNoSidewaysScrolling(page);
      await page.evaluate(() => (document.documentElement.dir = 'rtl'));
      await expectNoSidewaysScrolling(page);
      expect(await overlapping(page), `${path} from right to left`).toEqual([]);
      await page.evaluate(() => (document.documentElement.dir = 'ltr'));
    }
  });
}

/** Controls of the page that lie over one another, or beyond its edges. */
async function overlapping(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const shown = [...document.querySelectorAll('header :is(a, button, select), main :is(a.button, button.button, select, input:not([type="checkbox"]), h1, h2)')]
      .map((node) => ({ node, box: node.getBoundingClientRect(), name: (node.textContent ?? '').trim().slice(0, 30) || node.getAttribute('aria-label') || node.tagName }))
      .filter(({ node, box }) => box.width > 1 && box.height > 1 && node.checkVisibility() && node.closest('.visually-hidden, .frame, .skip') === null);
    const beyond = shown.filter(({ box }) => box.left < -1 || box.right > window.innerWidth + 1).map(({ name }) => `${name} lies beyond`);
    const over = shown.flatMap((one, at) =>
      shown.slice(at + 1).flatMap((other) => {
        if (one.node.contains(other.node) || other.node.contains(one.node)) return [];
        if ((one.node.closest('header') === null) !== (other.node.closest('header') === null)) return [];
        const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
        const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
        return wide > 2 && high > 2 ? [`${one.name} and ${other.name}`] : [];
      }),
    );
    return [...beyond, ...over];
  });
}

test('values that run from right to left, or would turn others, stay in their place', async ({ page }) => {
  await enterAs(page, '/?tenant=acme&id=right-to-left&tz=UTC', await somebody(null));
  const row = rows(page).first();
  await expect(row.getByText('U+202E').first()).toBeVisible();
  await expect(row.locator('bdi', { hasText: ARABIC })).toHaveCSS('unicode-bidi', 'isolate');
  for (const direction of ['ltr', 'rtl']) {
    await page.evaluate((dir) => (document.documentElement.dir = dir), direction);
    // Cells are in the order of their headings, whatever stands in them.
    const order = await page.evaluate(() => {
      const left = (nodes: Iterable<Element>): number[] => [...nodes].map((node) => node.getBoundingClientRect().left);
      return { heads: left(document.querySelectorAll('thead th')), cells: left(document.querySelectorAll('tr[data-row] > td')) };
    });
    expect(order.cells).toEqual(order.heads);
    expect([...order.heads].sort((one, other) => (direction === 'ltr' ? one - other : other - one))).toEqual(order.heads);
  }
  await page.evaluate(() => (document.documentElement.dir = 'ltr'));
  await row.getByRole('button', { name: /Show event/ }).click();
  const detail = page.getByRole('article', { name: 'Event' });
  await expect(detail.getByText('U+2069').first()).toBeVisible();
  // In words of ours the name is isolated by characters: what follows it stays behind it.
  const investigate = detail.getByRole('button', { name: /Investigate User/ }).filter({ hasText: HEBREW });
  await expect(investigate).toContainText(`\u2068${HEBREW}\u2069`);
});

for (const [locale, language] of [['de-DE', 'German'], ['es-ES', 'Spanish']] as const) {
  test(`a first visit in ${language} loads less than 150 kB, gzipped, and no other language`, async ({ page }) => {
    const username = await somebody(locale);
    await enterAs(page, '/?tenant=acme', username);
    await expect(rows(page).first()).toBeVisible();
    const context = await page.context().browser()?.newContext({ storageState: await page.context().storageState() });
    if (context === undefined) throw new Error('no browser');
    const fresh = await context.newPage();
    const loaded = new Map<string, Buffer>();
    const bodies: Promise<void>[] = [];
    fresh.on('response', (response) => {
      const { pathname } = new URL(response.url());
      if (!pathname.startsWith('/v1/')) bodies.push(response.body().then((body) => void loaded.set(pathname, body)));
    });
    await fresh.goto(`${hosted.url}/?tenant=acme`);
    await expect(rows(fresh).first()).toBeVisible();
    await Promise.all(bodies);
    const total = [...loaded.values()].reduce((sum, body) => sum + gzipSync(body, { level: 9 }).length, 0);
    console.log(`first load in ${language}: ${(total / 1000).toFixed(1)} kB gzip in ${loaded.size} files`);
    expect(total).toBeLessThan(FIRST_LOAD_MAX);
    const texts = [...loaded].filter(([path]) => path.endsWith('.js')).map(([, body]) => body.toString());
    const speaking = ['Ereignisse gesamt', 'Eventos en total', 'Total events'].filter((words) => texts.some((text) => text.includes(words)));
    expect(speaking).toEqual([locale === 'de-DE' ? 'Ereignisse gesamt' : 'Eventos en total']);
    await context.close();
  });
}
