// The pictures of the documentation, from a real server. They are taken at every run, so that what they show is there,
// and written into docs/images when INDELIBLE_SCREENSHOTS is set, where they look otherwise than before.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type { Cookie, Locator, Page } from '@playwright/test';

import { ARRIVING, startGuide } from './guide';
import { signInAs } from './people';
import { alike, smaller } from './png';
import type { Server } from './server';
import { account, detail, expect, proof, rowOf, rows, signIn, test } from './test';

const DOCS = resolve(import.meta.dirname, '../../docs');

function target(name: string): string {
  return process.env.INDELIBLE_SCREENSHOTS === undefined ? test.info().outputPath(name) : join(DOCS, 'images', name);
}

/** When the pictures are taken, as they have it. */
const NOW = '2026-11-20T18:00:00Z';

/**
 * Writes over what differs from run to run: times about now, the ledger's key, size and hashes, the port, secrets. All
 * else stands as the page shows it.
 */
async function steady(page: Page): Promise<void> {
  await page.evaluate(async (instant) => {
    const hour = 3_600_000;
    // About now, or of times to come: so many hours from the fixed moment.
    const moved = (stamp: string): string => {
      const away = Date.parse(`${stamp.slice(0, 10)}T${stamp.slice(11, 16)}:00Z`) - Date.now();
      if (!(away > -hour / 2)) return stamp;
      const fixed = new Date(Date.parse(instant) + Math.round(away / hour) * hour).toISOString().replace('T', ' ');
      return fixed.slice(0, Math.min(stamp.length, 19)) + stamp.slice(19).replace(/\d/g, '0');
    };
    const written = (text: string): string =>
      text
        .replace(/\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d(?:\.\d+)?)?/g, moved)
        .replace(/\b[\d,]+ entries\b/g, '1,284 entries')
        .replace(/http:\/\/127\.0\.0\.1:\d+/g, 'https://trail.example')
        .replace(/\bindelible\/[0-9a-f]{32}/g, 'indelible/5b1e0c627d0f4a5e9a340d7c1f2e8b61')
        .replace(/\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}/g, '+c0ffee42+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh')
        .replace(/[A-Za-z0-9+/]{43}=/g, 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=')
        .replace(/\bi([kls])_[0-9a-f]{64}/g, `i$1_${'0123456789abcdef'.repeat(4)}`)
        .replace(/\bik_[0-9a-f]{5}\b/g, 'ik_4f1c0');
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const text = node.nodeValue ?? '';
      if (written(text) !== text) node.nodeValue = written(text);
    }
    await document.fonts.ready;
  }, NOW);
}

interface Look {
  /** What it is clipped to, with some room around; absent: the window. */
  of?: Locator[];
  room?: number;
  /** Places that get a number, in order. */
  marks?: Locator[];
  /** The pointer stays where it is. */
  pointed?: boolean;
}

