// @vitest-environment node
import { describe, expect, it } from 'vitest';

import { ExactNumber, indentJson, keysOf, parseJson, toJson, toText, type JsonObject } from './json';

describe('lossless JSON', () => {
  it.each([
    '{"a":[1,2.5,-3e10,true,false,null,"x"],"b":{}}',
    '{"big":12345678901234567890,"float":1.0,"tiny":1e-400,"exp":1E5,"minus":-0}',
    '{"2":"b","1":"a","x":{"10":1,"9":2}}',
    '{"__proto__":{"polluted":true},"constructor":1}',
    '"\\u0000\\ud83d\\ude00\\"\\\\"',
    '[]',
    '[[],{},[{}]]',
  ])('gives %s back as it was', (text) => {
    expect(toJson(parseJson(text))).toBe(text.includes('\\u') ? JSON.stringify(JSON.parse(text)) : text);
  });

  it('agrees with JSON.parse on everything that survives it', () => {
    const text = ' { "a" : [ 1 , { "b" : "\\n\\u00e9" } ] , "c" : -500.25 , "d":[ ] } ';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });

  it('keeps digits and order', () => {
    const value = parseJson('{"10":12345678901234567890,"9":1.50}') as JsonObject;
    expect(keysOf(value)).toEqual(['10', '9']);
    expect(value['10']).toEqual(new ExactNumber('12345678901234567890'));
    expect(toText(value['9'] ?? null)).toBe('1.50');
  });

  it('does not pollute prototypes', () => {
    parseJson('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each(['', '{', '[1,]', '{"a":1,}', '01', '1.', '.5', 'nul', '"\u0001"', '"\\x"', "'a'", '[1 2]', '{"a" 1}', '1 2', '"', '"\\'])(
    'refuses %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
      expect(() => JSON.parse(text) as unknown).toThrow();
    },
  );

  it('reads a string of a megabyte', () => {
    const text = JSON.stringify('x\\"'.repeat(350_000));
    expect(toJson(parseJson(text))).toBe(text);
  });

  it('lays text out without touching a token', () => {
    const text = '{"a":1.0,"b":[1,{"c":"x, {y}: \\""}],"d":{ },"e":[ ]}';
    const laidOut = indentJson(text);
    expect(laidOut).toBe(
      '{\n  "a": 1.0,\n  "b": [\n    1,\n    {\n      "c": "x, {y}: \\""\n    }\n  ],\n  "d": {},\n  "e": []\n}',
    );
    expect(indentJson('no json')).toBe('no json');
  });
});
