/** Proves that killing the process that forwards, at any moment, loses no file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { namesIn } from '../../support/forwarding.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';
import { startWorker } from '../../support/worker.ts';

/** Forwards what is in a directory, until it is killed. */
const PROGRAM = `
import { connect } from './src/client/client.ts';
import { createLogger } from './src/log/logger.ts';
import { Forwarder } from './src/proxy/forwarder.ts';
import { Queue } from './src/proxy/queue.ts';
import { UpstreamDestination } from './src/proxy/upstream-destination.ts';
import { Upstreams } from './src/proxy/upstreams.ts';
import { DirectoryStore } from './src/store/directory-store.ts';
import { QueueDirectory } from './src/store/queue-directory.ts';
const [directory, port] = process.argv.slice(2);
const log = createLogger({ level: 'warning', format: 'text' }, process.stdout);
new Forwarder({
  store: new DirectoryStore({ directory, filters: [], overwrite: false, fsync: false, minFreeSpace: 0 }),
  queue: new Queue(new QueueDirectory(directory), { log }),
  destination: new UpstreamDestination(
    new Upstreams({ servers: [{ host: '127.0.0.1', port: Number(port) }], policy: 'failover' }, log),
    (server) => connect(server),
  ),
  connections: 4,
  log,
}).start();
`;

async function compile(): Promise<string> {
  const program = join(temporaryDirectory(), 'forward.cjs');
  await build({
    stdin: { contents: PROGRAM, resolveDir: process.cwd() },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'error',
  });
  return program;
}

test('a forwarder that is killed again and again loses nothing', async () => {
  const [spool, centre] = [temporarySpool(), temporarySpool()];
  const names = Array.from({ length: 1500 }, (_, index) => `agent.${String(index)}.data`);
  for (const name of names) writeFileSync(join(spool, name), `${name}\n`.repeat(100));
  const upstream = await startWorker({ directory: centre, fsync: '0' });
  const program = await compile();
  let kills = 0;
  for (;;) {
    const child = spawn(process.execPath, [program, spool, String(upstream.port)], { stdio: 'inherit' });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const left = namesIn(spool).length;
    // A few hundred at a time.
    await expect
      .poll(() => namesIn(spool).length, { interval: 5 })
      .toBeLessThanOrEqual(Math.max(left - 300, 0));
    child.kill('SIGKILL');
    await once(child, 'exit');
    // What is not at the centre must still be here; a file that was confirmed and not yet deleted is in both places.
    const kept = new Set([...namesIn(spool), ...namesIn(centre)]);
    expect(kept.size).toBe(names.length);
    if (left <= 300) break;
    kills++;
  }
  expect(kills).toBeGreaterThan(2);
  expect(namesIn(spool)).toEqual([]);
  for (const name of names) {
    expect(readFileSync(join(centre, name), 'utf8') === `${name}\n`.repeat(100), name).toBe(true);
  }
});
