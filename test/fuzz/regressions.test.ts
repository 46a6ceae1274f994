/** Runs what each target begins with, and every input that once broke a promise, through the fuzzer's own judges. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NAMES } from './names.ts';
import type { Target } from './target.ts';
import { TARGETS } from './targets.ts';

const FOUND = 'test/testdata/fuzz';
const LONG_MS = 120_000;

describe.each(NAMES)('%s', (name) => {
  let target: Target;
  beforeAll(async () => {
    target = await TARGETS[name]();
  });
  afterAll(() => target.close());

  test(
    'its seeds hold',
    async () => {
      expect(target.seeds.length).toBeGreaterThan(0);
      for (const seed of target.seeds) await target.run(seed);
    },
    LONG_MS,
  );

  const folder = `${FOUND}/${name}`;
  const found = existsSync(folder) ? readdirSync(folder) : [];
  test.each(found)('%s holds', (file) => target.run(readFileSync(`${folder}/${file}`)));
});
