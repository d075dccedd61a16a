// What tests about people share: a server of their own, accounts, the authenticator app.

import { createHmac } from 'node:crypto';

import type { Page } from '@playwright/test';

import { account, expect } from './test';

export const PASSWORD = 'four grey herons';

/** Signs in on the page that asks for it. */
export async function enter(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Opens an address and signs in there. */
export async function signInAs(page: Page, address: string, username: string, password = PASSWORD): Promise<void> {
  await page.goto(address);
  await enter(page, username, password);
  await expect(account(page)).toBeVisible();
}

/** Fills in a password that is chosen. */
export async function choose(page: Page, password: string, again = password): Promise<void> {
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByLabel('New password again').fill(again);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code that an authenticator app shows, so many steps of 30 seconds from now (RFC 6238, SHA-1, six digits). */
export function totp(secret: string, steps = 0): string {
  const bits = [...secret.replace(/\s/g, '')].map((sign) => BASE32.indexOf(sign).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  const place = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(place) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Goes from the profile to a second factor in force; returns its secret and the recovery codes. */
export async function setUpSecondFactor(page: Page, password = PASSWORD): Promise<{ secret: string; codes: string[] }> {
  const part = page.getByRole('region', { name: 'Second factor' });
  await part.getByRole('button', { name: /^Set up/ }).click();
  const secret = await part.locator('code').innerText();
  await part.getByLabel('Code that the app shows now').fill(totp(secret));
  await part.getByLabel('Your password').fill(password);
  await part.getByRole('button', { name: 'Turn on' }).click();
  await expect(part.getByRole('listitem')).toHaveCount(10);
  return { secret, codes: await part.getByRole('listitem').allInnerTexts() };
}
