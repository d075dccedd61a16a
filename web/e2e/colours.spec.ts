// NSV6: the colour of each action type and outcome, by the page's tokens; never without a text and an icon.

import { type Locator, type Page } from '@playwright/test';

import { expect, expectAccessible, rowOf, rows, signIn, test } from './test';

/** As docs/events.md has them. */
const ACTIONS: [type: string, label: string, colour: string][] = [
  ['login', 'Login', 'blue'],
  ['import', 'Import', 'blue'],
  ['validate', 'Validate', 'blue'],
  ['create', 'Add/Create', 'green'],
  ['activate', 'Activate', 'green'],
  ['update', 'Modify/Update', 'orange'],
  ['delete', 'Delete', 'red'],
  ['logout', 'Logout', 'purple'],
  ['export', 'Export/Upload', 'purple'],
  ['load', 'Load', 'grey'],
  ['deactivate', 'Deactivate', 'grey'],
  ['restart', 'Restart', 'grey'],
  ['mfa', 'Google Authenticator', 'grey'],
  ['security_warning', 'Security Warning', 'grey'],
  ['view', 'View', 'grey'],
  ['download', 'Download', 'grey'],
  ['send', 'Send', 'grey'],
  ['execute', 'Execute', 'grey'],
  ['other', 'Other', 'grey'],
];
const OUTCOMES: [result: string, label: string, colour: string][] = [
  ['success', 'Success', 'green'],
  ['failure', 'Failure', 'red'],
  ['denied', 'Denied', 'red'],
  ['challenge', 'Challenge', 'orange'],
  ['unknown', 'Unknown', 'grey'],
];
const LOGINS: [name: string, outcome: Record<string, string>, colour: string][] = [
  ['Sign-in with a bad password', { result: 'failure', reason: 'Wrong password' }, 'red'],
  ['Sign-in refused for its password', { result: 'denied', code: 'BadPassword' }, 'red'],
  ['Sign-in of an unknown user', { result: 'failure', reason: 'Unknown user' }, 'blue'],
  ['Sign-in from a bad address', { result: 'denied', reason: 'Address not allowed' }, 'blue'],
];

function event(id: string, action: string, fields: Record<string, unknown>): Record<string, unknown> {
  const time = '2026-11-20T10:00:00.000000Z';
  return { id, tenant: 'acme', tenant_seq: 1, received_at: time, time, time_source: 'event', action, ...fields };
}

/** One of each kind; what colours they have the page asks the server. */
const EVENTS = [
  ...ACTIONS.map(([type]) => event(`a-${type}`, `Kind ${type}.`, { action_type: type })),
  ...OUTCOMES.map(([result]) => event(`o-${result}`, `Ended ${result}.`, { action_type: 'view', outcome: { result } })),
  ...LOGINS.map(([name, outcome], at) => event(`l-${at}`, name, { action_type: 'login', outcome })),
];

async function showAll(page: Page): Promise<void> {
  await page.route('**/v1/events?*', (route) => route.fulfill({ json: { data: EVENTS, complete_through: '2026-11-20T11:00:00Z' } }));
  await signIn(page, '/?since=ever&limit=50&tz=UTC');
  await expect(rows(page)).toHaveCount(EVENTS.length);
}

/** What is drawn, beside what the tokens of a colour are in this theme. */
async function expectBadge(badge: Locator, label: string, colour: string): Promise<void> {
  await expect(badge).toHaveText(label);
  await expect(badge.locator('svg')).toHaveCount(1);
  const { drawn, wanted } = await badge.locator('> *').evaluate((node, name) => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.color = `var(--${name}-fg)`;
    probe.style.backgroundColor = `var(--${name}-bg)`;
    const of = (element: Element): string[] => {
      const { color, backgroundColor } = getComputedStyle(element);
      return [color, backgroundColor];
    };
    const result = { drawn: of(node), wanted: of(probe) };
    probe.remove();
    return result;
  }, colour);
  expect(drawn, `${label} is ${colour}`).toEqual(wanted);
}

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(`in ${colorScheme}`, () => {
    test.use({ colorScheme });

    test('every action type and outcome has its colour, its text and its icon', async ({ page }) => {
      await showAll(page);
      for (const [type, label, colour] of ACTIONS) {
        await expectBadge(rowOf(page, `Kind ${type}.`).locator('[data-pivot="action_type"]'), label, colour);
      }
      for (const [result, label, colour] of OUTCOMES) {
        await expectBadge(rowOf(page, `Ended ${result}.`).locator('[data-pivot="outcome"]'), label, colour);
      }
      await expectAccessible(page);
    });

    test('a sign-in is red for a bad password only, and every failure has a badge of its own', async ({ page }) => {
      await showAll(page);
      for (const [name, { result }, colour] of LOGINS) {
        await expectBadge(rowOf(page, name).locator('[data-pivot="action_type"]'), 'Login', colour);
        await expectBadge(rowOf(page, name).locator('[data-pivot="outcome"]'), result === 'failure' ? 'Failure' : 'Denied', 'red');
      }
    });
  });
}

test('what is related has its outcome too', async ({ page }) => {
  await page.route('**/v1/events?*session_id=*', (route) =>
    route.fulfill({ json: { data: [EVENTS.find(({ id }) => id === 'o-denied')], complete_through: '2026-11-20T11:00:00Z' } }),
  );
  await signIn(page, '/events/acme-update?tenant=acme');
  await page.locator('summary', { hasText: 'Same session' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: 'Ended denied.' })).toContainText('Denied');
});
