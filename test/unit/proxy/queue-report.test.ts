/** Proves that the log tells how much waits, and for whom. */
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reportQueue } from '../../../src/proxy/queue-report.ts';
import { forwarding } from '../../support/forwarding.ts';
import { temporarySpool } from '../../support/temporary.ts';
import { startScripted } from '../../wire/scripted-server.ts';

test('a queue that is not empty is told again and again, with what has come meanwhile; an empty one is not', async () => {
  const spool = temporarySpool();
  const port = await unusedPort();
  const { queue, upstreams, destination, log, lines } = forwarding({ spool, port });
  await upstreams.reach(() => Promise.reject(new Error('nobody is there'))).catch(() => undefined);
  const stopping = new AbortController();
  const reporting = reportQueue({ queue, destination, log, intervalMs: 50 }, stopping.signal);
  await queue.look();
  expect(lines.filter((line) => line.includes('Queue'))).toEqual([]);
  writeFileSync(join(spool, 'a'), Buffer.alloc(4.5 * 1024 * 1024));
  const age = 12.5 * 60_000;
  utimesSync(join(spool, 'a'), new Date(), new Date(Date.now() - age));
  const said = `, the oldest 12 minutes old; upstream 127.0.0.1 port ${String(port)}: away for 0 seconds (nobody is there)`;
  await expect.poll(() => lines).toContain(`notice: Queue: 1 file (4.5 MB)${said}`);
  writeFileSync(join(spool, 'b'), Buffer.alloc(512 * 1024));
  await expect
    .poll(() => lines)
    .toContainEqual(expect.stringContaining('Queue: 2 files (5.0 MB), the oldest 12'));
  stopping.abort();
  await reporting;
});

async function unusedPort(): Promise<number> {
  return (await startScripted(() => undefined)).port;
}
