// One event: what it says, and whether it holds.

import { type APIRequestContext, type Page } from '@playwright/test';

import { verifyEvent } from '../src/verify/verify';
import { compareShown } from '../src/verify/shown';
import { parseJson } from '../src/lib/json';
import type { EventPage, ProofBundle } from '../src/api/types';

import { detail, expect, expectAccessible, preferring, proof, rowOf, rows, server, signIn, test } from './test';

test('expands into sentence, changes, fields, parameters and original', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  await rowOf(page, 'Update user').locator('.action .ellipsis').click();
  const article = detail(page);
  await expect(article.locator('.said')).toContainText('admin1');
  const row = (name: string) => article.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
  await expect(row('email').getByRole('cell')).toHaveText(['null', 'a@b.c']);
  await expect(row('phone').getByRole('cell')).toHaveText(['not set', 'empty text']);
  await expect(article.locator('time')).toHaveText('2026-11-20 10:10:00.000000 UTC');
  for (const text of ['2026-11-20 10:10:00.000000 UTC', 'admin1 (User)', 'company.com', 'customer.com', '198.51.100.7', 'Support', 'session-1']) {
    await expect(article).toContainText(text);
  }
  // More digits than JavaScript's numbers have.
  await expect(article.getByRole('button', { name: /Serial/ })).toContainText('12345678901234567890');
  await article.getByRole('button', { name: /Recording Id/ }).click();
  await expect(page.getByText('Copied Recording Id')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('c333d58a');
  await article.getByText('Show the original as sent').click();
  await expect(article.getByRole('region', { name: 'Original' })).toContainText('"Serial": 12345678901234567890');
  await article.getByRole('button', { name: 'Close' }).click();
  await expect(article).toHaveCount(0);
});

test('shows "-" in the table and "N/A" in the detail for what was not captured', async ({ page }) => {
  await preferring(page, { columns: ['time', 'action', 'by'] });
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  const nobody = rowOf(page, 'Something happened');
  await expect(nobody.locator('td.by')).toHaveText('-');
  await nobody.getByRole('button').click();
  await expect(detail(page).locator('dt:text-is("Performed by user") + dd')).toHaveText('N/A');
  await expect(rowOf(page, 'Nightly clean-up').locator('td.by')).toHaveText('System');
  await expect(page.locator('td.by').filter({ hasText: 'System' })).toHaveCount(1);
});

test('is verified in the browser, against a checkpoint with size and time', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  for (const action of ['Update user', 'Nightly clean-up', 'Sent without a time', 'Large event', 'txt.exe']) {
    await rowOf(page, action).getByRole('button').click();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await expect(proof(page).getByText('passed:')).toHaveCount(6);
    await expect(proof(page)).toContainText(/Size\s*[\d,]+ entries/);
    await expect(proof(page)).toContainText(/Time seen\s*20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
    await expect(proof(page)).toContainText('indelible/');
  }
});

test('imported records and CloudEvents are verified too', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=cloud');
  await page.locator('tr[data-row]').first().getByRole('button').click();
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
  await expect(proof(page)).toContainText('Id, times and number shown are those of the entry');
  await page.goto(`${server.url}/?open=cloud-event-1&in=acme&tenant=acme&q=gate`);
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
});

test('every event that the server shows here agrees with its original and its proof', async ({ request }) => {
  const headers = { Authorization: `Bearer ${server.key}` };
  const get = async (path: string, accept = '*/*') => {
    const response = await request.get(server.url + path, { headers: { ...headers, Accept: accept } });
    expect(response.ok(), path).toBe(true);
    return response;
  };
  let checked = 0;
  for (const query of ['tenant=acme&limit=100', 'tenant=pages&limit=20', 'tenant=cloud&limit=40']) {
    const answer = parseJson(await (await get(`/v1/events?${query}`)).text()) as unknown as EventPage;
    for (const event of answer.data) {
      const path = `/v1/events/${encodeURIComponent(event.id)}`;
      const tenant = `?tenant=${encodeURIComponent(event.tenant)}`;
      const bundle = (await (await get(`${path}/proof${tenant}`, 'application/json')).json()) as ProofBundle;
      const body = await (await get(`${path}/original${tenant}`)).body();
      const verdict = verifyEvent(bundle, new Uint8Array(body), [bundle.vkey]);
      expect(verdict.steps.filter((step) => !step.passed), event.id).toEqual([]);
      if (verdict.entry === null || verdict.envelope === null) throw new Error(`nothing was proven of ${event.id}`);
      expect(compareShown(event, verdict.entry, verdict.envelope, new Uint8Array(body)).differing, event.id).toEqual([]);
      checked += 1;
    }
  }
  expect(checked).toBeGreaterThan(60);
});

