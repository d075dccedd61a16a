// Measures the page in Chromium against a server with many events: `npm run measure -- --data DIR`.
//
// DIR is a data directory whose server is stopped, such as the one that `cargo xtask bench search` leaves in
// `target/bench-search/data`. What is measured, and how, stands above each part. Prints a table for docs/benchmarks.md.

import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { chromium } from '@playwright/test';

const root = resolve(import.meta.dirname, '../..');
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: resolve(root, 'target/bench-search/data') },
    binary: { type: 'string', default: resolve(root, 'target/release/indelible') },
    rounds: { type: 'string', default: '15' },
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '20' },
    // Some of them: first,interactions,live.
    parts: { type: 'string', default: 'first,interactions,live' },
    write: { type: 'string' },
  },
});
const ROUNDS = Number(options.rounds);
const KEY = 'measuring-the-page-0123456789abcdef';
const PASSWORD = 'seven green umbrellas at noon';
const RANGE = '/?since=ever&tz=UTC';

const figures = [];
const server = await start();
try {
  const user = await signUp();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--js-flags=--expose-gc'],
  });
  const total = (await call('GET', '/v1/stats')).total;
  note('events on the server', total.toLocaleString('en'));
  const parts = options.parts.split(',');
  if (parts.includes('first')) await firstLoad(browser, user);
  if (parts.includes('interactions')) await interactions(browser, user);
  if (parts.includes('live')) await live(browser, user);
  await browser.close();
} finally {
  server.kill('SIGTERM');
}
const table = `| | |\n|---|--:|\n${figures.map(([name, value]) => `| ${name} | ${value} |\n`).join('')}`;
process.stdout.write(table);
if (options.write !== undefined) {
  const page = readFileSync(options.write, 'utf8');
  const [begin, end] = ['<!-- bench viewer -->\n', '<!-- /bench viewer -->\n'];
  if (!page.includes(begin) || !page.includes(end)) throw new Error(`${options.write} has no place for the table`);
  const before = page.slice(0, page.indexOf(begin) + begin.length);
  writeFileSync(options.write, `${before}${table}${page.slice(page.indexOf(end))}`);
}

/** What a browser that was never here fetches until the events stand there, and how long that takes. */
async function firstLoad(browser, user) {
  const times = [];
  let sizes = { script: 0, style: 0, other: 0, api: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const context = await signedIn(browser, user);
    const page = await context.newPage();
    const client = await context.newCDPSession(page);
    await client.send('Network.enable');
    const kinds = new Map();
    const fetched = { script: 0, style: 0, other: 0, api: 0 };
    client.on('Network.responseReceived', ({ requestId, response, type }) => {
      const isApi = new URL(response.url).pathname.startsWith('/v1/');
      kinds.set(requestId, isApi ? 'api' : type === 'Script' ? 'script' : type === 'Stylesheet' ? 'style' : 'other');
    });
    client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      fetched[kinds.get(requestId) ?? 'other'] += encodedDataLength;
    });
    await page.goto(`${server.url}${RANGE}`);
    await page.locator('tbody tr').first().waitFor();
    times.push(await page.evaluate(() => performance.now()));
    await page.waitForLoadState('networkidle');
    sizes = fetched;
    await context.close();
  }
  const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
  note('first load: everything but events and figures, as sent', kilobytes(sizes.script + sizes.style + sizes.other));
  note('... of it scripts', kilobytes(sizes.script));
  note('... of it styles', kilobytes(sizes.style));
  note('time to the first rows, browser never here before', summary(times));
}

/** From an input to the next thing painted (Event Timing, as INP counts it), and until the answer stands there. */
async function interactions(browser, user) {
  const context = await signedIn(browser, user);
  const page = await context.newPage();
  await page.addInitScript(() => {
    window.painted = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.interactionId) window.painted.push(entry.duration);
    }).observe({ type: 'event', durationThreshold: 16, buffered: true });
  });
  const ways = [
    ['filter by Enter in the form', filterByEnter],
    ['filter by a value of the breakdown', filterByValue],
    ['next page', nextPage],
    ['expand an event', expand],
  ];
  for (const [name, act] of ways) {
    const painted = [];
    const answered = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await page.goto(`${server.url}${RANGE}`);
      await page.locator('tbody tr').first().waitFor();
      await page.waitForLoadState('networkidle');
      await page.evaluate(() => { window.painted.length = 0; });
      const began = Date.now();
      await act(page);
      answered.push(Date.now() - began);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 200))));
      // Faster than 16 ms is not told.
      painted.push(Math.max(16, ...(await page.evaluate(() => window.painted))));
    }
    note(`${name}: interaction to next paint`, summary(painted));
    note(`${name}: until the answer stands there`, summary(answered));
  }
  await context.close();
}

