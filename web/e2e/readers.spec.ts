// Readers of different reach at one time, on one server: each sees their own, and what changes under an open page.

import type { Browser, BrowserContext, Page } from '@playwright/test';

import { PASSWORD, enter, setUpSecondFactor, signInAs } from './people';
import { Server } from './server';
import { account, detail, expect, rowOf, rows, test } from './test';

let hosted: Server;

const SEARCH = '/?application=gate&since=ever&tz=UTC';

function event(id: string, tenant: string, action: string, username: string): Record<string, unknown> {
  return {
    id,
    tenant,
    time: '2026-11-20T10:00:00Z',
    source: { application: 'gate' },
    actor: { type: 'user', username, tenant: `${tenant}.example` },
    action,
    targets: [{ type: 'subscriber', id: `of-${tenant}`, tenant: `${tenant}.example` }],
  };
}

test.beforeAll(async () => {
  hosted = await Server.start();
  for (const [name, parent] of [['north', null], ['south', null], ['acme', 'north'], ['bravo', 'south']] as const) {
    await hosted.createTenant(name, parent);
  }
  await user('tech', [{ role: 'Tech' }]);
  await user('northern', [{ role: 'Channel Partner', territories: ['north'] }]);
  await user('southern', [{ role: 'Channel Partner', territories: ['south'] }]);
  await user('auditor', [{ role: 'Tenant Auditor' }], 'acme');
  await user('reporter', [{ role: 'Reporter' }], 'acme');
  await hosted.call('POST', '/v1/roles', { name: 'Door keeper', permissions: ['tenants.manage'], reach: 'everything' });
  await user('keeper', [{ role: 'Door keeper' }]);
  await hosted.send([
    event('acme-1', 'acme', 'Open the acme gate', 'ada'),
    event('acme-2', 'acme', 'Close the acme gate', 'ada'),
    event('bravo-1', 'bravo', 'Open the bravo gate', 'bob'),
  ]);
  await hosted.waitForCount('application=gate', 3);
});

test.afterAll(async () => {
  await hosted.stop();
});

async function user(username: string, roles: { role: string; territories?: string[] }[], tenant: string | null = null): Promise<void> {
  const { id } = await hosted.call<{ id: string }>('POST', '/v1/users', { username, roles, ...(tenant === null ? {} : { tenant }) });
  const { link } = await hosted.call<{ link: string }>('POST', `/v1/users/${id}/link`);
  await hosted.call('POST', '/v1/password', { link, password: PASSWORD });
}

/** Somebody at a browser of their own. */
async function at(browser: Browser, username: string, path = SEARCH): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await signInAs(page, hosted.url + path, username);
  return { context, page };
}

function facet(page: Page, field: string) {
  return page.getByRole('complementary', { name: 'Breakdown of these results' }).getByRole('region', { name: field, exact: true });
}

