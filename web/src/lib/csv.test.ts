// @vitest-environment node
import { describe, expect, it } from 'vitest';

import type { AuditEvent } from '$api/types';

import { csvCell, csvFileName, toCsv } from './csv';
import { parseJson, type JsonObject } from './json';

function event(fields: Partial<AuditEvent>): AuditEvent {
  return {
    id: 'one',
    tenant: 'acme',
    tenant_seq: 1,
    received_at: '2026-11-20T10:00:00Z',
    time: '2026-11-20T10:00:05.123456Z',
    time_source: 'event',
    action: 'x',
    action_type: 'other',
    ...fields,
  };
}

/** Reads CSV as RFC 4180 has it. */
function read(csv: string): string[][] {
  const rows: string[][] = [[]];
  for (let at = csv.startsWith('\ufeff') ? 1 : 0; at < csv.length; ) {
    let cell = '';
    if (csv[at] === '"') {
      for (at += 1; csv[at] !== '"' || csv[at + 1] === '"'; at += csv[at] === '"' ? 2 : 1) cell += csv[at] ?? '';
      at += 1;
    } else {
      for (; at < csv.length && !',\r'.includes(csv[at] ?? ''); at += 1) cell += csv[at] ?? '';
    }
    rows.at(-1)?.push(cell);
    if (csv[at] === ',') at += 1;
    else if (csv.startsWith('\r\n', at)) {
      at += 2;
      if (at < csv.length) rows.push([]);
    } else throw new Error(`no RFC 4180 at ${at}`);
  }
  return rows;
}

describe('a cell', () => {
  it.each([
    ['', ''],
    ['plain', 'plain'],
    ['a, b', '"a, b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['+cmd|calc', "'+cmd|calc"],
    ['-2+3', "'-2+3"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['\n=1', '"\'\n=1"'],
    ['\uff1d1+1', "'\uff1d1+1"],
    ['-5', '-5'],
    ['+1.5e10', '+1.5e10'],
    ['-12345678901234567890', '-12345678901234567890'],
    ['-', "'-"],
    ['a=b', 'a=b'],
    [' =1', ' =1'],
    ['\u05D0\u05D3', '\u05D0\u05D3'],
  ])('%j is %j', (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });
});

describe('the file', () => {
  const COLUMNS = [
    'Timestamp', 'Action', 'Action Name', 'Outcome', 'Affected User', 'Affected Domain', 'Object', 'By User', 'By Domain',
    'IP Address', 'Tenant', 'Application', 'Severity', 'Reason', 'Summary', 'Event Id',
  ];

  it('has every column, hidden ones too, then every parameter in the order first seen', () => {
    const parameters = (json: string): JsonObject => parseJson(json) as JsonObject;
    const csv = toCsv(
      [
        event({
          action: 'Update user',
          action_type: 'update',
          outcome: { result: 'failure', reason: 'no right' },
          actor: { username: 'admin1', tenant: 'company.com' },
          targets: [{ type: 'subscriber', username: 'user100', tenant: 'customer.com' }],
          client: { ip: '203.0.113.9' },
          source: { application: 'web' },
          severity: { name: 'high', number: 2 },
          summary: 'admin1 could not update subscriber user100.',
          parameters: parameters('{"9":"a","Serial":12345678901234567890,"Rate":1.0}'),
        }),
        event({ id: 'two', parameters: parameters('{"Nested":{"2":1e400,"1":[true,null]},"9":"b, c","Empty":"","None":null}') }),
        event({ id: 'three' }),
      ],
      'Europe/Paris',
    );
    const names = ['9', 'Serial', 'Rate', 'Nested', 'Empty', 'None'];
    expect(read(csv)).toEqual([
      [...COLUMNS, ...names.map((name) => `Parameter: ${name}`)],
      [
        '2026-11-20T11:00:05.123456+01:00', 'Modify/Update', 'Update user', 'Failure', 'user100', 'customer.com', 'subscriber', 'admin1',
        'company.com', '203.0.113.9', 'acme', 'web', 'High', 'no right', 'admin1 could not update subscriber user100.', 'one',
        'a', '12345678901234567890', '1.0', '', '', '',
      ],
      [
        '2026-11-20T11:00:05.123456+01:00', 'Other', 'x', '', '', '', '', '', '', '', 'acme', '', '', '', 'x', 'two',
        'b, c', '', '', '{"2":1e400,"1":[true,null]}', '', 'null',
      ],
      ['2026-11-20T11:00:05.123456+01:00', 'Other', 'x', '', '', '', '', '', '', '', 'acme', '', '', '', 'x', 'three', '', '', '', '', '', ''],
    ]);
  });

  it('begins with a byte order mark, which Excel needs, and ends every line with CR LF', () => {
    const csv = toCsv([event({})], 'UTC');
    expect(csv.split('\r\n')).toHaveLength(3);
    expect(csv.endsWith('\r\n')).toBe(true);
    expect(csv.startsWith('\ufeffTimestamp,')).toBe(true);
    expect(toCsv([], 'UTC')).toBe(`\ufeff${COLUMNS.join(',')}\r\n`);
  });

  it('makes formulas harmless in names and values alike', () => {
    const parameters = parseJson('{"=cmd()":"=1+1","__proto__":"@x"}') as JsonObject;
    const [head, row] = read(toCsv([event({ action: '=2+5', actor: { username: '-admin' }, parameters })], 'UTC'));
    expect(head?.slice(-2)).toEqual(['Parameter: =cmd()', 'Parameter: __proto__']);
    expect(row?.slice(-2)).toEqual(["'=1+1", "'@x"]);
    expect(row?.[2]).toBe("'=2+5");
    expect(row?.[7]).toBe("'-admin");
  });

  it('takes ten thousand parameters', () => {
    const parameters = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`p${index}`, index]));
    const start = performance.now();
    expect(read(toCsv([event({ parameters }), event({})], 'UTC'))[1]).toHaveLength(10_000 + COLUMNS.length);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it.each([
    ['2026-11-20T10:05:59.999Z', 'UTC', 'audit-log-complete-2026-11-20-1005.csv'],
    ['2026-11-20T23:59:00Z', 'Asia/Tokyo', 'audit-log-complete-2026-11-21-0859.csv'],
    ['2026-11-20T04:59:00Z', 'America/New_York', 'audit-log-complete-2026-11-19-2359.csv'],
  ])('is named at %s in %s', (now, zone, name) => {
    expect(csvFileName(new Date(now), zone)).toBe(name);
  });
});
