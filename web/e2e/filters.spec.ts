// Filters: each row of the guide by role and label, the text, chips, pivots, the breakdown, links, Back, keyboard, axe.
//
// The server records who looked at what: where a test wants the events that were sent, it asks for `-indelible`.

import { type Locator, type Page } from '@playwright/test';

import { MANY } from './events';
import { expect, expectAccessible, rowOf, rows, server, signIn, test } from './test';

/** All that was sent to the tenant acme, whenever. */
const ACME = '/?q=-indelible&tenant=acme&since=ever&tz=UTC';

function params(page: Page): URLSearchParams {
  return new URL(page.url()).searchParams;
}

function search(page: Page): Locator {
  return page.getByRole('button', { name: 'Search', exact: true });
}

function chip(page: Page, name: string | RegExp): Locator {
  return page.getByRole('group', { name: 'Filters in force' }).getByRole('button', { name, exact: typeof name === 'string' });
}

function breakdown(page: Page, field: string): Locator {
  return page.getByRole('complementary', { name: 'Breakdown of these results' }).getByRole('region', { name: field, exact: true });
}

/** Chooses in an open list, and closes it. */
async function choose(page: Page, field: string, values: string[]): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`^${field}: `) }).click();
  const list = page.getByRole('dialog', { name: field });
  for (const value of values) await list.getByRole('checkbox', { name: value, exact: true }).check();
  await list.getByRole('button', { name: 'Done' }).click();
}

test('opens on the last 24 hours, and Clear returns to that', async ({ page }) => {
  const first = page.waitForRequest(/\/v1\/events\?/);
  await signIn(page);
  await expect(page.getByRole('button', { name: 'Date range: Last 24 Hours', exact: true })).toBeVisible();
  await expect(rows(page).first()).toBeVisible();
  const asked = new URL((await first).url()).searchParams;
  expect([...asked.keys()].sort()).toEqual(['limit', 'since']);
  expect(Math.abs(Date.now() - Date.parse(asked.get('since') ?? '') - 24 * 3_600_000)).toBeLessThan(5 * 60_000);
  expect(new URL(page.url()).search).toBe('');

  await page.getByRole('combobox', { name: 'Performed by user' }).fill('nobody-of-that-name');
  await page.getByRole('combobox', { name: 'Performed by user' }).press('Enter');
  await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
  expect(new URL(page.url()).search).toBe('?actor=nobody-of-that-name&since=-24h');
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expect(rows(page).first()).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Performed by user' })).toHaveValue('');
  expect(new URL(page.url()).search).toBe('');
});