test('an original that was changed on the way is shown as failed', async ({ page }) => {
  await page.route('**/original*', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replace('a@b.c', 'e@v.il');
    await route.fulfill({ response, body });
  });
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Verification failed')).toBeVisible();
  await expect(proof(page)).toContainText('was changed after it was recorded');
  await expect(proof(page)).toContainText('Shown otherwise than recorded: changes');
});

test('fields that differ from the original are shown as failed', async ({ page }) => {
  await page.route('**/v1/events?*', async (route) => {
    const response = await route.fetch();
    const body = (await response.text()).replaceAll('"username":"admin1"', '"username":"eve"');
    await route.fulfill({ response, body });
  });
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Verification failed')).toBeVisible();
  await expect(proof(page)).toContainText('Shown otherwise than recorded: actor');
});

test('a forged checkpoint is shown as failed', async ({ page }) => {
  await page.route('**/proof*', async (route) => {
    const response = await route.fetch();
    const bundle = (await response.json()) as ProofBundle;
    // The size stands alone on a line between origin and root.
    bundle.proof = bundle.proof.replace(/\n(\d+)\n(?=[A-Za-z0-9+/]{43}=\n\n\u2014)/, (_, size: string) => `\n${Number(size) + 1}\n`);
    await route.fulfill({ response, json: bundle });
  });
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Verification failed')).toBeVisible();
  await expect(proof(page)).toContainText('The signature does not fit the checkpoint.');
});

test('a proof that cannot be had is not a failed one', async ({ page }) => {
  await page.route('**/proof*', (route) => route.abort());
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Not verified')).toBeVisible();
  await page.unroute('**/proof*');
  await proof(page).getByRole('button', { name: 'Check again' }).click();
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
});

test('another ledger at the same address is noticed', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme');
  await page.evaluate(() => {
    const at = '2026-01-02T03:04:05.000Z';
    localStorage.setItem('indelible.seen', JSON.stringify({ vkey: 'other', firstSeen: at, size: '1', root: `${'A'.repeat(43)}=`, seenAt: at }));
  });
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(proof(page).getByText('Other ledger')).toBeVisible();
  await expect(proof(page)).toContainText('2026-01-02');
});

test('hostile text is harmless and isolated', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'txt.exe').getByRole('button').click();
  const article = detail(page);
  await article.getByText('Show the original as sent').click();
  await expect(article.getByRole('region', { name: 'Original' })).toBeVisible();
  await expect(article).toContainText('<img src=x onerror=window.hacked=2>U+202Etxt.exe');
  await expect(article).toContainText('<script>window.hacked=4</script>');
  await expect(article.getByRole('button', { name: /name/ }).first()).toContainText('U+001B[31mred</script>');
  expect(await page.evaluate(() => (window as unknown as { hacked?: number }).hacked)).toBeUndefined();
  await expect(page.locator('article img, article script, article b, article i, article u')).toHaveCount(0);
  // Keys that look like numbers stay where the sender put them.
  const names = await article.locator('.tag .name').allInnerTexts();
  expect(names.indexOf('2')).toBeLessThan(names.indexOf('1'));
});

test('a megabyte does not freeze the page', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=acme');
  await rowOf(page, 'Large event').getByRole('button').click();
  const article = detail(page);
  await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
  await expect(article.getByRole('button', { name: /^parameter \d+/ })).toHaveCount(60);
  await article.getByRole('button', { name: 'Show all (250)' }).click();
  await expect(article.getByRole('button', { name: /^parameter \d+/ })).toHaveCount(250);
  await article.getByText('Show the original as sent').click();
  const original = article.getByRole('region', { name: 'Original' });
  await expect(original).toBeVisible();
  expect((await original.innerText()).length).toBeLessThan(40_000);
  const lag = await page.evaluate(
    () => new Promise<number>((resolve) => {
      const start = performance.now();
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start), 0));
    }),
  );
  expect(lag).toBeLessThan(500);
});


/** All that was sent to the tenant acme, whenever. */
const ACME = '/?q=-indelible&tenant=acme&since=ever&tz=UTC';

const clipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

/** Waits until so many events can be found. */
async function searchable(request: APIRequestContext, query: string, count: number): Promise<void> {
  await expect(async () => {
    const found = await request.get(`${server.url}/v1/events?${query}`, { headers: { Authorization: `Bearer ${server.key}` } });
    expect(((await found.json()) as { data: unknown[] }).data).toHaveLength(count);
  }).toPass();
}