interface Clip {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Where some parts of the page are, together. */
async function around(parts: readonly Locator[], room: number): Promise<Clip> {
  const boxes = await Promise.all(
    parts.map((part) =>
      part.evaluate((element) => {
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return { left, top, right: Math.min(right, document.documentElement.clientWidth), bottom };
      }),
    ),
  );
  const x = Math.max(0, Math.floor(Math.min(...boxes.map((box) => box.left)) - room));
  const y = Math.max(0, Math.floor(Math.min(...boxes.map((box) => box.top)) - room));
  const right = Math.ceil(Math.max(...boxes.map((box) => box.right)) + room);
  const bottom = Math.ceil(Math.max(...boxes.map((box) => box.bottom)) + room);
  return { x, y, width: right - x, height: bottom - y };
}

/** Takes a picture for the guide. */
async function picture(name: string, page: Page, { of = [], room = 10, marks = [], pointed = false }: Look = {}): Promise<void> {
  if (!pointed) await page.mouse.move(0, 0);
  for (const part of of) await expect(part).toBeVisible();
  if (of.length > 0 && !pointed) {
    // A window that has all of it: nothing is scrolled, and what sticks to an edge stays at its place.
    const viewport = page.viewportSize();
    await page.evaluate(() => window.scrollTo({ top: 0, behavior: 'instant' }));
    const { y, height } = await around(of, room);
    if (viewport !== null && y + height > viewport.height) await page.setViewportSize({ ...viewport, height: y + height });
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  }
  await steady(page);
  for (const [index, place] of marks.entries()) await mark(place, String(index + 1));
  const clip = of.length === 0 ? {} : { clip: await around(of, room) };
  const taken = await page.screenshot({ ...clip, animations: 'disabled' });
  const [path, now] = [target(`${name}.png`), smaller(taken)];
  if (!existsSync(path) || !alike(readFileSync(path), now)) writeFileSync(path, now);
}

/** A number beside a place. */
async function mark(place: Locator, number: string): Promise<void> {
  await place.evaluate((element, text) => {
    const { left, top } = element.getBoundingClientRect();
    const disc = document.createElement('div');
    disc.textContent = text;
    Object.assign(disc.style, {
      position: 'absolute',
      left: `${Math.max(2, left + window.scrollX - 12)}px`,
      top: `${Math.max(2, top + window.scrollY - 12)}px`,
      zIndex: '1000',
      width: '24px',
      height: '24px',
      borderRadius: '12px',
      background: '#b3125f',
      color: '#fff',
      font: '700 14px/24px sans-serif',
      textAlign: 'center',
    });
    document.body.append(disc);
  }, number);
}

test.describe('the samples of the README', () => {
  test.use({ deviceScaleFactor: 1, viewport: { width: 1440, height: 960 } });

  for (const [colorScheme, name] of [
    ['light', 'events'],
    ['dark', 'events-dark'],
  ] as const) {
    test.describe(`in ${colorScheme}`, () => {
      test.use({ colorScheme });

      test('events of CloudTrail, one of them open and verified', async ({ page }) => {
        // The minute in which the attack made its user, and the key to it.
        const range = 'since=2023-07-10T12:20:00Z&until=2023-07-10T12:25:04Z';
        await signIn(page, `/?tenant=cloud&q=-Describe*&${range}&tz=UTC`);
        await expect(rows(page)).toHaveCount(25);
        await expect(page.getByText('events in all')).toBeVisible();
        await rows(page).filter({ hasText: 'CreateUser' }).first().getByRole('button').click();
        await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
        await page.evaluate(() => window.scrollTo({ top: 0 }));
        await picture(name, page);
      });
    });
  }
});

test.describe('the guide', () => {
  test.use({ deviceScaleFactor: 1, viewport: { width: 1280, height: 900 }, colorScheme: 'light' });

  /** The week of the story, in UTC. */
  const WEEK = 'since=2026-11-14T00:00:00Z&until=2026-11-21T00:00:00Z&tz=UTC';
  const DAY = 'since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z&tz=UTC';

  let hosted: Server;

  test.beforeAll(async () => {
    hosted = await startGuide();
  });

  test.afterAll(async () => {
    await hosted.stop();
  });

  // One session for each: the list of sessions is in a picture.
  const sessions = new Map<string, Cookie[]>();

  async function open(page: Page, path: string, username = 'alex'): Promise<void> {
    const kept = sessions.get(username);
    if (kept === undefined) {
      await signInAs(page, hosted.url + path, username);
      sessions.set(username, await page.context().cookies());
    } else {
      await page.context().addCookies(kept);
      await page.goto(hosted.url + path);
      await expect(account(page)).toBeVisible();
    }
  }

  /** The list of events, with all that is counted beside it. */
  async function openEvents(page: Page, query: string, username = 'alex'): Promise<void> {
    await open(page, `/?${query}`, username);
    await expect(rows(page).first()).toBeVisible();
    await expect(statistics(page)).not.toContainText('…');
    await expect(page.getByRole('region', { name: 'Events over time' }).locator('svg').first()).toBeVisible();
  }

  function statistics(page: Page): Locator {
    return page.getByRole('region', { name: 'Statistics' });
  }

  function form(page: Page): Locator {
    return page.getByRole('search', { name: 'Filters' });
  }

  function chips(page: Page): Locator {
    return page.getByRole('group', { name: 'Filters in force' });
  }

  test('signing in', async ({ page }) => {
    await page.goto(hosted.url);
    await expect(page.getByLabel('Username')).toBeVisible();
    await page.setViewportSize({ width: 520, height: 560 });
    await picture('sign-in', page);
  });

  test('the parts of the page', async ({ page }) => {
    await openEvents(page, `${WEEK}&limit=10`);
    await page.setViewportSize({ width: 1280, height: 1130 });
    await expect(statistics(page)).toContainText('in all');
    await picture('page', page, {
      marks: [
        form(page),
        chips(page),
        page.getByRole('region', { name: 'Events over time' }),
        page.getByRole('button', { name: 'Columns' }),
        page.getByRole('table', { name: 'Events, newest first' }),
        page.getByRole('navigation', { name: 'Pages' }),
        statistics(page),
        page.getByRole('banner').locator('.tools'),
      ],
    });
  });

  test('the filter form', async ({ page }) => {
    await openEvents(page, `action_type=delete&object=dialing&object=route&object=call_queue&affected_tenant=birch-dental.example&${WEEK}`);
    await expect(page.getByRole('button', { name: 'Objects: Dialing, Route +1 more' })).toBeVisible();
    await picture('filter-form', page, { of: [form(page), chips(page)] });
  });

  test('objects by category', async ({ page }) => {
    await openEvents(page, WEEK);
    const field = page.getByRole('button', { name: /^Objects: / });
    await field.click();
    const list = page.getByRole('dialog', { name: 'Objects' });
    for (const name of ['API Key', 'Subscriber', 'Phone Number']) await list.getByRole('checkbox', { name, exact: true }).check();
    await list.getByRole('searchbox').focus();
    await list.locator('.options').evaluate((options) => options.scrollTo({ top: 0 }));
    await picture('objects', page, { of: [field, list] });
  });

  test('choosing a time', async ({ page }) => {
    await openEvents(page, `since=2026-11-20T08:00:00Z&until=2026-11-20T16:00:00Z&tz=UTC`);
    const field = page.getByRole('button', { name: /^Date range: / });
    await field.click();
    const panel = page.getByRole('dialog', { name: 'Date range' });
    await picture('date-range', page, { of: [field, panel] });
  });

  test('domains that are completed', async ({ page }) => {
    await openEvents(page, WEEK);
    const field = page.getByRole('combobox', { name: 'Affected domain' });
    await field.pressSequentially('b');
    const offers = page.getByRole('listbox', { name: 'Suggestions for Affected domain' });
    await expect(offers.getByRole('option').first()).toContainText('birch-dental.example');
    await expect(offers.getByRole('option').first()).toContainText(/\d events?/);
    await picture('suggestions', page, { of: [page.getByText('Affected domain', { exact: true }), field, offers] });
  });

  test('the query as text', async ({ page }) => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await openEvents(page, 'action_type=login&outcome=!success&ip=!192.0.2.0/24&since=2026-11-14T00:00:00Z&tz=UTC');
    await page.getByRole('group', { name: 'Filters as' }).getByRole('button', { name: 'Text' }).click();
    await expect(page.getByRole('searchbox', { name: 'Search as text' })).toHaveValue(/action_type:login -outcome:success/);
    await picture('query-text', page, { of: [form(page), chips(page)] });
  });

  test('the menu of a value', async ({ page }) => {
    await page.setViewportSize({ width: 1440, height: 960 });
    await openEvents(page, `${DAY}&limit=10&columns=time,action,affected,affected_tenant,object,by,by_tenant,address`);
    await page.getByRole('button', { name: 'Events over time' }).click();
    const row = rowOf(page, 'Delete call queue');
    await row.locator('td.by').hover();
    await page.locator('.pivot').getByRole('button').click();
    const menu = page.getByRole('menu');
    await expect(menu.getByRole('menuitem', { name: 'Investigate user' })).toBeVisible();
    await picture('value-menu', page, { of: [page.getByRole('table', { name: 'Events, newest first' }), menu], pointed: true });
  });

  test('cards', async ({ page }) => {
    await open(page, `/?q=T-2*&${WEEK}&view=cards`);
    const cards = page.getByRole('list', { name: 'Events, newest first' });
    await expect(cards.locator('li[data-row]').first()).toBeVisible();
    await picture('cards', page, { of: [page.locator('.bar').first(), cards.locator('li[data-row]').nth(0), cards.locator('li[data-row]').nth(1)] });
  });

  test('columns', async ({ page }) => {
    await openEvents(page, WEEK);
    const button = page.getByRole('button', { name: 'Columns' });
    await button.click();
    const menu = page.getByRole('group', { name: 'Rows' }).locator('..');
    await expect(menu).toBeVisible();
    await picture('columns', page, { of: [button, menu] });
  });

  test('an event with its changes and its proof', async ({ page }) => {
    await openEvents(page, `object=subscriber&affected=100&${WEEK}`);
    await rowOf(page, 'Change subscriber').first().getByRole('button').first().click();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await expect(detail(page).getByRole('rowheader', { name: 'phone_number' })).toBeVisible();
    await picture('detail', page, { of: [detail(page)], room: 2 });
    await picture('proof', page, { of: [proof(page)] });
  });

  test('an event that was changed on the way', async ({ page }) => {
    await page.route('**/original*', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: (await response.text()).replace('Reception', 'Sales desk') });
    });
    await openEvents(page, `q="delete call queue"&${WEEK}`);
    await rowOf(page, 'Delete call queue').getByRole('button').first().click();
    await expect(proof(page).getByText('Verification failed')).toBeVisible();
    await picture('proof-failed', page, { of: [proof(page)] });
  });

  test('the original, with what looks like a secret', async ({ page }) => {
    await openEvents(page, `q="create api key"&${WEEK}`);
    await rowOf(page, 'Create API key').getByRole('button').first().click();
    await detail(page).getByText('Show the original as sent').click();
    const original = detail(page).getByRole('region', { name: 'Original' });
    await expect(original).toContainText('"action"');
    await expect(detail(page).getByRole('button', { name: 'Reveal secrets' })).toBeVisible();
    const shown = detail(page).locator('details').filter({ has: page.getByText('Show the original as sent') });
    await picture('original', page, { of: [detail(page).getByRole('heading', { name: 'Parameters' }), shown] });
  });

  test('a user under investigation', async ({ page }) => {
    await open(page, '/investigate?user=omar&since=2026-11-01T00:00:00Z&until=2026-11-21T00:00:00Z&tz=UTC&columns=2');
    await expect(page.getByRole('table', { name: 'Sign-ins by address' })).toContainText('203.0.113.77');
    await expect(page.getByRole('grid')).toBeVisible();
    await expect(page.getByText('Counting')).toHaveCount(0);
    await expect(page.getByText('…')).toHaveCount(0);
    await picture('investigate', page, { of: [page.locator('#content a.back'), page.locator('#content .panels')] });
  });

  test('the breakdown and the chart', async ({ page }) => {
    await openEvents(page, `application=!indelible&${WEEK}`);
    const chart = page.getByRole('region', { name: 'Events over time' });
    await chart.getByRole('combobox', { name: 'Colours' }).selectOption('Action type');
    await expect(chart.getByRole('list', { name: 'Legend' })).toContainText('Modify/Update');
    await page.getByRole('slider', { name: 'Choose a time range' }).focus();
    for (let step = 0; step < 7; step += 1) await page.keyboard.press('ArrowLeft');
    for (let step = 0; step < 5; step += 1) await page.keyboard.press('Shift+ArrowRight');
    await picture('chart', page, { of: [chart, chart.locator('.tip')] });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Breakdown' }).click();
    const breakdown = page.getByRole('complementary', { name: 'Breakdown of these results' });
    await expect(breakdown.getByText('Modify/Update')).toBeVisible();
    await expect(breakdown.getByText('Counting')).toHaveCount(0);
    await picture('breakdown', page, { of: [breakdown] });
    await picture('statistics', page, { of: [statistics(page)] });
  });

  test('events as they come', async ({ page }) => {
    await open(page, '/?application=!indelible&since=2026-11-20T13:00:00Z&tz=UTC');
    await expect(rowOf(page, 'Delete call queue')).toBeVisible();
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    await expect(page.locator('.live').getByRole('status').getByText('Live', { exact: true })).toBeVisible();
    await hosted.send(ARRIVING);
    await expect(page.getByText('3 new events so far')).toBeVisible();
    await expect(rowOf(page, 'Add route')).toBeVisible();
    await picture('live', page, { of: [page.locator('.bar').first(), page.locator('.live')] });
  });

  test('nothing found', async ({ page }) => {
    await open(page, '/?action_type=delete&affected_tenant=birch-dentel.example&since=2026-11-19T00:00:00Z&until=2026-11-20T00:00:00Z&tz=UTC');
    await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
    const empty = page.locator('section.empty');
    await expect(empty.getByRole('button', { name: /^Search for birch-dental\.example/ })).toBeVisible();
    await picture('empty', page, { of: [empty], room: 0 });
  });

  test('a partner sees the own territory', async ({ page }) => {
    await openEvents(page, `action_type=update&${WEEK}`, 'priya');
    const banner = page.getByText(/^You see only what your account reaches/);
    await expect(banner).toBeVisible();
    await picture('reach', page, { of: [chips(page), banner.locator('..')] });
  });

  test('commands and shortcuts', async ({ page }) => {
    await openEvents(page, WEEK);
    await page.keyboard.press('Control+k');
    const commands = page.getByRole('dialog', { name: 'Commands' });
    await expect(commands.getByRole('option').first()).toBeVisible();
    await picture('commands', page, { of: [commands] });
    await page.keyboard.press('Escape');
    await expect(commands).toHaveCount(0);
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await expect(help).toBeVisible();
    await picture('shortcuts', page, { of: [help] });
  });

  test('the profile', async ({ page }) => {
    await open(page, '/profile?tz=UTC');
    await expect(page.getByText('This one')).toBeVisible();
    await picture('profile', page, { of: [page.locator('#content')], room: 0 });
  });

  test('the administration', async ({ page }) => {
    await open(page, '/admin/audit-trail?tz=UTC');
    const content = page.locator('#content');
    await expect(page.getByRole('region', { name: 'Ledger' }).getByText('Takes events')).toBeVisible();
    await page.getByRole('button', { name: 'Verify now' }).click();
    await expect(page.getByText('This browser had not seen this ledger before.')).toBeVisible();
    await picture('audit-trail', page, { of: [content], room: 0 });

    await page.goto(`${hosted.url}/admin/tenants?tz=UTC`);
    await expect(page.getByRole('link', { name: 'quay-books.example' })).toBeVisible();
    await picture('tenants', page, { of: [content], room: 0 });

    await page.goto(`${hosted.url}/admin/users?tz=UTC`);
    await expect(page.getByRole('link', { name: 'priya' })).toBeVisible();
    await picture('users', page, { of: [content], room: 0 });
    await page.getByRole('button', { name: 'Invite user' }).click();
    const inviting = page.getByRole('dialog', { name: 'Invite user' });
    await inviting.getByLabel('Username').fill('kim.new');
    await inviting.getByLabel('First name').fill('Kim');
    await inviting.getByLabel('Last name').fill('Adler');
    await inviting.getByLabel('Role 1', { exact: true }).selectOption('Channel Partner');
    await expect(inviting.getByLabel('Territories of role 1')).toBeVisible();
    await picture('invite', page, { of: [inviting] });

    await page.goto(`${hosted.url}/admin/roles?tz=UTC`);
    await expect(page.getByText('Support desk').first()).toBeVisible();
    await picture('roles', page, { of: [content], room: 0 });

    await page.goto(`${hosted.url}/admin/keys?tz=UTC`);
    await expect(page.getByText('Weekly report').first()).toBeVisible();
    await picture('keys', page, { of: [content], room: 0 });
  });

  test.describe('in dark', () => {
    test.use({ colorScheme: 'dark' });

    test('failed sign-ins', async ({ page }) => {
      await openEvents(page, `action_type=login&outcome=failure&outcome=denied&${WEEK}&limit=10&columns=time,action,by,by_tenant,address,reason`);
      await expect(rows(page).first()).toContainText('Wrong password');
      await picture('failed-sign-ins', page, { of: [chips(page), page.getByRole('table', { name: 'Events, newest first' }), statistics(page)] });
    });
  });

  test.describe('on a phone', () => {
    test.use({ viewport: { width: 390, height: 844 } });

    test('events and one of them', async ({ page }) => {
      // Before what comes in while a reader watches.
      await openEvents(page, 'since=2026-11-20T00:00:00Z&until=2026-11-20T17:00:00Z&tz=UTC&limit=10');
      await page.getByRole('button', { name: 'Events over time' }).click();
      await expect(page.getByRole('slider', { name: 'Choose a time range' })).toHaveCount(0);
      await page.evaluate(() => window.scrollTo({ top: 0 }));
      await picture('phone', page);
    });
  });
});

test('every picture of the documentation is one that is made here, and every one made here is shown', () => {
  const pages = readdirSync(DOCS, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  const texts = [...pages.map((name) => join(DOCS, name)), join(DOCS, '../README.md')].map((file) => readFileSync(file, 'utf8'));
  const shown = texts.flatMap((text) => [...text.matchAll(/\]\([^)\s]*images\/([^)\s]+)\)/g)].map((match) => match[1] ?? ''));
  const own = readFileSync(import.meta.filename, 'utf8');
  const made = [...own.matchAll(/\bpicture\('([\w-]+)'/g), ...own.matchAll(/\['(?:light|dark)', '([\w-]+)'\]/g)].map((match) => `${match[1]}.png`);
  expect([...new Set(shown)].sort()).toEqual([...made].sort());
  expect(readdirSync(join(DOCS, 'images')).sort()).toEqual([...made].sort());
});
