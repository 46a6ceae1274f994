/** A relay between real sockets: every byte, every end, and whatever goes wrong at either side (P1). */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { freePort } from '../support/program.ts';
import { logged, startRelay, warnings } from '../support/relay.ts';
import type { TestWorker } from '../support/worker.ts';
import type { Token } from '../../src/settings/options.ts';
import { oblige, type Peer, PATIENT_MS, startScripted } from './scripted-server.ts';

/** Much longer than any test waits. */
const LONG = String(PATIENT_MS);

interface Relayed {
  readonly client: Dialogue;
  /** The other end, at the upstream. */
  readonly peer: Peer;
  readonly worker: TestWorker;
}

/** One relayed connection, both of whose ends are the test's. */
async function relayed(tokens: Partial<Record<Token, string>> = {}): Promise<Relayed> {
  const upstream = await startScripted(() => undefined, { allowHalfOpen: true });
  const worker = await startRelay(upstream, tokens);
  const client = await Dialogue.open(worker.port, { allowHalfOpen: true });
  client.send('?');
  await expect.poll(() => upstream.peers.length).toBe(1);
  const [peer] = upstream.peers;
  if (peer === undefined) throw new Error('nobody came');
  expect(await peer.take(1)).toBe('?');
  return { client, peer, worker };
}

describe('bytes', () => {
  test('of any value, both ways, in any turn', async () => {
    const { client, peer } = await relayed();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    for (let round = 0; round < 3; round++) {
      client.send(all);
      peer.send('first');
      expect(await peer.take(256)).toBe(all);
      expect(await client.take(5)).toBe('first');
      peer.send(all);
      expect(await client.take(256)).toBe(all);
    }
  });

  test('P1 a session, PASS included, ends as it does without a relay', async () => {
    const files = new Map<string, string>();
    const upstream = await startScripted((peer) => oblige(peer, files));
    const worker = await startRelay(upstream);
    const client = await Dialogue.open(worker.port);
    expect(await client.ask(`PASS ${'0'.repeat(32)}\n`)).toBe('PASS OK\n');
    expect(await client.ask('SEND <a> SIZE 3\n')).toBe('SEND OK\n');
    expect(await client.ask('abc')).toBe('SEND OK\n');
    client.send('QUIT\n');
    expect(await client.rest()).toBe('');
    expect(files.get('a')).toBe('abc');
    await logged(
      worker,
      /Relayed connection from .* to 127\.0\.0\.1 port \d+: 62b sent, 24b answered in \d+ ms/,
    );
    expect(warnings(worker)).toEqual([]);
  });

  test('that the upstream says first', async () => {
    const upstream = await startScripted((peer) => {
      peer.send('welcome\n');
      return undefined;
    });
    const client = await Dialogue.open((await startRelay(upstream)).port);
    expect(await client.line()).toBe('welcome\n');
  });
});

describe('half a close is passed on', () => {
  test('from the client: the upstream still answers', async () => {
    const { client, peer, worker } = await relayed({ timeout: LONG });
    client.stream.end('last words');
    expect(await peer.rest()).toBe('last words');
    peer.send('understood');
    peer.close();
    expect(await client.rest()).toBe('understood');
    await logged(worker, /Relayed connection .*: 11b sent, 10b answered/);
  });

  test('from the upstream: the client still sends', async () => {
    const { client, peer, worker } = await relayed({ timeout: LONG });
    peer.socket.end('enough');
    expect(await client.rest()).toBe('enough');
    client.send('but');
    expect(await peer.take(3)).toBe('but');
    client.stream.end();
    await peer.gone;
    await logged(worker, /Relayed connection .*: 4b sent, 6b answered/);
  });

  test('from a client that had closed before the upstream was reached', async () => {
    const upstream = await startScripted((peer) => peer.rest().then((text) => peer.socket.end(`${text}!`)), {
      allowHalfOpen: true,
    });
    const worker = await startRelay(upstream);
    const client = await Dialogue.open(worker.port, { allowHalfOpen: true });
    client.stream.end('in a hurry');
    expect(await client.rest()).toBe('in a hurry!');
  });
});

describe('backpressure', () => {
  const MEGABYTES = 64;
  const PIECE = Buffer.alloc(1_000_000, 'All work and no play makes Jack a dull boy. ');
  const TWICE = Buffer.concat([PIECE, PIECE]);
  /** Of the system, for four ends of connections on loopback; what a relay holds itself is little beside it. */
  const MOST_BUFFERED = 30_000_000;

  /** Two ends, not read from. */
  async function ends(): Promise<{ readonly client: Socket; readonly upstream: Socket }> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const worker = await startRelay(
      { port: (server.address() as AddressInfo).port },
      { relay_timeout: LONG },
    );
    const client = connect({ port: worker.port, host: '127.0.0.1' }).pause();
    const [upstream] = (await once(server, 'connection')) as [Socket];
    server.close();
    for (const socket of [client, upstream]) {
      onTestFinished(() => {
        socket.destroy();
      });
    }
    return { client, upstream };
  }

  for (const [way, from, to] of [
    ['from the client', 'client', 'upstream'],
    ['from the upstream', 'upstream', 'client'],
  ] as const) {
    test(`${way}: who sends has to stop while nobody reads, and nothing is lost`, async () => {
      const both = await ends();
      const [sender, reader] = [both[from], both[to]];
      let taken = 0;
      for (let count = 0; count < MEGABYTES; count++) sender.write(PIECE, () => (taken += PIECE.length));
      sender.end();
      let before = -1;
      const stopped = (): boolean => {
        const same = taken === before;
        before = taken;
        return same;
      };
      await expect.poll(stopped, { interval: 500 }).toBe(true);
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(MOST_BUFFERED);
      let received = 0;
      let wrong = 0;
      reader.on('data', (chunk: Buffer) => {
        const at = received % PIECE.length;
        if (!chunk.equals(TWICE.subarray(at, at + chunk.length))) wrong++;
        received += chunk.length;
      });
      reader.resume();
      await once(reader, 'end');
      expect({ received, wrong }).toEqual({ received: MEGABYTES * PIECE.length, wrong: 0 });
    });
  }
});