/** Milliseconds until the page has answered to what it was given, drawing included. */
function lag(page: Page): Promise<number> {
  return page.evaluate(
    () => new Promise<number>((done) => {
      const start = performance.now();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
    }),
  );
}

test.describe('columns', () => {
  const heads = async (page: Page) => (await page.locator('thead th').allInnerTexts()).map((text) => text.trim()).slice(1);

  test('begin as the guide says, show who at one click, and stay chosen', async ({ page }) => {
    await signIn(page, ACME);
    await expect(rowOf(page, 'Update user')).toBeVisible();
    expect(await heads(page)).toEqual(['Timestamp', 'Action', 'Affected User', 'Affected Domain', 'Object']);
    await page.getByRole('button', { name: 'Show who' }).click();
    expect((await heads(page)).slice(5)).toEqual(['By User', 'By Domain', 'IP Address']);
    await expect(rowOf(page, 'Update user').locator('td.address')).toHaveText('198.51.100.7');
    await page.reload();
    await expect(rowOf(page, 'Update user')).toBeVisible();
    expect(await heads(page)).toHaveLength(8);
    await page.getByRole('button', { name: 'Show who', pressed: true }).click();
    expect(await heads(page)).toHaveLength(5);
  });

  test('are chosen one by one, all, or none', async ({ page }) => {
    await signIn(page, ACME);
    await page.getByRole('button', { name: 'Columns', exact: true }).click();
    await page.getByRole('checkbox', { name: 'Object' }).uncheck();
    expect(await heads(page)).toEqual(['Timestamp', 'Action', 'Affected User', 'Affected Domain']);
    await page.getByRole('button', { name: 'Select All' }).click();
    await expect(page.locator('thead th')).toHaveCount(14);
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Clear All' }).click();
    expect(await heads(page)).toEqual(['Summary']);
    await expect(rows(page).first()).toContainText('performed');
    await page.getByRole('radio', { name: 'Compact' }).check();
    const height = (await rows(page).first().boundingBox())?.height ?? 0;
    expect(height).toBeLessThan(32);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('button', { name: 'Columns', exact: true })).toBeFocused();
  });

  test('that do not fit scroll within the table, not the page', async ({ page }) => {
    await page.setViewportSize({ width: 900, height: 700 });
    await preferring(page, { columns: ['time', 'action', 'affected', 'affected_tenant', 'object', 'by', 'by_tenant', 'address', 'tenant'] });
    await signIn(page, ACME);
    await expect(rowOf(page, 'Update user')).toBeVisible();
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await expect(page.locator('.frame.scrolls')).toHaveCount(1);
  });
});

test('a value of the table is filtered by, with the mouse and with the keyboard', async ({ page }) => {
  await signIn(page, ACME);
  await rowOf(page, 'Update user').locator('td.affected_tenant').hover();
  await page.locator('.frame .pivot').getByRole('button').first().click();
  await page.getByRole('menuitem', { name: 'Only this' }).click();
  await expect(page).toHaveURL(/affected_tenant=customer\.com/);
  await expect(rows(page)).toHaveCount(1);

  await page.goto(server.url + ACME);
  await rowOf(page, 'Delete recording').getByRole('button').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('f');
  await page.getByRole('menuitem', { name: 'Filter for' }).press('Enter');
  await expect(page).toHaveURL(/outcome=denied/);
});

test('copies details, links, JSON and a command', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, '/?q=-indelible&tenant=acme&since=-20y&tz=UTC');
  await rowOf(page, 'Update user').getByRole('button').click();
  const article = detail(page);
  await article.getByRole('button', { name: 'Copy Details' }).click();
  await expect(page.getByText('Copied details')).toBeVisible();
  const details = (await clipboard(page)).split('\n');
  expect(details[0]).toContain('admin1');
  expect(details.slice(1, 4)).toEqual(['', 'Timestamp: 2026-11-20 10:10:00.000000 UTC', expect.stringContaining('2026-11-20T10:10:00Z')]);
  for (const line of ['Performed by user: admin1 (User)', 'Performed by domain: company.com', 'Affected user: user100', 'Affected domain: customer.com', 'Performed by IP address: 198.51.100.7', 'Object type: Subscriber']) {
    expect(details).toContain(line);
  }

  await article.getByRole('button', { name: 'Copy JSON' }).click();
  await expect(page.getByText('Copied JSON')).toBeVisible();
  expect(await clipboard(page)).toContain('"Serial": 12345678901234567890');

  await article.getByRole('button', { name: 'Copy as curl' }).click();
  await expect(page.getByText('Copied command')).toBeVisible();
  const command = await clipboard(page);
  expect(command).toContain(`'${server.url}/v1/events/acme-update?tenant=acme'`);
  expect(command).not.toContain(server.key);

  await article.getByRole('button', { name: 'Copy link to this view' }).click();
  await expect.poll(() => clipboard(page)).toContain('since=-20y');
  await article.getByRole('button', { name: 'Copy fixed link' }).click();
  await expect.poll(() => clipboard(page)).toMatch(/since=20\d\d-\d\d-\d\dT.*until=20\d\d-\d\d-\d\dT/);
  expect(await clipboard(page)).toContain('open=acme-update');
});