test.describe('the form', () => {
  test('filters by several actions', async ({ page }) => {
    await signIn(page, ACME);
    await expect(rows(page).first()).toBeVisible();
    const before = page.url();
    await choose(page, 'Action', ['Login', 'Modify/Update']);
    await expect(page.getByRole('button', { name: 'Action: Login, Modify/Update' })).toBeFocused();
    expect(page.url()).toBe(before);
    await search(page).click();
    await expect(rows(page)).toHaveCount(2);
    expect(params(page).getAll('action_type')).toEqual(['login', 'update']);
  });

  test("has the guide's actions first, in its order", async ({ page }) => {
    await signIn(page);
    await page.getByRole('button', { name: /^Action: / }).click();
    const labels = page.getByRole('dialog', { name: 'Action' }).getByRole('checkbox');
    await expect(labels.first()).toBeVisible();
    const offered = await page.getByRole('dialog', { name: 'Action' }).locator('label').allInnerTexts();
    expect(offered.slice(0, 13)).toEqual([
      'Login',
      'Logout',
      'Add/Create',
      'Delete',
      'Modify/Update',
      'Export/Upload',
      'Import',
      'Load',
      'Activate',
      'Restart',
      'Validate',
      'Google Authenticator',
      'Security Warning',
    ]);
  });

  test('filters by objects of several categories, and tells how many more', async ({ page }) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: /^Objects: / }).click();
    const list = page.getByRole('dialog', { name: 'Objects' });
    for (const category of ['Authentication', 'Users & Domains', 'Communication', 'Configuration', 'System', 'Other']) {
      await expect(list.getByRole('group', { name: category })).toBeAttached();
    }
    await list.getByRole('checkbox', { name: 'Subscriber' }).check();
    await list.getByRole('searchbox').fill('record');
    await expect(list.getByRole('checkbox')).toHaveCount(1);
    await list.getByRole('checkbox', { name: 'Recording' }).check();
    await list.getByRole('searchbox').fill('');
    await list.getByRole('checkbox', { name: 'Dialing' }).check();
    await expect(page.getByRole('button', { name: 'Objects: Subscriber, Recording +1 more' })).toBeAttached();
    await list.getByRole('searchbox').press('Enter');
    await expect(rows(page)).toHaveCount(2);
    await expect(rowOf(page, 'Delete recording')).toBeVisible();
    await expect(rowOf(page, 'Update user')).toBeVisible();
    expect(params(page).getAll('object')).toEqual(['subscriber', 'recording', 'dialing']);
  });

  for (const [label, name, value, found] of [
    // Ids, usernames and aliases, whole and without case.
    ['Performed by user', 'actor', 'ADA', ['Login', 'Open gate']],
    ['Performed by user', 'actor', '1041', ['Login']],
    ['Performed by user', 'actor', 'ad', []],
    ['Performed by domain', 'actor_tenant', 'company.com', ['Login', 'Update user']],
    ['Performed by IP', 'ip', '203.0.113.9', ['Login']],
    ['Performed by IP', 'ip', '198.51.100.0/24', ['Update user']],
    ['Affected user', 'affected', '100', ['Update user']],
    ['Affected user', 'affected', 'User100', ['Update user']],
    ['Affected domain', 'affected_tenant', 'customer.com', ['Update user']],
    ['Tenant', 'tenant', 'umbrella', []],
  ] as const) {
    test(`filters by ${label}: ${value}`, async ({ page }) => {
      await signIn(page, name === 'tenant' ? ACME.replace('acme', 'pages') : ACME);
      const field = page.getByRole('combobox', { name: label, exact: true });
      await field.fill(value);
      await page.keyboard.press('Escape');
      await search(page).click();
      await expect.poll(() => params(page).getAll(name)).toEqual([value]);
      if (name === 'tenant') {
        await expect(rowOf(page, 'Open the hive')).toBeVisible();
      } else if (found.length === 0) {
        await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
      } else {
        await expect(rows(page)).toHaveCount(found.length);
        for (const action of found) await expect(rowOf(page, action).first()).toBeVisible();
      }
    });
  }

  test('completes affected domains', async ({ page }) => {
    await signIn(page, ACME);
    const field = page.getByRole('combobox', { name: 'Affected domain', exact: true });
    await field.pressSequentially('cust');
    const offers = page.getByRole('listbox', { name: 'Suggestions for Affected domain' });
    await expect(offers.getByRole('option')).toHaveText([/^customer\.com/]);
    await field.press('ArrowDown');
    await field.press('Enter');
    await expect(field).toHaveValue('customer.com');
    await field.press('Enter');
    await expect(rows(page)).toHaveCount(1);
    expect(params(page).getAll('affected_tenant')).toEqual(['customer.com']);
  });

  test('completes domains', async ({ page }) => {
    await signIn(page, ACME);
    const field = page.getByRole('combobox', { name: 'Performed by domain' });
    await field.pressSequentially('comp');
    const offers = page.getByRole('listbox', { name: 'Suggestions for Performed by domain' });
    await expect(offers.getByRole('option', { name: 'company.com 2 events' })).toBeVisible();
    await field.press('ArrowDown');
    await field.press('Enter');
    await expect(field).toHaveValue('company.com');
    await expect(offers).toBeHidden();
    await field.press('Enter');
    await expect(rows(page)).toHaveCount(2);
  });

  test('filters by outcome', async ({ page }) => {
    await signIn(page, ACME);
    await choose(page, 'Outcome', ['Failure', 'Denied']);
    await search(page).click();
    await expect(rows(page)).toHaveCount(2);
    expect(params(page).getAll('outcome')).toEqual(['failure', 'denied']);
  });

  for (const [label, token] of [
    ['Last 15 Minutes', '-15m'],
    ['Last Hour', '-1h'],
    ['Last 24 Hours', '-24h'],
    ['Today', 'today'],
    ['This Week', 'week'],
    ['Last 7 Days', '-7d'],
    ['Last 30 Days', '-30d'],
    ['This Month', 'month'],
    ['Last 3 Months', '-3mo'],
    ['Last 6 Months', '-6mo'],
    ['Last Year', '-1y'],
    ['All time', 'ever'],
  ] as const) {
    test(`has the range ${label}, at once`, async ({ page }) => {
      await signIn(page, '/?q=-indelible&since=-2d');
      await page.getByRole('button', { name: /^Date range: / }).click();
      await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name: label, exact: true }).click();
      await expect(page.getByRole('button', { name: `Date range: ${label}`, exact: true })).toBeVisible();
      await expect(chip(page, `Change Date range: ${label}`)).toBeVisible();
      expect(params(page).get('since')).toBe(token);
    });
  }
});

