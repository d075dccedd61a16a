// Parts that are loaded when they are needed, where they can't be had; and what can be done everywhere by name.

import { render, screen } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session } from '$api/types';
import { pageCommands } from '$lib/page-commands.svelte';
import { parts } from '$lib/parts.svelte';
import { preferences } from '$lib/preferences.svelte';
import { session } from '$lib/session.svelte';

import { ADMINISTRATOR } from '../test/administration';
import LazyTest from '../test/LazyTest.svelte';
import { updated, visited } from '../test/page.svelte';

import Commands from './Commands.svelte';
import HelpDialog from './HelpDialog.svelte';
import Icon from './Icon.svelte';

vi.mock('$app/state', () => import('../test/page.svelte'));
vi.mock('$app/navigation', () => import('../test/page.svelte'));

beforeEach(() => {
  updated.current = false;
  parts.retry = null;
  visited.length = 0;
  pageCommands.commands = [];
  pageCommands.shortcuts = [];
});

const broken = (): Promise<never> => Promise.reject(new TypeError('Failed to fetch dynamically imported module'));

describe('a part of the page', () => {
  it('that could not be loaded says so in its place, and can be tried again', async () => {
    const load = vi.fn<() => Promise<{ default: typeof Icon }>>(broken);
    render(LazyTest, { load });
    expect(await screen.findByRole('alert')).toHaveTextContent('This part of the page could not be loaded.');
    expect(screen.getByRole('button', { name: 'Reload the page' })).toBeVisible();
    load.mockResolvedValue({ default: Icon });
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(await screen.findByRole('status')).toBeVisible();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('of which the server has a new version asks for a reload only', async () => {
    updated.current = true;
    render(LazyTest, { load: broken });
    expect(await screen.findByRole('alert')).toHaveTextContent('There is a new version of this page');
    expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull();
    expect(screen.getByRole('button', { name: 'Reload the page' })).toBeVisible();
  });

  it('that a button asked for is loaded at the next attempt', async () => {
    const again = vi.fn();
    expect(await parts.load(broken, again)).toBeNull();
    parts.retry?.();
    expect(again).toHaveBeenCalledOnce();
    expect(await parts.load(() => Promise.resolve('part'), again)).toBe('part');
    expect(parts.retry).toBeNull();
  });
});

describe('the commands', () => {
  function show(who: Session) {
    session.who = who;
    const [onhelp, onsignout] = [vi.fn(), vi.fn()];
    render(Commands, { open: true, onhelp, onsignout });
    const labels = screen.getAllByRole('option', { hidden: true }).map((option) => option.querySelector('.label')?.textContent);
    return { onhelp, onsignout, labels };
  }

  it('begin with those of the page, and lead everywhere that the reader may go', async () => {
    const run = vi.fn();
    pageCommands.commands = [{ id: 'refresh', label: 'Refresh', group: 'Events', run }];
    const { labels, onsignout } = show(ADMINISTRATOR);
    expect(labels).toEqual([
      'Refresh', 'Events', 'Investigate', 'Views', 'Export History', 'Reports', 'Schedules', 'Administration', 'Audit Trail', 'Tenants', 'Users', 'Roles', 'API keys', 'Sign-in providers', 'Settings',
      'Profile', 'Theme: automatic', 'Theme: light', 'Theme: dark', 'Keyboard shortcuts', 'Sign out',
    ]);
    const box = screen.getByRole('combobox', { name: 'Commands', hidden: true });
    await userEvent.type(box, 'investig{Enter}');
    await vi.waitFor(() => expect(visited).toEqual(['/investigate']));
    expect(onsignout).not.toHaveBeenCalled();
  });

  it('leave out what is not for the reader, and change the theme', async () => {
    const { labels } = show({ ...ADMINISTRATOR, permissions: ['users.manage'], complete_user_management: false });
    expect(labels).not.toContain('Events');
    expect(labels).not.toContain('Roles');
    expect(labels).toContain('Users');
    await userEvent.type(screen.getByRole('combobox', { name: 'Commands', hidden: true }), 'dark{Enter}');
    await vi.waitFor(() => expect(preferences.theme).toBe('dark'));
    preferences.theme = 'auto';
  });
});

describe('the shortcuts', () => {
  it('are those that work on the page at hand', () => {
    pageCommands.shortcuts = ['refresh', 'link'];
    render(HelpDialog, { open: true });
    const told = [...document.querySelectorAll('dd')].map((line) => line.textContent);
    expect(told).toEqual(['All commands', 'Copy the link to the event', 'Refresh', 'This list']);
  });
});
