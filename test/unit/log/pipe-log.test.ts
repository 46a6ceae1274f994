/** Proves that a worker goes on whatever its supervisor does with its lines. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { firstOutput, startScript } from '../../support/script.ts';

/** Logs numbered lines and reports over standard error how long it took and what memory it cost. */
const WORKER = `
  import { openPipeLog } from './src/log/pipe-log.ts';
  const log = openPipeLog({ level: 'event', format: process.argv[3] === 'json' ? 'json' : 'text' });
  const lines = Number(process.argv[2]);
  for (let line = 0; line < lines; line++) log.event('line ' + line + ' ' + 'x'.repeat(100));
  globalThis.gc?.();
  process.stderr.write(JSON.stringify({ external: process.memoryUsage().arrayBuffers }) + '\\n');
`;

async function textOf(stream: Readable | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

test('a supervisor that does not read neither blocks a worker nor costs it memory; lines stay whole', async () => {
  const worker = startScript(WORKER, ['100000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  // All 15 MB are logged while nobody reads.
  const report = await firstOutput(worker.stderr);
  expect(worker.exitCode).toBeNull();
  expect((JSON.parse(report) as { external: number }).external).toBeLessThan(8 * 1024 * 1024);

  const lines = (await textOf(worker.stdout)).split('\n');
  expect(lines.pop()).toBe('');
  const note = lines.pop() ?? '';
  for (const [index, line] of lines.entries())
    expect(line).toMatch(new RegExp(`^[-0-9: ]{19}\\[log\\]line ${String(index)} x{100}\\.$`));
  const lost = /\]Warning: (\d+) log lines were lost: whoever reads it does not keep up\.$/.exec(note)?.[1];
  expect(Number(lost)).toBe(100_000 - lines.length);
  const bytes = lines.join('\n').length;
  expect(bytes).toBeGreaterThan(1024 * 1024 - 200);
  expect(bytes).toBeLessThan(2 * 1024 * 1024);
});

test('what is lost is told in JSON where lines are JSON', async () => {
  const worker = startScript(WORKER, ['20000', 'json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  await firstOutput(worker.stderr);
  const lines = (await textOf(worker.stdout)).trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records.at(-1)).toMatchObject({
    level: 'warning',
    event: 'log lost',
    lost: 20_000 - lines.length + 1,
  });
});

test('a supervisor that reads gets every line, also of a worker that writes faster than it reads', async () => {
  const worker = startScript(WORKER, ['5000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(worker, 'exit');
  const text = await textOf(worker.stdout);
  expect(text.match(/\]line \d+ x{100}\.\n/g)?.length).toBe(5000);
  expect(text.split('\n').length).toBe(5001);
  expect(await ended).toEqual([0, null]);
});

test('a worker whose supervisor is gone does not fail for it', async () => {
  const worker = startScript(WORKER, ['100000'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(worker, 'exit');
  worker.stdout?.destroy();
  expect(await textOf(worker.stderr)).toMatch(/^\{"external":\d+\}\n$/);
  expect(await ended).toEqual([0, null]);
});
