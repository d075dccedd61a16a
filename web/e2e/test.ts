// What every browser test has: a signed-in page on request, and a guard that fails it for any breach of the
// Content-Security-Policy and any uncaught error.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { test as base, expect, type Locator, type Page } from '@playwright/test';

function environment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: e2e/setup.ts did not run`);
  return value;
}

export const server = {
  get url(): string {
    return environment('E2E_URL');
  },
  get adminKey(): string {
    return environment('E2E_ADMIN_KEY');
  },
  /** May read, verify and see originals of everything. */
  get key(): string {
    return environment('E2E_KEY');
  },
  /** The same for the tenant acme only. */
  get acmeKey(): string {
    return environment('E2E_ACME_KEY');
  },
  /** May send only. */
  get senderKey(): string {
    return environment('E2E_SENDER_KEY');
  },
};

export const test = base.extend<{ guard: void; provokesBreach: boolean }>({
  /** For the one test that shows that the policy is in force. */
  provokesBreach: [false, { option: true }],
  guard: [
    async ({ page, provokesBreach }, use) => {
      const breaches: string[] = [];
      page.on('pageerror', (error) => breaches.push(`uncaught: ${error.message}`));
      page.on('console', (message) => {
        if (/Content.Security.Policy|Trusted ?Type/i.test(message.text())) breaches.push(message.text());
      });
      page.on('dialog', (dialog) => {
        breaches.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await use();
      if (provokesBreach) expect(breaches).not.toEqual([]);
      else expect(breaches).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens an address of the page (with the path prefix already in `url`) and signs in there with a key. */
export async function signIn(page: Page, path = '/', key = server.key, url = server.url): Promise<void> {
  await page.goto(url + path);
  // Where people have accounts, the key is the second choice.
  const instead = page.getByRole('button', { name: 'Sign in with an API key instead' });
  const field = page.getByLabel('API key');
  await expect(instead.or(field)).toBeVisible();
  if (await instead.isVisible()) await instead.click();
  await field.fill(key);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(account(page)).toBeVisible();
}

/** Opens every page of this test as somebody who chose so before: columns, density, view. Before the first visit. */
export async function preferring(page: Page, preferences: Record<string, unknown>): Promise<void> {
  await page.addInitScript((kept) => {
    // What the test itself chooses later stays.
    if (localStorage.getItem('indelible.preferences') === null) localStorage.setItem('indelible.preferences', kept);
  }, JSON.stringify(preferences));
}

/** The button of whoever is signed in. */
export function account(page: Page): Locator {
  return page.getByRole('button', { name: /^Account: / });
}

export async function signOut(page: Page): Promise<void> {
  await account(page).click();
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
}

/** The rows of events, without those of details. */
export function rows(page: Page): Locator {
  return page.locator('tr[data-row]');
}

/** The row of the event whose action it is. */
export function rowOf(page: Page, action: string): Locator {
  return rows(page).filter({ hasText: action });
}

export function detail(page: Page): Locator {
  return page.getByRole('article', { name: 'Event' });
}

export function proof(page: Page): Locator {
  return page.getByRole('complementary', { name: 'Proof' });
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResults {
  violations: { id: string; impact: string | null; nodes: { target: unknown[]; failureSummary?: string }[] }[];
}

/** Fails for any violation of WCAG 2.2 A and AA, or of axe's best practices. */
export async function expectAccessible(page: Page): Promise<void> {
  // Half-way through a transition colours are no colours of ours; one that was just caused begins with the next frame.
  await page.evaluate(async () => {
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null)));
  });
  await page.evaluate(axeSource);
  const results = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (context: Document) => Promise<AxeResults> } };
    return axe.run(document);
  });
  const told = results.violations.map(
    (violation) => `${violation.id}: ${violation.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary ?? ''}`).join('; ')}`,
  );
  expect(told).toEqual([]);
}
