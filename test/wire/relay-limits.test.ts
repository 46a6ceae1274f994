/** Who may be relayed at a time, who makes room, and what a stop does to relays. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { logged, startRelay } from '../support/relay.ts';
import { Secret } from '../../src/settings/secret.ts';
import { oblige, type Peer, type ScriptedServer, startScripted } from './scripted-server.ts';

const LONG = '10000';

describe('max_connections', () => {
  test('silent relays make room for those who wait, one that waits for its upstream stays', async () => {
    const upstream = await startScripted(async (peer) => {
      const line = await peer.line();
      // Everybody is answered but those who are told to wait.
      if (line !== 'wait\n') peer.send(line);
      if (line !== 'wait\n') await peer.rest();
    });
    const worker = await startRelay(upstream, { max_connections: '2', timeout: LONG });
    const waiting = await Dialogue.open(worker.port);
    waiting.send('hello\n');
    expect(await waiting.line()).toBe('hello\n');
    const silent = await Dialogue.open(worker.port);
    expect(await silent.ask('hello\n')).toBe('hello\n');
    waiting.send('wait\n');
    for (let count = 0; count < 2; count++) {
      const next = await Dialogue.open(worker.port);
      expect(await next.ask('next\n')).toBe('next\n');
      next.stream.end();
      await next.rest();
    }
    expect(await silent.rest()).toBe('');
    await logged(worker, /max_connections 2 reached: 1 silent connection closed to make room/);
    await logged(worker, /Connection from .* closed to make room for others/);
    expect(waiting.stream.destroyed).toBe(false);
  });

  test('those who connect and say nothing hold no places', async () => {
    const upstream = await startScripted((peer) => oblige(peer));
    const worker = await startRelay(upstream, { max_connections: '3', timeout: LONG });
    for (let count = 0; count < 6; count++) await Dialogue.open(worker.port);
    const client = await Dialogue.open(worker.port);
    expect(await client.ask('SEND <a> SIZE 1\n')).toBe('SEND OK\n');
    expect(await client.ask('x')).toBe('SEND OK\n');
    // What was closed for others is closed at the upstream, too.
    await expect
      .poll(() => upstream.peers.filter(({ socket }) => !socket.destroyed).length)
      .toBeLessThanOrEqual(3);
  });
});

describe('a stop', () => {
  function opened(upstream: ScriptedServer, count: number): Promise<readonly Peer[]> {
    return expect
      .poll(() => upstream.peers.length)
      .toBe(count)
      .then(() => upstream.peers);
  }

  test('ends silent relays after the idle limit, and lets those that move finish', async () => {
    const upstream = await startScripted((peer) => oblige(peer));
    const worker = await startRelay(upstream, { drain_timeout: '60', relay_timeout: LONG });
    const silent = await Dialogue.open(worker.port);
    const moving = await Dialogue.open(worker.port);
    expect(await moving.ask('SEND <a> SIZE 12\n')).toBe('SEND OK\n');
    await opened(upstream, 2);
    const drained = worker.worker.drain();
    // Longer than the idle limit as a whole.
    for (let count = 0; count < 11; count++) {
      moving.send('.');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(await silent.rest()).toBe('');
    expect(await moving.ask('.')).toBe('SEND OK\n');
    moving.send('QUIT\n');
    expect(await moving.rest()).toBe('');
    expect(await drained).toBe(0);
  });

  test('cuts off what still moves when the drain time is over', async () => {
    const upstream = await startScripted(() => undefined);
    const worker = await startRelay(upstream, { drain_timeout: '1' });
    const client = await Dialogue.open(worker.port);
    const moving = setInterval(() => {
      client.send('.');
    }, 50);
    onTestFinished(() => {
      clearInterval(moving);
    });
    await opened(upstream, 1);
    expect(await worker.worker.drain()).toBe(1);
    await client.rest();
  });

  test('does not wait for an upstream that does not answer', async () => {
    // Takes the connection, and says nothing to PASS.
    const upstream = await startScripted(() => undefined);
    const tokens = { drain_timeout: '60', timeout: '30' };
    const worker = await startRelay(upstream, tokens, { proxyPassword: new Secret('secret') });
    const client = await Dialogue.open(worker.port);
    await opened(upstream, 1);
    const start = performance.now();
    expect(await worker.worker.drain()).toBe(0);
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await client.rest()).toBe('');
    await logged(worker, /closed: the server is stopping/);
    expect(worker.log.join('')).not.toMatch(/Warning|unexpectedly/);
  });
});