test.describe('the text', () => {
  test('is another view of the same query', async ({ page }) => {
    await signIn(page, ACME);
    await choose(page, 'Action', ['Login']);
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    const box = page.getByRole('searchbox', { name: 'Search as text' });
    await expect(box).toHaveValue('action_type:login tenant:acme -indelible since:ever');
    await box.fill('actor:admin1 -outcome:success tenant:acme since:ever');
    await box.press('Enter');
    await expect(rows(page)).toHaveCount(1);
    await expect(rowOf(page, 'Delete recording')).toBeVisible();
    expect(params(page).toString()).toBe('outcome=%21success&actor=admin1&tenant=acme&since=ever&tz=UTC');
    await page.getByRole('button', { name: 'Form', exact: true }).click();
    await expect(page.getByRole('combobox', { name: 'Performed by user' })).toHaveValue('admin1');
    await expect(page.getByText('Also in force: -outcome:success')).toBeVisible();
  });

  test('says where a mistake is, and stays the way it was left', async ({ page }) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    const box = page.getByRole('searchbox');
    await box.fill('actr:ada');
    await box.press('Enter');
    await expect(page.getByText('Position 1: There is no filter actr. Did you mean actor?')).toBeVisible();
    await expect(rows(page).first()).toBeVisible();
    expect(params(page).get('actr')).toBeNull();
    await page.reload();
    await expect(page.getByRole('searchbox', { name: 'Search as text' })).toHaveValue('tenant:acme -indelible since:ever');
  });
});

test.describe('chips', () => {
  test('show all that is in force; each is negated, changed and removed', async ({ page }) => {
    await signIn(page, '/?action_type=update&outcome=success&q=-indelible&tenant=acme&since=ever');
    await expect(rows(page)).toHaveCount(1);
    await page.getByRole('button', { name: 'Negate Action: Modify/Update' }).click();
    await expect(chip(page, 'Change Action: not Modify/Update')).toBeVisible();
    expect(params(page).get('action_type')).toBe('!update');
    await chip(page, 'Remove Action: not Modify/Update').click();
    await expect(chip(page, /^Change Action/)).toHaveCount(0);
    await chip(page, 'Change Outcome: Success').click();
    const form = page.getByRole('form', { name: 'Change Outcome: Success' });
    await form.getByRole('combobox', { name: 'Value' }).selectOption('Denied');
    await form.getByRole('button', { name: 'Apply' }).click();
    await expect(rows(page)).toHaveCount(1);
    await expect(rowOf(page, 'Delete recording')).toBeVisible();
    await expect(chip(page, 'Change Outcome: Denied')).toBeFocused();
    await page.goBack();
    await expect(chip(page, 'Change Outcome: Success')).toBeVisible();
  });

  test('by keyboard', async ({ page }) => {
    await signIn(page, '/?outcome=success&actor=admin1&q=-indelible&tenant=acme&since=ever');
    await chip(page, 'Change Outcome: Success').focus();
    await page.keyboard.press('ArrowRight');
    await expect(chip(page, 'Change Performed by user: admin1')).toBeFocused();
    await page.keyboard.press('-');
    await expect(chip(page, 'Change Performed by user: not admin1')).toBeFocused();
    await page.keyboard.press('Delete');
    await expect(page.getByText('Removed Performed by user: not admin1')).toBeVisible();
    await expect(chip(page, 'Change Tenant: acme')).toBeFocused();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog', { name: 'Date range' })).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(chip(page, 'Change Date range: All time')).toBeFocused();
    expect(params(page).get('outcome')).toBe('success');
  });
});