describe('silence', () => {
  test('W4 of relay_timeout in both directions ends it', async () => {
    const { client, peer, worker } = await relayed({ relay_timeout: '1', timeout: LONG });
    expect(await client.rest()).toBe('');
    expect(await peer.rest()).toBe('');
    await logged(worker, /\[err\]Connection from .* was silent in both directions for 1 s/);
    expect(warnings(worker)).toEqual([]);
  });

  for (const [way, from, to] of [
    ['the client', 'client', 'peer'],
    ['the upstream', 'peer', 'client'],
  ] as const) {
    test(`bytes of ${way} alone keep it open`, async () => {
      const both = await relayed({ relay_timeout: '1', timeout: LONG });
      const [sender, reader] = [both[from], both[to]];
      // Each byte in time, all of them far over the limit.
      for (let count = 0; count < 10; count++) {
        sender.send('.');
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      expect(await reader.take(10)).toBe('..........');
      reader.send('still here');
      expect(await sender.take(10)).toBe('still here');
    });
  }

  test('C-Java an upstream that has ended and a client that never closes: over after the idle limit', async () => {
    const { client, peer, worker } = await relayed({ relay_timeout: LONG });
    peer.close();
    expect(await client.rest()).toBe('');
    await logged(worker, /Relayed connection from .*: 1b sent, 0b answered/);
  });

  test('of a client that does not read what the upstream said last ends it, too', async () => {
    const { client, peer, worker } = await relayed({ relay_timeout: '1', timeout: LONG });
    client.stream.pause();
    for (let count = 0; count < 30; count++) peer.send(Buffer.alloc(1_000_000));
    peer.close();
    await logged(worker, /\[err\]Connection from .* was silent/);
    await expect.poll(() => worker.worker.open).toBe(0);
  });
});

describe('an upstream that fails', () => {
  test('refuses: each client is closed at once, and one warning counts', async () => {
    const port = await freePort();
    const worker = await startRelay({ port }, { timeout: LONG });
    for (let count = 0; count < 20; count++) {
      expect(await (await Dialogue.open(worker.port)).rest()).toBe('');
    }
    expect(warnings(worker)).toEqual([
      expect.stringContaining(
        `Upstream 127.0.0.1 port ${String(port)}: connection refused: nothing listens there; no other upstream is left`,
      ),
    ]);
    await logged(
      worker,
      /Connection from .* closed: no server to pass it on to: 127\.0\.0\.1 port \d+: connection/,
    );
  });

  test('resets: what it said before is passed on, and one warning counts', async () => {
    const upstream = await startScripted(async (peer) => {
      await peer.take(1);
      peer.socket.write('SEND ERR (not enough space)\n', () => {
        peer.reset();
      });
    });
    const worker = await startRelay(upstream, { timeout: LONG });
    for (let count = 0; count < 20; count++) {
      const client = await Dialogue.open(worker.port);
      client.send('?');
      expect(await client.rest()).toBe('SEND ERR (not enough space)\n');
      await expect.poll(() => worker.worker.open).toBe(0);
    }
    expect(warnings(worker)).toEqual([
      expect.stringMatching(/Upstream 127\.0\.0\.1 port \d+: a connection broke: connection reset/),
    ]);
    await logged(worker, /Connection from .* closed: the upstream was lost: connection reset/);
  });

  test('resets while it is not read from: what it said before is passed on', async () => {
    const { client, peer, worker } = await relayed({ timeout: LONG });
    client.stream.pause();
    let said = 0;
    await new Promise<void>((resolve) => {
      const more = (): void => {
        if (said++ < 3) peer.socket.write(Buffer.alloc(1_000_000, 'x'), more);
        else resolve();
      };
      more();
    });
    peer.reset();
    client.stream.resume();
    // Whatever the system had not delivered when it was reset is lost; what had come is not.
    expect((await client.rest()).length).toBeGreaterThan(0);
    await logged(worker, /Connection from .* closed: the upstream was lost: /);
  });
});

function reset({ stream }: Dialogue): void {
  if (stream instanceof Socket) stream.resetAndDestroy();
}

describe('a client that fails', () => {
  test('resets: the upstream is closed at once', async () => {
    const { client, peer, worker } = await relayed({ timeout: LONG });
    reset(client);
    expect(await peer.rest()).toBe('');
    await logged(worker, /\[err\]Connection from .* unexpectedly closed: connection lost/);
    expect(warnings(worker)).toEqual([]);
    expect(worker.worker.open).toBe(0);
  });

  test('resets in the middle of a file: the upstream gets what came before, and is closed', async () => {
    const { client, peer, worker } = await relayed({ timeout: LONG });
    await new Promise<void>((resolve) => {
      client.stream.write('half a file', () => {
        resolve();
      });
    });
    reset(client);
    expect(await peer.rest()).toBe('half a file');
    peer.close();
    await expect.poll(() => worker.worker.open).toBe(0);
    expect(warnings(worker)).toEqual([]);
  });

  test('resets while its upstream is being reached: that is told, and the upstream is not blamed', async () => {
    const upstream = await startScripted(() => undefined);
    const worker = await startRelay(upstream, { timeout: '2' });
    const client = await Dialogue.open(worker.port);
    reset(client);
    await expect.poll(() => worker.worker.open).toBe(0);
    expect(warnings(worker)).toEqual([]);
  });
});