async function filterByEnter(page) {
  const words = page.getByRole('searchbox').first();
  await words.fill('failed');
  await page.evaluate(() => { window.painted.length = 0; });
  await words.press('Enter');
  await page.waitForURL(/q=failed/);
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
}

async function filterByValue(page) {
  const breakdown = page.getByRole('complementary', { name: 'Breakdown of these results' });
  if (!(await breakdown.isVisible())) await page.getByRole('button', { name: 'Breakdown' }).click();
  await breakdown.getByRole('region', { name: 'Outcome', exact: true }).getByRole('button', { name: /^What to do with/ }).first().click();
  const before = page.url();
  await page.evaluate(() => { window.painted.length = 0; });
  await page.getByRole('menuitem', { name: 'Filter for' }).click();
  await page.waitForURL((url) => url.href !== before);
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
}

async function nextPage(page) {
  await page.getByRole('button', { name: 'Next', exact: true }).first().click();
  await page.waitForURL(/after=/);
  await page.locator('[aria-busy="true"]').first().waitFor({ state: 'detached' });
}

async function expand(page) {
  await page.locator('tbody tr').first().click();
  await page.getByRole('button', { name: 'Copy Details' }).first().waitFor();
}

/** Live with events all the time: what the page's scripts hold, after everything that can be freed is. */
async function live(browser, user) {
  const tenant = 'measured-live';
  await call('POST', '/v1/tenants', { name: tenant, auditing: true });
  const context = await signedIn(browser, user);
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send('Performance.enable');
  await page.goto(`${server.url}/?tenant=${tenant}&since=ever&tz=UTC`);
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  const held = [];
  let sent = 0;
  const rate = Number(options.rate);
  const ends = Date.now() + Number(options.minutes) * 60_000;
  let nextLook = Date.now() + 60_000;
  while (Date.now() < ends) {
    const batch = Array.from({ length: rate }, () => ({
      id: `live-${(sent += 1)}`, tenant, action: `Tick ${sent % 40}`, actor: { username: `user${sent % 97}` },
      parameters: { Number: sent, Text: 'x'.repeat(200) },
    }));
    await call('POST', '/v1/events?events=false', batch);
    if (Date.now() >= nextLook) {
      nextLook += 60_000;
      await client.send('HeapProfiler.collectGarbage');
      const { metrics } = await client.send('Performance.getMetrics');
      const of = (name) => metrics.find((metric) => metric.name === name).value;
      held.push({ heap: of('JSHeapUsedSize') / 1e6, nodes: of('Nodes') });
    }
    await new Promise((done) => setTimeout(done, 1_000));
  }
  await context.close();
  const shown = ({ heap, nodes }) => `${heap.toFixed(1)} MB, ${nodes.toLocaleString('en')} nodes`;
  note(`live, ${rate} events/s: held after ${Math.min(5, held.length)} minutes`, shown(held[Math.min(4, held.length - 1)]));
  note(`... after ${held.length} minutes (${sent.toLocaleString('en')} events)`, shown(held.at(-1)));
}

function note(name, value) {
  figures.push([name, value]);
  process.stderr.write(`${name}: ${value}\n`);
}

function summary(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  return `${at(0.5)} ms (p95 ${at(0.95)})`;
}

async function signedIn(browser, user) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', timezoneId: 'UTC' });
  const answer = await context.request.post(`${server.url}/v1/sign-in`, { data: user });
  if (!answer.ok()) throw new Error(`signing in: ${answer.status()}`);
  return context;
}

async function signUp() {
  const username = `measuring-${Date.now()}`;
  const { id } = await call('POST', '/v1/users', { username, roles: [{ role: 'Administrator' }] });
  const { link } = await call('POST', `/v1/users/${id}/link`);
  await call('POST', '/v1/password', { link, password: PASSWORD });
  return { username, password: PASSWORD };
}

async function call(method, path, body) {
  const response = await fetch(server.url + path, {
    method,
    headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

async function start() {
  const child = spawn(options.binary, ['serve', '--data', options.data, '--listen', '127.0.0.1:0'], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, INDELIBLE_ADMIN_KEY: KEY },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8');
  child.url = await new Promise((ready, failed) => {
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const match = /indelible is ready at (http:\/\/\S+?)\/?\s/.exec(said);
      if (match) ready(match[1]);
    });
    child.once('exit', (code) => failed(new Error(`the server ended with ${code}:\n${said}`)));
    child.once('error', failed);
  });
  return child;
}
