/** A secret is never shown, however it is printed. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { REDACTED, Secret } from '../../../src/settings/secret.ts';

const WORD = 'open-sesame';
const secret = new Secret(WORD);

test.each<[string, () => string]>([
  ['String()', () => String(secret)],
  ['concatenation', () => 'a'.concat(secret as unknown as string)],
  ['join', () => [secret].join()],
  ['JSON', () => JSON.stringify({ secret })],
  ['inspect', () => inspect({ a: [{ secret }] }, { depth: null })],
  ['inspect of all there is', () => inspect(secret, { showHidden: true, depth: null })],
])('%s shows [redacted]', (_how, show) => {
  expect(show()).toContain(REDACTED);
  expect(show()).not.toContain(WORD);
});

test('nothing can be read off it but by reveal()', () => {
  const shown = inspect(secret, { showHidden: true, depth: null, customInspect: false });
  expect(shown).not.toContain(WORD);
  expect(shown).not.toContain(Buffer.from(WORD).toString('hex').slice(0, 4));
  expect(Reflect.ownKeys(secret)).toEqual([]);
  expect(secret.reveal().toString()).toBe(WORD);
});

test('any bytes are revealed as they were', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect([...new Secret(Buffer.from(bytes).toString('latin1')).reveal()]).toEqual([...bytes]);
    }),
  );
});
