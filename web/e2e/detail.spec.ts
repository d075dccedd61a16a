// One event: what it says, and whether it holds.

import { verifyEvent } from '../src/verify/verify';
import { compareShown } from '../src/verify/shown';
import { parseJson } from '../src/lib/json';
import type { EventPage, ProofBundle } from '../src/api/types';

import { detail, expect, proof, rowOf, server, signIn, test } from './test';

test('expands into sentence, changes, fields, parameters and original', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  await rowOf(page, 'Update user').locator('.action .ellipsis').click();
  const article = detail(page);
  await expect(article.locator('.said')).toContainText('admin1');
  const row = (name: string) => article.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
  await expect(row('email').getByRole('cell')).toHaveText(['null', 'a@b.c']);
  await expect(row('phone').getByRole('cell')).toHaveText(['not set', 'empty text']);
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
  await signIn(page, '/?q=-indelible&tenant=acme&tz=UTC');
  const nobody = rowOf(page, 'Something happened');
  await expect(nobody.getByRole('cell').nth(3)).toHaveText('-');
  await nobody.getByRole('button').click();
  await expect(detail(page).locator('dt:text-is("Performed by") + dd')).toHaveText('N/A');
  await expect(rowOf(page, 'Nightly clean-up').getByRole('cell').nth(3)).toHaveText('System');
  await expect(page.getByText('System', { exact: true })).toHaveCount(1);
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

