// @vitest-environment node
import { expect, it } from 'vitest';

import { Lanes } from './lanes';

/** Work that ends when it is told to. */
function held(): { work: () => Promise<string>; end: () => void; began: () => boolean } {
  let end: () => void = () => undefined;
  let began = false;
  const done = new Promise<string>((resolve) => {
    end = () => resolve('done');
  });
  return {
    work: () => {
      began = true;
      return done;
    },
    end,
    began: () => began,
  };
}

const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

it('lets so much work begin, and the next when one ends', async () => {
  const lanes = new Lanes(2);
  const works = [held(), held(), held(), held()];
  const ends = works.map(({ work }) => lanes.run(work));
  const begun = async (): Promise<string> => {
    await settled();
    return works.map(({ began }) => (began() ? 'x' : '-')).join('');
  };
  expect(await begun()).toBe('xx--');
  works[1]?.end();
  expect(await begun()).toBe('xxx-');
  works[0]?.end();
  expect(await begun()).toBe('xxxx');
  works[2]?.end();
  works[3]?.end();
  expect(await Promise.all(ends)).toEqual(['done', 'done', 'done', 'done']);
});

it('goes on after failures, and never begins what was called off', async () => {
  const lanes = new Lanes(1);
  const calledOff = new AbortController();
  const waiting = held();
  const first = lanes.run(() => settled().then(() => Promise.reject(new Error('failed'))));
  const second = lanes.run(waiting.work, calledOff.signal);
  calledOff.abort();
  await expect(first).rejects.toThrow('failed');
  await expect(second).rejects.toThrow(/abort/i);
  expect(waiting.began()).toBe(false);
  expect(await lanes.run(() => Promise.resolve('third'))).toBe('third');
});