test.describe('the breakdown', () => {
  test('counts exactly under the filters, and every value pivots at once', async ({ page }) => {
    await signIn(page, '/?q=-indelible&tenant=pages&since=ever');
    await expect(rows(page)).toHaveCount(25);
    await page.getByRole('button', { name: 'Breakdown' }).click();
    const failures = MANY.filter((event) => event.outcome.result === 'failure').length;
    const value = breakdown(page, 'Outcome').getByRole('button', { name: `What to do with Failure: ${failures} events` });
    await expect(value).toBeVisible();
    await value.click();
    await page.getByRole('menuitem', { name: 'Filter for' }).click();
    await expect(rows(page)).toHaveCount(failures);
    expect(params(page).get('outcome')).toBe('failure');
    // The counts follow the filters.
    const ofUser = MANY.filter((event) => event.outcome.result === 'failure' && event.actor.username === 'user0').length;
    const user = breakdown(page, 'Performed by user').getByRole('button', { name: new RegExp(`user0: ${ofUser} event`) });
    await user.click();
    await page.getByRole('menuitem', { name: 'Filter out' }).click();
    await expect(rows(page)).toHaveCount(failures - ofUser);
    expect(params(page).get('actor')).toBe('!user0');
    await page.goBack();
    await expect(rows(page)).toHaveCount(failures);
  });

  test('says when a list is not whole', async ({ page }) => {
    await signIn(page, '/?q=-indelible&tenant=pages&since=ever');
    await page.getByRole('button', { name: 'Breakdown' }).click();
    const users = breakdown(page, 'Performed by user');
    await expect(users.getByText('6 of 7 values, those with most events')).toBeVisible();
    await users.getByRole('button', { name: /^Show more/ }).click();
    await expect(users.getByRole('button', { name: /user6/ })).toBeVisible();
    await expect(users.getByText(/values, those with most events/)).toHaveCount(0);
  });

  test('investigates a user by keyboard: the last year, by and against', async ({ page }) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: 'Breakdown' }).click();
    await breakdown(page, 'Performed by user').getByRole('button', { name: /billing/ }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menuitem', { name: 'Filter for' })).toBeFocused();
    await page.keyboard.press('i');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Investigate billing');
    await expect(page.getByRole('button', { name: 'Date range: Last Year', exact: true })).toBeVisible();
    expect(params(page).get('user')).toBe('billing');
  });
});

test.describe('nothing found', () => {
  test('corrects a misspelt domain', async ({ page }) => {
    await signIn(page, '/?affected_tenant=custmer.com&since=ever');
    await page.getByRole('button', { name: 'Search for customer.com instead of custmer.com' }).click();
    await expect(rowOf(page, 'Update user')).toBeVisible();
    expect(params(page).get('affected_tenant')).toBe('customer.com');
  });

  test('takes a kind of action for what it is', async ({ page }) => {
    await signIn(page, '/?action=Add/Create&tenant=pages&since=ever');
    await page.getByRole('button', { name: 'Search for Action: Add/Create instead' }).click();
    await expect(rows(page)).toHaveCount(MANY.filter((event) => event.action_type === 'create').length);
  });

  test('offers Last 30 Days, each filter to remove, and Clear', async ({ page }) => {
    await signIn(page, '/?tenant=acme&outcome=!success&since=2001-01-01T00:00:00Z&until=2002-01-01T00:00:00Z');
    await expect(page.getByRole('heading', { name: 'No events match' })).toBeVisible();
    await expect(page.getByText(/events? match(?:es)? outside the time range/)).toBeVisible();
    await page.getByRole('button', { name: 'Last 30 Days', exact: true }).click();
    await expect(rowOf(page, 'Sent without a time')).toBeVisible();
    expect(params(page).get('since')).toBe('-30d');
    await page.goBack();
    await page.locator('.empty').getByRole('button', { name: 'Remove Outcome: not Success' }).click();
    await expect(chip(page, /^Change Outcome/)).toHaveCount(0);
    expect(params(page).get('outcome')).toBeNull();
    await page.goto(`${server.url}/?q=nothing-like-it&since=ever`);
    await page.getByRole('button', { name: 'Clear all filters' }).click();
    await expect(rows(page).first()).toBeVisible();
    expect(new URL(page.url()).search).toBe('');
  });
});

