// Filters as a reader meets them: the form and the text, chips, pivots, values, and what helps where nothing is found.

import { render, screen, waitFor, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { tick, type Component } from 'svelte';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { announcer } from '$lib/announce.svelte';
import { remembered } from '$lib/remembered.svelte';
import { DEFAULT_FILTERS, NO_FILTERS, type Condition, type Filters } from '$lib/url';

import Harness from '../test/Harness.svelte';
import { TestServer, problem } from '../test/server';

import Chips from './Chips.svelte';
import EmptyState from './EmptyState.svelte';
import Facets from './Facets.svelte';
import FilterBar from './FilterBar.svelte';
import PivotMenu from './PivotMenu.svelte';

let server = new TestServer();
beforeEach(() => {
  server = new TestServer();
  localStorage.clear();
  remembered.text = false;
});

// What is loaded on first use is compiled on first use here, which takes longer than a test waits.
beforeAll(() => Promise.all([import('./TimeRangePanel.svelte'), import('./ChoicePanel.svelte')]), 60_000);

function renderWithServer(component: unknown, props: Record<string, unknown>) {
  return render(Harness, { props: { server, component: component as Component<Record<string, unknown>>, props } });
}

/** Puts text in a field at once, and keys after it one by one. */
async function fill(field: HTMLElement, text: string, keys = ''): Promise<void> {
  await userEvent.clear(field);
  await userEvent.paste(text);
  if (keys !== '') await userEvent.keyboard(keys);
}

const is = (name: string, value: string): Condition => ({ name, value, not: false });
const not = (name: string, value: string): Condition => ({ name, value, not: true });
const having = (...conditions: Condition[]): Filters => ({ ...DEFAULT_FILTERS, conditions });

describe('the form', () => {
  function show(filters: Filters = DEFAULT_FILTERS) {
    const onsearch = vi.fn();
    renderWithServer(FilterBar, { filters, zone: 'Europe/Paris', tenants: ['acme', 'umbrella'], onsearch });
    return onsearch;
  }

  it('waits for Search or Enter', async () => {
    const onsearch = show();
    await fill(screen.getByRole('searchbox', { name: 'Search' }), 'call queue');
    await fill(screen.getByRole('combobox', { name: 'Performed by user' }), ' 1041, admin');
    await fill(screen.getByRole('combobox', { name: 'Tenant' }), ' acme ');
    expect(onsearch).not.toHaveBeenCalled();
    const button = screen.getByRole('button', { name: 'Search' });
    expect(button).toHaveAttribute('title', 'Changed. Press Search or Enter to apply.');
    await userEvent.click(button);
    const wanted = { ...having(is('actor', '1041'), is('actor', 'admin'), is('tenant', 'acme')), q: 'call queue' };
    expect(onsearch).toHaveBeenLastCalledWith(wanted);
    await fill(screen.getByRole('combobox', { name: 'Performed by IP' }), '10.0.0.0/8', '{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith({ ...wanted, conditions: [...wanted.conditions.slice(0, 2), is('ip', '10.0.0.0/8'), is('tenant', 'acme')] });
  });

  it.each([
    ['Performed by user', 'actor'],
    ['Performed by domain', 'actor_tenant'],
    ['Performed by IP', 'ip'],
    ['Affected user', 'affected'],
    ['Affected domain', 'affected_tenant'],
    ['Tenant', 'tenant'],
  ])('has a field %s', async (label, name) => {
    const onsearch = show();
    await fill(screen.getByRole('combobox', { name: label }), 'value', '{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith(having(is(name, 'value')));
  });

  it('shows what is in force, and keeps what it has no field for', async () => {
    const onsearch = show({ ...having(is('action_type', 'login'), not('outcome', 'success'), is('severity', 'high'), is('affected', 'a,b')), q: 'x' });
    expect(screen.getByRole('searchbox')).toHaveValue('x');
    expect(screen.getByRole('button', { name: 'Action: Login' })).toBeVisible();
    expect(screen.getByRole('combobox', { name: 'Affected user' })).toHaveValue('"a,b"');
    expect(screen.getByText('-outcome:success severity:high')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Search' }));
    expect(onsearch).toHaveBeenLastCalledWith({
      ...having(is('action_type', 'login'), not('outcome', 'success'), is('severity', 'high'), is('affected', 'a,b')),
      q: 'x',
    });
  });

  // jsdom lays nothing out, so popovers believe that they are out of sight: no roles in them here.
  it("offers the actions of the catalogue, the guide's first", async () => {
    const onsearch = show();
    await userEvent.click(screen.getByRole('button', { name: 'Action: Any' }));
    await screen.findByLabelText('Teleport');
    const offered = [...document.querySelectorAll('.choice-panel label')].map((label) => label.textContent?.trim());
    expect(offered).toEqual(['Login', 'Add/Create', 'Delete', 'Modify/Update', 'Deactivate', 'Teleport']);
    await userEvent.click(screen.getByLabelText('Login'));
    await userEvent.click(screen.getByLabelText('Delete'));
    await userEvent.click(screen.getByLabelText('Add/Create'));
    expect(onsearch).not.toHaveBeenCalled();
    expect(screen.getByLabelText('Action: Login, Delete +1 more')).toBeInTheDocument();
    await userEvent.click(screen.getByLabelText('Login'));
    screen.getByLabelText('Delete').focus();
    await userEvent.keyboard('{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith(having(is('action_type', 'delete'), is('action_type', 'create')));
  });

  it('offers objects by category, and finds them by their other names', async () => {
    const onsearch = show(having(is('object', 'Phone Number'), is('object', 'gadget')));
    await userEvent.click(await screen.findByRole('button', { name: 'Objects: Phone Number, gadget' }));
    expect(await screen.findByText('Users & Domains')).toBeInTheDocument();
    expect(screen.getByLabelText('Phone Number')).toBeChecked();
    expect(screen.getByLabelText('gadget')).toBeChecked();
    await fill(screen.getByLabelText('Find in Objects'), 'user');
    expect(screen.queryByLabelText('Phone Number')).toBeNull();
    await userEvent.click(screen.getByLabelText('Subscriber'));
    await userEvent.clear(screen.getByLabelText('Find in Objects'));
    await userEvent.click(screen.getByLabelText('gadget'));
    await userEvent.type(screen.getByLabelText('Find in Objects'), '{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith(having(is('object', 'Phone Number'), is('object', 'subscriber')));
  });

  it('completes domains from the tenants within reach and from what events have', async () => {
    const onsearch = show();
    const field = screen.getByRole('combobox', { name: 'Affected domain' });
    await fill(field, 'cu');
    const option = await screen.findByRole('option', { name: /customer\.com 1 event/ });
    expect(field).toHaveAttribute('aria-expanded', 'true');
    await userEvent.keyboard('{ArrowDown}');
    expect(field).toHaveAttribute('aria-activedescendant', option.id);
    await userEvent.keyboard('{Enter}');
    expect(onsearch).not.toHaveBeenCalled();
    expect(field).toHaveValue('customer.com');
    await fill(field, 'customer.com, um');
    await userEvent.click(await screen.findByRole('option', { name: 'umbrella' }));
    expect(field).toHaveValue('customer.com, umbrella');
    const asked = server.requests.filter(({ url }) => url.pathname === '/v1/values/affected_tenant');
    expect(asked[0]?.url.searchParams.get('prefix')).toBe('cu');
    expect(asked[0]?.url.searchParams.get('since')).not.toBeNull();
  });

  it('does without suggestions where they cannot be had', async () => {
    server.intercept = (url) => (url.pathname.startsWith('/v1/values/') ? problem(403, 'forbidden', 'Not permitted') : null);
    const onsearch = show();
    await fill(screen.getByRole('combobox', { name: 'Affected domain' }), 'a.b', '{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith(having(is('affected_tenant', 'a.b')));
  });

  it('clears everything back to the defaults', async () => {
    const onsearch = show({ ...having(is('tenant', 'acme'), not('actor', 'eve')), q: 'x', since: '-7d' });
    expect(screen.getByRole('button', { name: 'Date range: Last 7 Days' })).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Clear' }));
    expect(onsearch).toHaveBeenLastCalledWith(DEFAULT_FILTERS);
    expect(screen.getByRole('searchbox')).toHaveValue('');
    expect(screen.getByRole('combobox', { name: 'Tenant' })).toHaveValue('');
  });

  it('offers presets that apply at once, with what stands in the form beside them', async () => {
    const onsearch = show();
    await fill(screen.getByRole('searchbox'), 'gate');
    await userEvent.click(screen.getByRole('button', { name: 'Date range: Last 24 Hours' }));
    await userEvent.click(await screen.findByText('Last 7 Days'));
    expect(onsearch).toHaveBeenCalledExactlyOnceWith({ ...DEFAULT_FILTERS, q: 'gate', since: '-7d' });
    expect(screen.getByRole('searchbox')).toHaveValue('gate');
  });

  it('keeps what was typed over what applies at once, and takes that in', async () => {
    const onsearch = vi.fn();
    const props = { zone: 'UTC', tenants: [], onsearch };
    const filters = { ...having(is('outcome', 'failure'), is('tenant', 'acme')), q: 'gate' };
    const { rerender } = renderWithServer(FilterBar, { ...props, filters });
    const become = (now: Filters) => rerender({ props: { props: { ...props, filters: now } } } as never);
    await fill(screen.getByRole('combobox', { name: 'Performed by user' }), 'ada');
    // A chip is removed, another one comes by a pivot, the chart chooses a range.
    await become({ ...having(is('severity', 'high'), is('tenant', 'acme')), q: 'gate', since: '-7d' });
    expect(screen.getByRole('combobox', { name: 'Performed by user' })).toHaveValue('ada');
    expect(screen.getByRole('button', { name: 'Outcome: Any' })).toBeVisible();
    expect(screen.getByRole('button', { name: 'Date range: Last 7 Days' })).toBeVisible();
    expect(onsearch).not.toHaveBeenCalled();
    await userEvent.click(screen.getByRole('button', { name: 'Search' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...having(is('severity', 'high'), is('actor', 'ada'), is('tenant', 'acme')), q: 'gate', since: '-7d' });
  });

  it('keeps a text that was typed, too, even one that can not be read', async () => {
    remembered.text = true;
    const onsearch = vi.fn();
    const props = { zone: 'UTC', tenants: [], onsearch };
    const { rerender } = renderWithServer(FilterBar, { ...props, filters: having(is('tenant', 'acme')) });
    const become = (now: Filters) => rerender({ props: { props: { ...props, filters: now } } } as never);
    const box = screen.getByRole('searchbox', { name: 'Search as text' });
    await fill(box, 'tenant:acme gate');
    await become(having(is('tenant', 'acme'), is('outcome', 'failure')));
    expect(box).toHaveValue('outcome:failure tenant:acme gate');
    await fill(box, 'outcom:x gate');
    await become(DEFAULT_FILTERS);
    expect(box).toHaveValue('outcom:x gate');
    expect(onsearch).not.toHaveBeenCalled();
  });

  it('reads typed times in the zone, and says what it cannot read', async () => {
    const onsearch = show(NO_FILTERS);
    await userEvent.click(screen.getByRole('button', { name: /^Date range/ }));
    const from = await screen.findByLabelText('From');
    await fill(from, 'yesterdayish');
    await userEvent.click(screen.getByText('Apply'));
    expect(from).toHaveAttribute('aria-invalid', 'true');
    expect(screen.getByText(/Not a time/)).toBeInTheDocument();
    await fill(from, '2026-11-20 10:00');
    await fill(screen.getByLabelText(/^To/), '2026-11-20 09:00');
    await userEvent.click(screen.getByText('Apply'));
    expect(screen.getByText(/end is not after the beginning/)).toBeInTheDocument();
    await userEvent.clear(screen.getByLabelText(/^To/));
    await userEvent.click(screen.getByText('Apply'));
    expect(onsearch).toHaveBeenLastCalledWith({ ...NO_FILTERS, since: '2026-11-20T09:00:00Z' });
  });
});

describe('the text', () => {
  function show(filters: Filters = DEFAULT_FILTERS) {
    const onsearch = vi.fn();
    renderWithServer(FilterBar, { filters, zone: 'UTC', tenants: [], onsearch });
    return onsearch;
  }

  it('is another view of the same query, drafts included', async () => {
    const onsearch = show(having(is('action_type', 'login')));
    await fill(screen.getByRole('combobox', { name: 'Performed by user' }), 'Ada Li');
    await userEvent.click(screen.getByRole('button', { name: 'Text' }));
    const box = screen.getByRole('searchbox', { name: 'Search as text' });
    expect(box).toHaveValue('action_type:login actor:"Ada Li"');
    await fill(box, 'action_type:login actor:"Ada Li" -outcome:success "call queue" since:-3d');
    await userEvent.click(screen.getByRole('button', { name: 'Form' }));
    expect(onsearch).not.toHaveBeenCalled();
    expect(screen.getByRole('searchbox', { name: 'Search' })).toHaveValue('"call queue"');
    expect(screen.getByRole('button', { name: 'Date range: Since 3d ago' })).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Text' }));
    await userEvent.type(screen.getByRole('searchbox'), '{Enter}');
    expect(onsearch).toHaveBeenLastCalledWith({
      ...having(is('action_type', 'login'), not('outcome', 'success'), is('actor', 'Ada Li')),
      q: '"call queue"',
      since: '-3d',
    });
    expect(JSON.parse(localStorage.getItem('indelible.filters') ?? '{}')).toMatchObject({ text: true });
  });

  it('says where a mistake is, and changes nothing before it is mended', async () => {
    const onsearch = show();
    await userEvent.click(screen.getByRole('button', { name: 'Text' }));
    const box = screen.getByRole<HTMLInputElement>('searchbox');
    await fill(box, 'login outcom:failure', '{Enter}');
    expect(screen.getByText(/Position 7: There is no filter outcom. Did you mean outcome\?/)).toBeVisible();
    expect(box).toHaveAttribute('aria-invalid', 'true');
    expect(box).toHaveAccessibleDescription(/Position 7/);
    expect([box.selectionStart, box.selectionEnd]).toEqual([6, 12]);
    await userEvent.click(screen.getByRole('button', { name: 'Form' }));
    expect(screen.getByRole('searchbox', { name: 'Search as text' })).toBeVisible();
    expect(onsearch).not.toHaveBeenCalled();
    await fill(box, 'login outcome:failure', '{Enter}');
    expect(screen.queryByText(/Position/)).toBeNull();
    expect(onsearch).toHaveBeenLastCalledWith({ ...having(is('outcome', 'failure')), q: 'login' });
  });

  it('inserts the names that there are', async () => {
    show();
    await userEvent.click(screen.getByRole('button', { name: 'Text' }));
    const box = screen.getByRole<HTMLInputElement>('searchbox');
    await fill(box, 'gate');
    await userEvent.click(screen.getByText('Names of filters'));
    await userEvent.click(screen.getByRole('button', { name: 'Insert session_id' }));
    expect(box).toHaveValue('gate session_id:');
    await waitFor(() => expect(box).toHaveFocus());
    expect(box.selectionStart).toBe('gate session_id:'.length);
    // Nothing marks events so yet.
    for (const name of ['anomalous', 'held', 'erased']) expect(screen.queryByRole('button', { name: `Insert ${name}` })).toBeNull();
  });
});

describe('chips', () => {
  const filters: Filters = { ...having(is('action_type', 'login'), not('actor', 'eve'), is('received_since', '-7d')), q: 'gate "call queue"' };

  function show(shown: Filters = filters) {
    const onchange = vi.fn();
    renderWithServer(Chips, { filters: shown, zone: 'UTC', onchange });
    return onchange;
  }
  const chip = (name: string): HTMLElement => screen.getByRole('button', { name: `Change ${name}` });

  it('show every condition and the range, in a fixed order', () => {
    show();
    const names = screen.getAllByRole('button', { name: /^Change / }).map((button) => button.getAttribute('aria-label'));
    expect(names).toEqual([
      'Change Action: Login',
      'Change Performed by user: not eve',
      'Change Received since: 7d ago',
      'Change Text: gate',
      'Change Text: "call queue"',
      'Change Date range: Last 24 Hours',
    ]);
  });

  it('are removed and negated by the mouse, and say so', async () => {
    const onchange = show();
    await userEvent.click(screen.getByRole('button', { name: 'Remove Action: Login' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, conditions: filters.conditions.slice(1) });
    expect(announcer.message).toBe('Removed Action: Login');
    await userEvent.click(screen.getByRole('button', { name: 'Negate Performed by user: not eve' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, conditions: [is('action_type', 'login'), is('actor', 'eve'), is('received_since', '-7d')] });
    expect(announcer.message).toBe('Now Performed by user: eve');
    await userEvent.click(screen.getByRole('button', { name: 'Remove Date range: Last 24 Hours' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, since: '' });
    expect(screen.queryByRole('button', { name: /^Negate (?:Time|Received)/ })).toBeNull();
  });

  it('are reached, moved along, negated and removed by keyboard', async () => {
    const onchange = show();
    await userEvent.tab();
    expect(chip('Action: Login')).toHaveFocus();
    await userEvent.keyboard('{ArrowRight}{ArrowRight}{ArrowLeft}');
    expect(chip('Performed by user: not eve')).toHaveFocus();
    await userEvent.keyboard('{End}');
    expect(chip('Date range: Last 24 Hours')).toHaveFocus();
    await userEvent.keyboard('{ArrowLeft}-');
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, q: 'gate -"call queue"' });
    await userEvent.keyboard('{Home}{Delete}');
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, conditions: filters.conditions.slice(1) });
  });

  it('are changed in their place', async () => {
    const onchange = show();
    await userEvent.click(chip('Performed by user: not eve'));
    const form = screen.getByRole('form', { name: 'Change Performed by user: not eve' });
    const value = within(form).getByRole('textbox', { name: 'Value' });
    expect(value).toHaveFocus();
    await userEvent.clear(value);
    await userEvent.click(within(form).getByRole('button', { name: 'Apply' }));
    expect(value).toHaveAttribute('aria-invalid', 'true');
    expect(onchange).not.toHaveBeenCalled();
    await fill(value, 'mallory');
    await userEvent.selectOptions(within(form).getByRole('combobox', { name: 'Is or is not' }), 'is');
    await userEvent.keyboard('{Enter}');
    await userEvent.click(within(form).getByRole('button', { name: 'Apply' }));
    expect(onchange).toHaveBeenLastCalledWith({ ...filters, conditions: [is('action_type', 'login'), is('actor', 'mallory'), is('received_since', '-7d')] });
  });

  it('offer the values that there are, read moments, and keep a phrase one', async () => {
    const onchange = show();
    await userEvent.click(chip('Action: Login'));
    await userEvent.selectOptions(await screen.findByRole('combobox', { name: 'Value' }), 'Delete');
    await userEvent.click(screen.getByRole('button', { name: 'Apply' }));
    expect(onchange.mock.lastCall?.[0]).toMatchObject({ conditions: [is('action_type', 'delete'), not('actor', 'eve'), is('received_since', '-7d')] });
    await userEvent.click(chip('Received since: 7d ago'));
    const moment = screen.getByRole('textbox', { name: 'Value' });
    await fill(moment, '2026-11-20 10:00', '{Enter}');
    expect(onchange.mock.lastCall?.[0]).toMatchObject({ conditions: [is('action_type', 'login'), not('actor', 'eve'), is('received_since', '2026-11-20T10:00:00Z')] });
    await userEvent.click(chip('Text: gate'));
    const word = screen.getByRole('textbox', { name: 'Value' });
    await fill(word, 'front gate', '{Enter}');
    expect(onchange.mock.lastCall?.[0]).toMatchObject({ q: '"front gate" "call queue"' });
    await userEvent.click(chip('Text: gate'));
    await userEvent.keyboard('{Escape}');
    expect(chip('Text: gate')).toHaveFocus();
  });

  it('keep hostile values harmless', () => {
    show(having(is('actor', '<img src=x onerror=alert(1)>\u202Etxt')));
    expect(document.querySelector('img')).toBeNull();
    expect(chip('Performed by user: <img src=x onerror=alert(1)>U+202Etxt')).toHaveTextContent('U+202E');
  });
});

describe('a value', () => {
  function show(name: string, value: string) {
    const onpivot = vi.fn();
    const oninvestigate = vi.fn();
    render(PivotMenu, { name, value, onpivot, oninvestigate });
    return { onpivot, oninvestigate, button: screen.getByRole('button', { name: /^What to do with/ }) };
  }

  it('opens a menu by keyboard, and gives the focus back', async () => {
    const { onpivot, button } = show('outcome', 'failure');
    button.focus();
    await userEvent.keyboard('{Enter}');
    const menu = screen.getByRole('menu', { name: 'Failure' });
    expect(within(menu).getAllByRole('menuitem').map((item) => item.textContent?.trim())).toEqual([
      'Filter for',
      'Filter out',
      'Only this',
      'Copy value',
    ]);
    expect(within(menu).getByRole('menuitem', { name: 'Filter for' })).toHaveFocus();
    await userEvent.keyboard('{ArrowDown}{ArrowDown}{ArrowUp}{Enter}');
    expect(onpivot).toHaveBeenCalledWith({ name: 'outcome', value: 'failure', not: false }, 'out');
    expect(screen.queryByRole('menu')).toBeNull();
    expect(button).toHaveFocus();
    await userEvent.keyboard('{Enter}{ArrowUp}');
    expect(screen.getByRole('menuitem', { name: 'Copy value' })).toHaveFocus();
    await userEvent.keyboard('o{Escape}');
    expect(screen.queryByRole('menu')).toBeNull();
    expect(button).toHaveFocus();
  });

  it('of a person can be investigated', async () => {
    const { oninvestigate, button } = show('actor', 'ada');
    await userEvent.click(button);
    await userEvent.click(screen.getByRole('menuitem', { name: 'Investigate user' }));
    expect(oninvestigate).toHaveBeenCalledWith('ada');
  });

  it('is copied as it is', async () => {
    const user = userEvent.setup();
    const { button } = show('actor', 'a\u202Eb');
    await user.click(button);
    await user.click(screen.getByRole('menuitem', { name: 'Copy value' }));
    expect(await navigator.clipboard.readText()).toBe('a\u202Eb');
    expect(announcer.message).toBe('Copied value');
  });

  it('keeps the focus where scrolling closes its menu', async () => {
    const { button } = show('actor', 'ada');
    await userEvent.click(button);
    // One that ended before the menu opened.
    window.dispatchEvent(new Event('scroll'));
    await tick();
    expect(screen.getByRole('menu')).toBeVisible();
    vi.spyOn(button, 'getBoundingClientRect').mockReturnValue(new DOMRect(0, -40, 10, 10));
    window.dispatchEvent(new Event('scroll'));
    await waitFor(() => expect(screen.queryByRole('menu')).toBeNull());
    expect(button).toHaveFocus();
  });

  it('closes its menu when something else is pressed', async () => {
    const { button } = show('actor', 'ada');
    await userEvent.click(button);
    await userEvent.pointer({ keys: '[MouseLeft]', target: document.body });
    expect(screen.queryByRole('menu')).toBeNull();
  });
});

describe('values of the results', () => {
  function show(query: Record<string, unknown> | null = { outcome: 'failure', as_of: 'sealed' }) {
    const onpivot = vi.fn();
    renderWithServer(Facets, { query, refreshes: 0, onpivot, oninvestigate: vi.fn() });
    return onpivot;
  }

  it('are counted field by field, and pivot', async () => {
    const onpivot = show();
    const actions = screen.getByRole('region', { name: 'Action' });
    const value = await within(actions).findByRole('button', { name: 'What to do with Other: 1 event' });
    expect(value).toHaveTextContent('Other');
    await userEvent.click(value);
    await userEvent.click(screen.getByRole('menuitem', { name: 'Filter for' }));
    expect(onpivot).toHaveBeenCalledWith({ name: 'action_type', value: 'other', not: false }, 'for');
    const asked = server.requests.find(({ url }) => url.pathname === '/v1/values/action_type');
    expect(Object.fromEntries(asked?.url.searchParams ?? [])).toEqual({ outcome: 'failure', as_of: 'sealed', limit: '6' });
    expect(within(screen.getByRole('region', { name: 'Outcome' })).getByText('3 without')).toBeVisible();
  });

  it('are loaded when they are opened', async () => {
    show();
    await screen.findByRole('button', { name: /with Login/ });
    const asked = (field: string): boolean => server.requests.some(({ url }) => url.pathname === `/v1/values/${field}`);
    expect(asked('tenant')).toBe(false);
    await userEvent.click(screen.getByRole('button', { name: 'Tenant', expanded: false }));
    await screen.findByRole('button', { name: 'What to do with acme: 4 events' });
    expect(asked('tenant')).toBe(true);
  });

  it('wait for the moment that they are to be of', () => {
    show(null);
    expect(server.requests.filter(({ url }) => url.pathname.startsWith('/v1/values/'))).toEqual([]);
  });

  it('say when they are not all', async () => {
    server.intercept = (url) =>
      url.pathname === '/v1/values/actor'
        ? new Response(
            JSON.stringify({
              field: 'actor',
              values: Array.from({ length: Number(url.searchParams.get('limit')) }, (_, at) => ({ value: `user${at}`, count: 9 })),
              distinct: 1234,
              missing: 0,
            }),
            { headers: { 'Content-Type': 'application/json' } },
          )
        : null;
    show();
    const actors = screen.getByRole('region', { name: 'Performed by user' });
    expect(await within(actors).findByText('6 of 1,234 values, those with most events')).toBeVisible();
    await userEvent.click(within(actors).getByRole('button', { name: /^Show more/ }));
    expect(await within(actors).findByText('50 of 1,234 values, those with most events')).toBeVisible();
    expect(within(actors).queryByRole('button', { name: /^Show more/ })).toBeNull();
  });

  it('say what could not be counted, and try again', async () => {
    server.intercept = (url) => (url.pathname === '/v1/values/outcome' ? problem(503, 'unavailable', 'Later') : null);
    show();
    const outcomes = screen.getByRole('region', { name: 'Outcome' });
    const again = await within(outcomes).findByRole('button', { name: 'Could not be counted' });
    server.intercept = null;
    await userEvent.click(again);
    expect(await within(outcomes).findByRole('button', { name: /Failure: 1 event/ })).toBeVisible();
  });
});

describe('nothing found', () => {
  const filters: Filters = { ...having(not('outcome', 'success'), is('tenant', 'acme')), q: 'x', since: '-1h' };

  function show(shown: Filters, outside: number | null, corrections: { from: Condition; to: Condition }[] = []) {
    const onsearch = vi.fn();
    const onclear = vi.fn();
    render(EmptyState, { filters: shown, zone: 'UTC', outside, corrections, onsearch, onclear });
    return { onsearch, onclear };
  }

  it('names each filter to remove, and what lies outside the range', async () => {
    const { onsearch, onclear } = show(filters, 12);
    expect(screen.getByText('12 events match outside the time range.')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Remove Tenant: acme' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...filters, conditions: [not('outcome', 'success')] });
    await userEvent.click(screen.getByRole('button', { name: 'Remove Outcome: not Success' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...filters, conditions: [is('tenant', 'acme')] });
    await userEvent.click(screen.getByRole('button', { name: 'Remove Text: x' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...filters, q: '' });
    await userEvent.click(screen.getByRole('button', { name: 'Last 30 Days' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...filters, since: '-30d' });
    await userEvent.click(screen.getByRole('button', { name: 'Show all time' }));
    expect(onsearch).toHaveBeenLastCalledWith({ ...filters, since: '' });
    await userEvent.click(screen.getByRole('button', { name: 'Clear all filters' }));
    expect(onclear).toHaveBeenCalledOnce();
  });

  it('does not send anybody where there is nothing either', () => {
    show(filters, 0);
    expect(screen.getByText('Nothing matches outside the time range either.')).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Last 30 Days' })).toBeNull();
  });

  it('corrects what was misspelt', async () => {
    const from = is('tenant', 'acmee');
    const { onsearch } = show(having(from), 0, [
      { from, to: is('tenant', 'acme') },
      { from, to: is('action_type', 'delete') },
    ]);
    await userEvent.click(screen.getByRole('button', { name: 'Search for acme instead of acmee' }));
    expect(onsearch).toHaveBeenLastCalledWith(having(is('tenant', 'acme')));
    expect(screen.getByRole('button', { name: 'Search for Action: Delete instead' })).toBeVisible();
  });

  it('says that there is nothing at all, where there is not', () => {
    show(DEFAULT_FILTERS, 0);
    expect(screen.getByRole('heading', { name: 'No events yet' })).toBeVisible();
    expect(screen.queryByRole('button')).toBeNull();
  });

  it('but not while the index is being rebuilt', () => {
    render(EmptyState, { filters: DEFAULT_FILTERS, zone: 'UTC', outside: 0, rebuilding: true, corrections: [], onsearch: vi.fn(), onclear: vi.fn() });
    expect(screen.getByRole('heading', { name: 'The index is being rebuilt' })).toBeVisible();
    expect(screen.getByText(/nothing is lost/)).toBeVisible();
    expect(screen.queryByText(/either/)).toBeNull();
  });

  it('and it says when it could not be counted what lies outside the range', async () => {
    const onrecount = vi.fn();
    render(EmptyState, { filters, zone: 'UTC', outside: null, onrecount, corrections: [], onsearch: vi.fn(), onclear: vi.fn() });
    expect(screen.getByText('It could not be counted how many events match outside the time range.')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(onrecount).toHaveBeenCalledOnce();
  });

  it('but not where older events are', () => {
    show(DEFAULT_FILTERS, 3);
    expect(screen.getByRole('heading', { name: 'No events match' })).toBeVisible();
    expect(screen.getByRole('button', { name: 'Last 30 Days' })).toBeVisible();
  });
});