test('investigates the affected user or the performer, over the last year', async ({ page }) => {
  await signIn(page, ACME);
  await rowOf(page, 'Update user').getByRole('button').click();
  await expect(detail(page).getByRole('button', { name: /^Investigate User/ })).toHaveText([/user100/, /admin1/]);
  await detail(page).getByRole('button', { name: 'Investigate User user100' }).click();
  await expect(page).toHaveURL(/user=user100/);
});

test('goes from event to event, in the list and on pages of their own', async ({ page }) => {
  await signIn(page, '/?q=-indelible&tenant=pages&since=ever&limit=10');
  await rowOf(page, 'Step 0').getByRole('button').click();
  const article = detail(page);
  await expect(article.getByRole('button', { name: 'Previous event' })).toBeDisabled();
  await article.getByRole('button', { name: 'Next event' }).click();
  await expect(article.locator('.said')).toContainText('Step 1');
  await expect(article.getByRole('button', { name: 'Next event' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(article.locator('.said')).toContainText('Step 2');

  await article.getByRole('link', { name: 'Open page' }).click();
  await expect(page.getByText('3 of 10 loaded events')).toBeVisible();
  await article.getByRole('button', { name: 'Next event' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('pages-03');
  await expect(article.getByRole('button', { name: 'Next event' })).toBeFocused();
  // Past what was loaded.
  for (let at = 4; at <= 10; at += 1) {
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { level: 1 })).toContainText(`pages-${String(at).padStart(2, '0')}`);
    await expect(article.locator('.said')).toContainText(`Step ${at}`);
  }
  await expect(page.getByText('11 of 20 loaded events')).toBeVisible();
  await expect(article.getByRole('button', { name: 'Next event' })).toBeFocused();
  await page.getByRole('link', { name: 'Back to the result' }).click();
  await expect(rows(page)).toHaveCount(10);
  await page.goto(`${server.url}/events/pages-03?tenant=pages`);
  await expect(article).toBeVisible();
  await expect(article.getByRole('button', { name: 'Next event' })).toHaveCount(0);
  await expect(page.getByText('Opened by its link: there is no result around it')).toBeVisible();
});

test('lists what is related on demand', async ({ page, request }) => {
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: [1, 2].map((number) => ({
      id: `related-${number}`,
      tenant: 'umbrella',
      time: `2026-11-12T10:0${number}:00Z`,
      action: `Related step ${number}`,
      session_id: 'session-of-two',
      client: { ip: '198.51.100.99' },
    })),
  });
  expect([200, 201]).toContain(sent.status());
  await searchable(request, 'tenant=umbrella&session_id=session-of-two', 2);
  await signIn(page, '/?tenant=umbrella&q=related&since=ever&tz=UTC');
  await rowOf(page, 'Related step 2').getByRole('button').click();
  await detail(page).locator('summary', { hasText: 'Same session' }).click();
  await expect(detail(page).getByRole('link', { name: /Related step 1/ })).toBeVisible();
  await expectAccessible(page);
  await detail(page).getByRole('button', { name: /^Find all Same session/ }).click();
  await expect(page).toHaveURL(/session_id=session-of-two/);
  await expect(rows(page)).toHaveCount(2);
});

test('what looks like a secret is masked until it is asked for', async ({ page, request, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const sent = await request.post(`${server.url}/v1/events`, {
    headers: { Authorization: `Bearer ${server.adminKey}` },
    data: {
      id: 'umbrella-masked',
      tenant: 'umbrella',
      time: '2026-11-11T10:00:00Z',
      action: 'Reset credentials',
      parameters: { new_password: 'hunter2hunter2', Extension: '100' },
      changes: [{ field: 'voicemail pin', old: '1111', new: '2222' }],
      details: 'sent to https://ada:hunter2hunter2@mail.example.com/',
    },
  });
  expect([200, 201]).toContain(sent.status());
  await searchable(request, 'tenant=umbrella&id=umbrella-masked', 1);
  await signIn(page, '/events/umbrella-masked?tenant=umbrella');
  const article = detail(page);
  await expect(article).toContainText('Extension');
  await article.getByText('Show the original as sent').click();
  await expect(article.getByRole('region', { name: 'Original' })).toContainText('new_password');
  for (const secret of ['hunter2', '1111', '2222']) await expect(article).not.toContainText(secret);
  await article.getByRole('button', { name: 'Copy Details' }).click();
  await expect(page.getByText('Copied details')).toBeVisible();
  expect(await clipboard(page)).not.toContain('hunter2');
  await article.getByTitle('Show new_password').click();
  await expect(article.getByTitle('Copy new_password')).toContainText('hunter2hunter2');
});

test('cards show the same events, by mouse and by keyboard', async ({ page }) => {
  await signIn(page, ACME);
  await expect(rowOf(page, 'Update user')).toBeVisible();
  await page.getByRole('button', { name: 'Cards' }).click();
  const cards = page.getByRole('list', { name: 'Events, newest first' }).locator('> li');
  const card = cards.filter({ hasText: 'user100' }).first();
  await expect(card).toContainText('2026-11-20 10:10:00.000000 UTC');
  await expectAccessible(page);
  await card.click({ position: { x: 20, y: 60 } });
  await expect(detail(page)).toContainText('customer.com');
  await page.keyboard.press('Escape');
  await expect(detail(page)).toHaveCount(0);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(cards.nth(1).locator('button[data-row]')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(detail(page)).toBeVisible();
  await page.keyboard.press('t');
  await expect(page.getByRole('table', { name: 'Events, newest first' })).toBeVisible();
});

test('the command menu does what is typed', async ({ page }) => {
  await signIn(page, ACME);
  await expect(rows(page).first()).toBeVisible();
  await page.keyboard.press('Control+k');
  const box = page.getByRole('combobox', { name: 'Commands' });
  await expect(box).toBeFocused();
  await expectAccessible(page);
  await box.fill('refr');
  await expect(page.getByRole('dialog').getByRole('option').first()).toHaveAttribute('aria-selected', 'true');
  const asked = page.waitForRequest(/\/v1\/events\?/);
  await page.keyboard.press('Enter');
  await asked;
  await expect(box).toHaveCount(0);
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Escape');
  await expect(box).toHaveCount(0);
});

test('c copies the link to the event that has the focus', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, ACME);
  await rowOf(page, 'Delete recording').getByRole('button').focus();
  await page.keyboard.press('c');
  await expect(page.getByText('Copied link')).toBeVisible();
  expect(await clipboard(page)).toBe(`${server.url}/events/acme-delete?tenant=acme&tz=UTC`);
});

test('ten thousand parameters, endless text and endless control characters do not freeze the page', async ({ page }) => {
  await page.route('**/v1/events?*', async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as { data: Record<string, unknown>[] };
    const [event] = answer.data;
    if (event !== undefined) {
      event.parameters = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`parameter ${index}`, `value ${index}`]));
      event.summary = 'x'.repeat(1_000_000);
      event.details = '\u202E\u200B<b>'.repeat(200_000);
      event.changes = [{ field: '\u0000'.repeat(1_000_000), old: 'password='.repeat(100_000), new: 'eyJ'.repeat(300_000) }];
    }
    await route.fulfill({ response, json: answer });
  });
  await signIn(page, '/?q=-indelible&tenant=acme&since=ever&limit=10');
  await expect(rows(page).first()).toBeVisible();
  await rows(page).first().getByRole('button').click();
  await expect(detail(page).getByRole('button', { name: /^parameter \d+/ })).toHaveCount(60, { timeout: 20_000 });
  expect(await lag(page)).toBeLessThan(500);
  await detail(page).getByRole('button', { name: 'Show 500 more of 10,000' }).click();
  expect(await lag(page)).toBeLessThan(1500);
  await detail(page).getByRole('searchbox', { name: 'Find a parameter' }).fill('parameter 9999');
  await expect(detail(page).getByRole('button', { name: /^parameter \d+/ })).toHaveCount(1);
  await expect(page.locator('article b')).toHaveCount(0);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`detail and cards have no violation in ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await signIn(page, ACME);
    await rowOf(page, 'Update user').getByRole('button').click();
    await expect(proof(page).getByText('Verified', { exact: true })).toBeVisible();
    await detail(page).locator('summary', { hasText: 'Same session' }).click();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Cards' }).click();
    await expect(detail(page)).toBeVisible();
    await expectAccessible(page);
  });
}
