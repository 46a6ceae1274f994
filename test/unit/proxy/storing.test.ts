/** Proves that a stop waits for what is being forwarded, but neither for an upstream that is silent nor for ever. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { namesIn } from '../../support/forwarding.ts';
import { temporarySpool } from '../../support/temporary.ts';
import { startWorker, type TestWorker } from '../../support/worker.ts';
import { type Peer, type Script, startScripted } from '../../wire/scripted-server.ts';
import { Secret } from '../../../src/settings/secret.ts';

interface Started extends TestWorker {
  readonly spool: string;
  readonly peers: readonly Peer[];
}

/** A worker that has begun to send its one file to an upstream that may take 20 s for every step. */
async function started(script: Script, size: number, drainSeconds = 30): Promise<Started> {
  const upstream = await startScripted(script);
  const spool = temporarySpool();
  writeFileSync(join(spool, 'agent.1.data'), Buffer.alloc(size));
  const proxy = await startWorker(
    {
      directory: spool,
      proxy_ip: `127.0.0.1:${String(upstream.port)}`,
      proxy_mode: 'store',
      timeout: '10',
      retries: '1',
      drain_timeout: String(drainSeconds),
    },
    { proxyPassword: new Secret('secret') },
  );
  proxy.worker.service.lead();
  await expect.poll(() => upstream.peers.length).toBe(1);
  return { ...proxy, spool, peers: upstream.peers };
}

test('a stop does not wait for an upstream that accepts connections and says nothing', async () => {
  const { worker, spool, log } = await started((peer) => peer.gone, 10);
  const start = performance.now();
  expect(await worker.drain()).toBe(0);
  expect(performance.now() - start).toBeLessThan(2000);
  expect(namesIn(spool)).toEqual(['agent.1.data']);
  expect(log.filter((line) => line.includes('Upstream'))).toEqual([]);
});

test('a file that is still on its way after drain_timeout is cut off, and stays', async () => {
  const script: Script = async (peer) => {
    await peer.answer('PASS OK\n');
    await peer.answer('SEND OK\n');
    peer.socket.pause();
    await peer.gone;
  };
  const { worker, spool, log, peers } = await started(script, 50_000_000, 1);
  await expect.poll(() => peers[0]?.heard).toContain('SEND <agent.1.data>');
  await worker.drain();
  peers[0]?.socket.resume();
  await peers[0]?.gone;
  expect(namesIn(spool)).toEqual(['agent.1.data']);
  // Nobody looks for a fault at the upstream.
  expect(log.filter((line) => line.includes('Upstream'))).toEqual([]);
});