test('the same search gives each reader their own events, facets, totals, suggestions and links', async ({ browser }) => {
  const tech = await at(browser, 'tech');
  const partner = await at(browser, 'northern');
  for (const [{ page }, actions, domains] of [
    [tech, ['Open the bravo gate', 'Close the acme gate', 'Open the acme gate'], ['acme.example', 'bravo.example']],
    [partner, ['Close the acme gate', 'Open the acme gate'], ['acme.example']],
  ] as const) {
    await expect(rows(page)).toHaveCount(actions.length);
    for (const action of actions) await expect(rowOf(page, action)).toBeVisible();
    await expect(page.getByRole('region', { name: 'Statistics' })).toContainText(`${actions.length} in all`);
    await expect(page.getByRole('region', { name: 'Statistics' })).toContainText(new RegExp(`Unique domains\\s*${domains.length}`));
    await page.getByRole('button', { name: 'Breakdown' }).click();
    const tenants = facet(page, 'Tenant');
    await tenants.getByRole('button', { name: 'Tenant', exact: true }).click();
    await expect(tenants.getByRole('button', { name: /^What to do with/ })).toHaveCount(domains.length);
    await expect(facet(page, 'Performed by user').getByRole('button', { name: /^What to do with/ })).toHaveCount(domains.length);
    for (const domain of domains) await expect(tenants).toContainText(domain.replace('.example', ''));
  }
  await expect(tech.page.getByText('You see only')).toHaveCount(0);
  await expect(partner.page.getByText('You see only what your account reaches: north and what is below, 2 tenants in all.')).toBeVisible();
  await expect(partner.page.getByRole('main')).not.toContainText('bravo');

  // Suggestions: names of tenants, and of domains in events.
  for (const [name, typed, found] of [['Tenant', 'bra', ['bravo']], ['Performed by domain', 'bra', ['bravo', 'bravo.example']]] as const) {
    for (const [{ page }, offered] of [[tech, found], [partner, []]] as const) {
      const field = page.getByRole('combobox', { name, exact: true });
      const asked = page.waitForResponse((response) => response.url().includes('/v1/values/'));
      await field.pressSequentially(typed);
      await asked;
      const options = page.getByRole('listbox', { name: `Suggestions for ${name}` }).getByRole('option');
      await expect(options).toHaveCount(offered.length);
      for (const one of offered) await expect(options.filter({ hasText: one }).first()).toBeVisible();
      await page.keyboard.press('Escape');
      await field.fill('');
    }
  }

  // The other's event is like one that does not exist, on its page and in a list that names it.
  const told: string[] = [];
  for (const id of ['bravo-1', 'no-such-1']) {
    await partner.page.goto(`${hosted.url}/events/${id}?tenant=bravo`);
    await expect(partner.page.getByRole('heading', { name: 'No such event' })).toBeVisible();
    const onItsPage = await partner.page.getByRole('main').innerText();
    await partner.page.goto(`${hosted.url}${SEARCH}&open=${id}&in=bravo`);
    const banner = partner.page.getByText('The link names an event that is not within your reach or does not exist.');
    await expect(banner).toBeVisible();
    told.push(`${onItsPage} ${await banner.innerText()}`.replaceAll(id, 'ID'));
  }
  expect(told[0]).toBe(told[1]);
  await tech.page.goto(`${hosted.url}/events/bravo-1?tenant=bravo`);
  await expect(detail(tech.page)).toContainText('Open the bravo gate');
  await tech.context.close();
  await partner.context.close();
});

