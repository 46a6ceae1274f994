/** Proves that lines reach the log whole, in order, and at the latest when their writer is gone. */
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { relayLines } from '../../../src/log/relay-lines.ts';

/** What is written when a stream brings these chunks, and then ends. */
async function relayed(chunks: readonly (Buffer | string)[]): Promise<string[]> {
  const stream = new PassThrough();
  const writes: string[] = [];
  relayLines(stream, (lines) => writes.push(lines.toString('latin1')));
  for (const chunk of chunks) {
    stream.write(chunk);
    await new Promise(setImmediate);
  }
  stream.end();
  await finished(stream);
  return writes;
}

test.each([
  ['lines that come together are written together', ['a\nb\nc\n'], ['a\nb\nc\n']],
  ['a line in pieces is written once it is whole', ['a', 'b', '\nc', '\n'], ['ab\n', 'c\n']],
  ['what follows the last LF waits', ['a\nb', 'c\n'], ['a\n', 'bc\n']],
  ['an unfinished last line gets its LF', ['a\nlast words'], ['a\n', 'last words\n']],
  ['empty lines are lines', ['\n\n'], ['\n\n']],
  ['nothing is nothing', [], []],
])('%s', async (_what, chunks, writes) => {
  expect(await relayed(chunks)).toEqual(writes);
});

test('a stream that is destroyed leaves its unfinished line', async () => {
  const stream = new PassThrough();
  const writes: string[] = [];
  relayLines(stream, (lines) => writes.push(lines.toString()));
  stream.write('half a l');
  await new Promise(setImmediate);
  stream.destroy(new Error('reset'));
  await finished(stream).catch(() => undefined);
  expect(writes).toEqual(['half a l\n']);
});

test('a line without an end costs a bounded amount of memory', async () => {
  const writes = await relayed(Array.from({ length: 100 }, () => 'x'.repeat(10_000)));
  expect(Math.max(...writes.map(({ length }) => length))).toBeLessThan(64 * 1024 + 10_001);
  expect(writes.join('').replaceAll('\n', '').length).toBe(1_000_000);
});

test('any bytes in any pieces arrive as they are, in whole lines', async () => {
  const chunk = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes.map((byte) => byte % 12)));
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 10 }), async (chunks) => {
      const writes = await relayed(chunks);
      for (const lines of writes) expect(lines).toMatch(/\n$/);
      const sent = Buffer.concat(chunks).toString('latin1');
      expect(writes.join('')).toBe(sent === '' || sent.endsWith('\n') ? sent : `${sent}\n`);
    }),
    { numRuns: 50 },
  );
});
