// Views: the menu over the events, their page, short links, and what the page opens with.

import { configure, render, screen, waitFor, within } from '@testing-library/svelte';
import type { Component } from 'svelte';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Credential } from '$api/client';
import { announcer } from '$lib/announce.svelte';
import { DEFAULT_COLUMNS } from '$lib/columns';
import { preferences } from '$lib/preferences.svelte';
import { session } from '$lib/session.svelte';

import EventsPage from '../../routes/+page.svelte';
import SlugPage from '../../routes/s/[slug]/+page.svelte';
import ViewsPage from '../../routes/views/+page.svelte';
import { ADMINISTRATOR } from '../../test/administration';
import Harness from '../../test/Harness.svelte';
import { READER, TestJobs, aView } from '../../test/jobs';
import { freshServer, mouse, type Opened } from '../../test/open';
import { at, page, visited } from '../../test/page.svelte';
import ViewsButton from '../ViewsButton.svelte';

vi.mock('$app/state', () => import('../../test/page.svelte'));
vi.mock('$app/navigation', () => import('../../test/page.svelte'));
configure({ asyncUtilTimeout: 10_000 });

let opened: Opened;
let jobs: TestJobs;
beforeEach(() => {
  opened = freshServer();
  jobs = TestJobs.of(opened.server);
  session.who = READER;
  session.credential = { kind: 'session', csrf: 'csrf' };
  session.phase = 'in';
  Object.assign(preferences, { zone: 'UTC', view: 'table', columns: DEFAULT_COLUMNS });
});

function show(component: unknown, route: string, address: string, props: Record<string, unknown> = {}, params: Record<string, string> = {}): void {
  at(route, address, params);
  // Events are answered to keys only, changes to sessions.
  const credential = () => (component === EventsPage ? { kind: 'key', key: 'secret' } : { kind: 'session', csrf: 'csrf' });
  render(Harness, { props: { server: opened.server, component: component as Component<Record<string, unknown>>, props, credential: credential as () => Credential } });
}

const button = (name: string | RegExp): HTMLElement => screen.getByRole('button', { name });
const asked = (path: string): URLSearchParams[] =>
  opened.server.requests.filter(({ url }) => url.pathname === path).map(({ url }) => url.searchParams);