test('a link is the whole query, Back and Forward undo and redo one step', async ({ page, browser }) => {
  await signIn(page, ACME);
  await choose(page, 'Action', ['Login', 'Delete']);
  await search(page).click();
  await expect(rows(page).first()).toContainText('Login');
  await page.getByRole('button', { name: 'Negate Action: Login' }).click();
  await expect(chip(page, 'Change Action: not Login')).toBeVisible();
  const link = page.url();
  await page.goBack();
  await expect(page.getByRole('button', { name: 'Action: Login, Delete' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('button', { name: 'Action: Any' })).toBeVisible();
  await page.goForward();
  await expect(page.getByRole('button', { name: 'Action: Login, Delete' })).toBeVisible();

  const context = await browser.newContext();
  const other = await context.newPage();
  await signIn(other, link.slice(server.url.length));
  await expect(chip(other, 'Change Action: not Login')).toBeVisible();
  await expect(chip(other, 'Change Action: Delete')).toBeVisible();
  await expect(rowOf(other, 'Delete recording')).toBeVisible();
  await expect(rowOf(other, 'Update user')).toHaveCount(0);
  await context.close();
});

test('what was typed but not searched for survives opening an event', async ({ page }) => {
  await signIn(page, ACME);
  await page.getByRole('combobox', { name: 'Affected user' }).fill('100');
  await rowOf(page, 'Update user').locator('.toggle').click();
  await expect(page.getByRole('article', { name: 'Event' })).toBeVisible();
  await expect(page.getByRole('combobox', { name: 'Affected user' })).toHaveValue('100');
});

test('what was typed but not searched for survives what applies at once', async ({ page }) => {
  await signIn(page, `${ACME}&outcome=success`);
  const user = page.getByRole('combobox', { name: 'Affected user' });
  await user.fill('100');
  await page.getByRole('button', { name: 'Remove Outcome: Success', exact: true }).first().click();
  await expect(chip(page, /^Change Outcome/)).toHaveCount(0);
  await expect(user).toHaveValue('100');
  await page.getByRole('button', { name: /^Date range/ }).click();
  await page.getByRole('dialog', { name: 'Date range' }).getByRole('button', { name: 'Last Year' }).click();
  await expect(chip(page, 'Change Date range: Last Year')).toBeVisible();
  // The range is a field of the form: it counts with all that stands beside it.
  await expect(chip(page, 'Change Affected user: 100')).toBeVisible();
  expect(params(page).get('since')).toBe('-1y');
});

test('earlier pages are there at once', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever&limit=10');
  const pager = page.getByRole('navigation', { name: 'Pages' });
  await expect(rows(page).first()).toContainText('Step 0');
  await pager.getByRole('button', { name: 'Next' }).click();
  await expect(rows(page).first()).toContainText('Step 10');
  await pager.getByRole('button', { name: 'Next' }).click();
  await expect(rows(page).first()).toContainText('Step 20');
  let asked = 0;
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.endsWith('/v1/events')) asked += 1;
  });
  await pager.getByRole('button', { name: 'Previous' }).click();
  await expect(rows(page).first()).toContainText('Step 10');
  await pager.getByRole('button', { name: 'Previous' }).click();
  await expect(pager).toContainText('Page 1');
  await expect(rows(page).first()).toContainText('Step 0');
  await pager.getByRole('button', { name: 'Next' }).click();
  await expect(rows(page).first()).toContainText('Step 10');
  expect(asked).toBe(0);
});