test('a domain that changes hands while both look is in the next search, and in what they are told of themselves', async ({ browser }) => {
  const northern = await at(browser, 'northern');
  const southern = await at(browser, 'southern');
  await expect(rowOf(northern.page, 'Open the acme gate')).toBeVisible();
  await expect(rowOf(southern.page, 'Open the bravo gate')).toBeVisible();
  await expect(rows(southern.page)).toHaveCount(1);

  await hosted.call('PATCH', '/v1/tenants/acme', { parent: 'south' });
  await northern.page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(northern.page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  await southern.page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(rows(southern.page)).toHaveCount(3);
  await expect(rowOf(southern.page, 'Open the acme gate')).toBeVisible();

  // Whoever comes back to the window after a while is told what they reach by now.
  for (const [{ page }, told] of [
    [northern, 'You see only what your account reaches: north.'],
    [southern, 'You see only what your account reaches: south and what is below, 3 tenants in all.'],
  ] as const) {
    await expect(page.getByText(told, { exact: true })).toHaveCount(0);
    await page.clock.setFixedTime(Date.now() + 120_000);
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await expect(page.getByText(told, { exact: true })).toBeVisible();
  }
  await hosted.call('PATCH', '/v1/tenants/acme', { parent: 'north' });
  await northern.context.close();
  await southern.context.close();
});

test('a role that is taken away while the page is open ends it at the next question', async ({ browser }) => {
  await user('passing', [{ role: 'Tech' }]);
  const { context, page } = await at(browser, 'passing');
  await expect(rows(page)).toHaveCount(3);
  // Every question of this page is answered: the next one is the reader's.
  await expect(page.getByRole('region', { name: 'Statistics' })).toContainText('3 in all');
  await expect(page.getByRole('slider', { name: 'Choose a time range' })).toBeVisible();
  const { data } = await hosted.call<{ data: { id: string; username: string }[] }>('GET', '/v1/users');
  const id = data.find(({ username }) => username === 'passing')?.id ?? '';
  await hosted.call('PATCH', `/v1/users/${id}`, { roles: [] });
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Your account may not read events' })).toBeVisible();
  await expect(rows(page)).toHaveCount(0);
  await context.close();
});

for (const username of ['auditor', 'reporter']) {
  test(`the ${username} of a tenant sees its events, and nothing of others`, async ({ page }) => {
    await signInAs(page, hosted.url + SEARCH, username);
    await expect(rows(page)).toHaveText([/acme gate/, /acme gate/]);
    await expect(page.getByText('You see only what your account reaches: acme.')).toBeVisible();
    await expect(page.getByRole('region', { name: 'Statistics' })).toContainText('2 in all');
    const places = page.getByRole('navigation', { name: 'Main' }).getByRole('link');
    await expect(places.first()).toHaveText('Events');
    await expect(places.filter({ hasText: 'Administration' })).toHaveCount(0);
    await rowOf(page, 'Open the acme gate').getByRole('button').click();
    await expect(detail(page)).toContainText('ada');
    await page.goto(`${hosted.url}/events/bravo-1?tenant=bravo`);
    await expect(page.getByRole('heading', { name: 'No such event' })).toBeVisible();
  });
}

test('whoever may not read events is told so, and asks for none', async ({ page }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  await signInAs(page, hosted.url + SEARCH, 'keeper');
  await expect(page.getByRole('heading', { name: 'Your account may not read events' })).toBeVisible();
  await page.goto(`${hosted.url}/events/acme-1?tenant=acme`);
  await expect(page.getByRole('heading', { name: 'Your account may not read events' })).toBeVisible();
  expect(asked.filter((path) => /^\/v1\/(events|stats|histogram|values|tail)/.test(path))).toEqual([]);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Administration' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Administration' })).toBeVisible();
});

test.describe('where everybody must have a second factor', () => {
  let strict: Server;
  test.beforeAll(async () => {
    strict = await Server.start({ settings: { second_factor: 'required' } });
    await strict.createTenant('acme');
    await strict.createUser('ada', PASSWORD);
    await strict.send([event('acme-1', 'acme', 'Open the acme gate', 'ada')]);
    await strict.waitForCount('application=gate', 1);
  });
  test.afterAll(async () => {
    await strict.stop();
  });

  test('it is set up before anything else, then the reader is where they wanted to be, and it stays on', async ({ page }) => {
    const asked: string[] = [];
    await page.goto(`${strict.url}/events/acme-1?tenant=acme`);
    await expect(page.getByLabel('Username')).toBeVisible();
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await enter(page, 'ada');
    await expect(page.getByRole('heading', { level: 1, name: 'Set up a second factor' })).toBeVisible();
    await expect(account(page)).toHaveCount(0);
    await setUpSecondFactor(page);
    expect(asked.filter((path) => !/^\/v1\/(sign-in|session|profile)|^\/_app\//.test(path))).toEqual([]);
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await expect(detail(page)).toContainText('Open the acme gate');

    await page.goto(`${strict.url}/profile`);
    const part = page.getByRole('region', { name: 'Second factor' });
    await part.getByRole('button', { name: 'Turn off' }).click();
    await part.getByLabel('Your password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await expect(part.getByText('It stays on, and cannot be turned off here: this installation asks everybody for a second factor.')).toBeVisible();
    await expect(part.getByRole('button', { name: 'Turn off' })).toHaveCount(0);
  });
});