describe('the menu', () => {
  const menu = (search = 'action_type=delete&since=-7d') => show(ViewsButton, '/', `/?${search}`, { search: () => search });

  it('has mine and those of others, tells which is open, and opens another', async () => {
    jobs.views = [aView('1'), aView('2', { query: 'since=ever', columns: ['time'] }), aView('3', { mine: false, owner: { type: 'user', id: 'u-2', name: 'bob' } })];
    menu();
    await mouse.click(button('Views'));
    const mine = within(await screen.findByRole('region', { name: 'My views' }));
    expect(mine.getByRole('button', { name: 'View 1' })).toHaveAttribute('aria-current', 'true');
    expect(within(screen.getByRole('region', { name: 'Shared with me' })).getByRole('button', { name: /^View 3\s*bob$/ })).toBeVisible();
    await mouse.click(mine.getByRole('button', { name: 'View 2' }));
    expect(visited).toEqual(['/?since=ever&columns=time']);
  });

  it('saves what is in sight, without the page of a result', async () => {
    menu('action_type=delete&since=-7d&columns=time,by');
    await mouse.click(button('Views'));
    await mouse.click(await screen.findByRole('button', { name: 'Save this view' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Save this view' }));
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    expect(dialog.getByText('Give it a name.')).toBeVisible();
    await mouse.type(dialog.getByLabelText('Name'), 'Deletions');
    await mouse.selectOptions(dialog.getByLabelText('Shared with'), 'tenant');
    expect(dialog.queryByRole('option', { name: 'Everybody' })).toBeNull();
    await mouse.type(dialog.getByLabelText('A tenant'), 'acme');
    await mouse.click(dialog.getByLabelText('Open the events with this view'));
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(jobs.changes).toEqual([
      {
        what: 'POST /v1/views',
        body: { name: 'Deletions', query: 'action_type=delete&since=-7d', columns: ['time', 'by'], shared_with: { kind: 'tenant', name: 'acme' } },
      },
      { what: 'PUT /v1/views/1/default', body: null },
    ]);
  });

  it('makes one what the page opens with, and takes that back', async () => {
    jobs.views = [aView('1')];
    menu();
    await mouse.click(button('Views'));
    await mouse.click(await screen.findByRole('button', { name: 'Default: open the events with View 1', pressed: false }));
    expect(await screen.findByRole('button', { name: 'Default: open the events with View 1', pressed: true })).toBeVisible();
    await mouse.click(button('Default: open the events with View 1'));
    await waitFor(() => expect(jobs.changes.map(({ what }) => what)).toEqual(['PUT /v1/views/1/default', 'DELETE /v1/views/1/default']));
  });

  it('makes a short link of what is in sight', async () => {
    menu();
    await mouse.click(button('Views'));
    await mouse.click(await screen.findByRole('button', { name: 'Copy short link' }));
    await waitFor(() => expect(jobs.changes).toEqual([{ what: 'POST /v1/links', body: { query: 'action_type=delete&since=-7d' } }]));
  });
});

describe('the events page', () => {
  it('opens with the default view where its address says nothing', async () => {
    jobs.views = [aView('1'), aView('2', { default: true, query: 'q=Nightly&since=ever', columns: ['time', 'action'] })];
    show(EventsPage, '/', '/');
    await waitFor(() => expect(page.url.search).toBe('?q=Nightly&since=ever&columns=time,action'));
    await waitFor(() => expect(document.querySelectorAll('tr[data-row]')).toHaveLength(1));
    expect(asked('/v1/events').map((params) => params.get('q'))).toEqual(['Nightly']);
  });

  it('shows what an address says, whatever the default', async () => {
    jobs.views = [aView('2', { default: true, query: 'q=Nightly&since=ever' })];
    show(EventsPage, '/', '/?q=Update&since=ever');
    await waitFor(() => expect(asked('/v1/events').map((params) => params.get('q'))).toEqual(['Update']));
    expect(visited).toEqual([]);
  });

  it('shows the last day where there is no default, or it can not be had', async () => {
    show(EventsPage, '/', '/');
    await waitFor(() => expect(asked('/v1/events')).toHaveLength(1));
    expect(visited).toEqual([]);
  });
});

describe('the page of views', () => {
  it('renames, shares and deletes mine; others’ are only opened', async () => {
    session.who = ADMINISTRATOR;
    jobs.views = [aView('1'), aView('2', { mine: false, shared_with: { kind: 'everybody' } })];
    show(ViewsPage, '/views', '/views');
    expect(await screen.findByText('2 views')).toBeVisible();
    expect(screen.getByRole('link', { name: 'View 1' })).toHaveAttribute('href', '/?action_type=delete&since=-7d');
    expect(screen.queryByRole('button', { name: 'Change View 2' })).toBeNull();
    await mouse.click(button('Change View 1'));
    const dialog = within(await screen.findByRole('dialog', { name: 'Change View 1' }));
    await mouse.clear(dialog.getByLabelText('Name'));
    await mouse.type(dialog.getByLabelText('Name'), 'Other');
    await mouse.selectOptions(dialog.getByLabelText('Shared with'), 'role');
    await mouse.selectOptions(await dialog.findByLabelText('A role'), await dialog.findByRole('option', { name: 'Reporter' }));
    await mouse.click(dialog.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(announcer.message).toBe('Saved Other'));
    expect(jobs.changes).toEqual([{ what: 'PATCH /v1/views/1', body: { name: 'Other', shared_with: { kind: 'role', id: 'r-6' } } }]);
    await mouse.click(button('Delete Other'));
    await mouse.click(within(await screen.findByRole('alertdialog', { name: 'Delete Other?' })).getByRole('button', { name: 'Delete' }));
    expect(await screen.findByText('1 view')).toBeVisible();
  });
});

describe('a short address', () => {
  const slug = (name: string): void => show(SlugPage, '/s/[slug]', `/s/${name}`, {}, { slug: name });

  it('leads to what a link stores', async () => {
    jobs.links.set('abc', 'action_type=delete&since=-7d&after=cursor&open=1');
    slug('abc');
    await waitFor(() => expect(visited).toEqual(['/?action_type=delete&since=-7d']));
  });

  it('leads to a view', async () => {
    jobs.views = [aView('1', { columns: ['time'] })];
    slug('slug1');
    await waitFor(() => expect(visited).toEqual(['/?action_type=delete&since=-7d&columns=time']));
  });

  it('says so where there is neither', async () => {
    slug('gone');
    expect(await screen.findByRole('heading', { name: 'No such link' })).toBeVisible();
    expect(visited).toEqual([]);
  });
});