test('from the search box to a result without a mouse', async ({ page }) => {
  await signIn(page, ACME);
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox')).toBeFocused();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
  for (let presses = 0; presses < 12 && !(await focused()).startsWith('Action: '); presses += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const list = page.getByRole('dialog', { name: 'Action' });
  await expect(list).toBeVisible();
  await page.keyboard.type('modify');
  await page.keyboard.press('ArrowDown');
  await expect(list.getByRole('checkbox', { name: 'Modify/Update' })).toBeFocused();
  await page.keyboard.press('Space');
  await page.keyboard.press('Enter');
  await expect(list).toHaveCount(0);
  await expect(rows(page)).toHaveCount(1);
  await expect(rowOf(page, 'Update user')).toBeVisible();
});

const STATES: Record<string, (page: Page) => Promise<void>> = {
  'the form': async (page) => {
    await signIn(page, '/?action_type=update&severity=!low&tenant=acme&since=ever&q=-indelible');
    await expect(rows(page).first()).toBeVisible();
  },
  'the text with a mistake': async (page) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: 'Text', exact: true }).click();
    await page.getByRole('searchbox').fill('actr:ada');
    await page.getByRole('searchbox').press('Enter');
    await page.getByText('Names of filters').click();
    await expect(page.getByText('Position 1:')).toBeVisible();
  },
  'a chip that is changed': async (page) => {
    await signIn(page, ACME);
    await chip(page, 'Change Tenant: acme').click();
    await page.getByRole('textbox', { name: 'Value' }).fill('');
    await page.getByRole('button', { name: 'Apply' }).click();
    await expect(page.getByText("This can't be the value of Tenant.")).toBeVisible();
  },
  'the breakdown and a menu': async (page) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: 'Breakdown' }).click();
    await breakdown(page, 'Action').getByRole('button', { name: /Login/ }).click();
    await expect(page.getByRole('menu')).toBeVisible();
  },
  'a correction': async (page) => {
    await signIn(page, '/?affected_tenant=custmer.com&since=-1h');
    await expect(page.getByRole('button', { name: /instead of custmer.com/ })).toBeVisible();
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });
    for (const [name, show] of Object.entries(STATES)) {
      test(`${name} has no violation`, async ({ page }) => {
        await show(page);
        await expectAccessible(page);
      });
    }

    test('the objects and the suggestions have no violation', async ({ page }) => {
      await signIn(page, ACME);
      await page.getByRole('button', { name: /^Objects: / }).click();
      await expect(page.getByRole('dialog', { name: 'Objects' }).getByRole('checkbox').first()).toBeVisible();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.getByRole('combobox', { name: 'Performed by domain' }).pressSequentially('comp');
      await expect(page.getByRole('option', { name: /company\.com/ })).toBeVisible();
      await expectAccessible(page);
    });
  });
}

test.describe('at phone width', () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test('the form folds, opens on request, and folds again with the search', async ({ page }) => {
    await signIn(page, ACME);
    await expect(rows(page).first()).toBeVisible();
    await expect(page.getByRole('combobox', { name: 'Performed by user' })).toHaveCount(0);
    await expect(page.getByRole('button', { name: /^Date range/ })).toBeVisible();
    await page.getByRole('button', { name: 'Filters (1)' }).click();
    await page.getByRole('combobox', { name: 'Performed by user' }).fill('ada');
    await expectAccessible(page);
    await page.getByRole('combobox', { name: 'Performed by user' }).press('Enter');
    await expect(rows(page)).toHaveCount(2);
    await expect(page.getByRole('combobox', { name: 'Performed by user' })).toHaveCount(0);
    await expect(page.getByRole('button', { name: 'Filters (2)' })).toBeVisible();
  });

  for (const [name, show] of Object.entries(STATES)) {
    test(`${name} needs no sideways scrolling`, async ({ page }) => {
      await show(page);
      await expectAccessible(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    });
  }
});
