/** Those who ask for the state: slow ones, hostile ones, and such as are gone before the answer. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { NOTHING } from '../../../src/server/counts.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { Figures } from '../../../src/status/metrics.ts';
import { StatusServer } from '../../../src/status/status-server.ts';
import { ask } from '../../support/status.ts';
import { statusReport } from '../../support/status-report.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const WAIT = { timeout: 20_000, interval: 20 };
/** More than a socket of this kind holds, less than what a viewer may leave unread. */
const LARGE = { purpose: 'x'.repeat(600_000) };

interface Opened {
  readonly server: StatusServer;
  readonly path: string;
  /** How often it wanted to know. */
  readonly asked: () => number;
}

async function open(figures: () => Promise<Figures>): Promise<Opened> {
  const path = join(temporaryDirectory(), 'status');
  let asked = 0;
  const server = await StatusServer.open({ address: { kind: 'unix', path }, token: undefined }, () => {
    asked++;
    return figures();
  });
  onTestFinished(() => {
    server.close();
  });
  return { server, path, asked: () => asked };
}

function about(differences: Parameters<typeof statusReport>[0] = {}): Figures {
  return { report: statusReport(differences), counts: NOTHING };
}

/** Asks, and reads nothing until it is resumed. */
function viewer(path: string, what = 'events'): Socket {
  const socket = connect(path);
  onTestFinished(() => {
    socket.destroy();
  });
  socket.pause();
  socket.write(`GET /${what} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

async function readUntilClosed(socket: Socket): Promise<string> {
  let read = '';
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => (read += text));
  socket.on('error', () => undefined);
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
  return read;
}

test('a viewer that does not read while settings change is let go, and nobody writes to it any more', async () => {
  const { server, path, asked } = await open(() => Promise.resolve(about(LARGE)));
  const [stuck, first] = [viewer(path), viewer(path)];
  await expect.poll(asked, WAIT).toBe(2);
  server.settings = { address: { kind: 'unix', path }, token: new Secret('another') };
  expect(await readUntilClosed(first)).toContain('data: ');
  // Somebody looks again, and goes on being told, also when settings of another kind change.
  server.settings = { address: { kind: 'unix', path }, token: undefined };
  const later = viewer(path);
  await expect.poll(asked, WAIT).toBe(3);
  server.settings = { address: { kind: 'unix', path }, token: undefined };
  await expect.poll(asked, WAIT).toBeGreaterThan(4);
  await readUntilClosed(stuck);
  expect(later.destroyed).toBe(false);
});

test('settings change between a question for events and its first answer', async () => {
  let answer: ((figures: Figures) => void) | undefined;
  const { server, path } = await open(() => new Promise((resolve) => (answer = resolve)));
  const early = viewer(path);
  await expect.poll(() => answer, WAIT).toBeDefined();
  server.settings = { address: { kind: 'unix', path }, token: new Secret('another') };
  answer?.(about());
  expect(await readUntilClosed(early)).not.toContain('data: ');
});

test('whoever holds all connections keeps nobody out', async () => {
  const { path } = await open(() => Promise.resolve(about()));
  const watching = viewer(path);
  await once(watching, 'connect');
  const silent = Array.from({ length: 200 }, () => connect(path).on('error', () => undefined));
  onTestFinished(() => {
    for (const socket of silent) socket.destroy();
  });
  await expect.poll(async () => (await ask(path, '/healthz')).status, WAIT).toBe(200);
  expect(watching.destroyed).toBe(false);
});

test('when there is nothing to tell, viewers are let go, and may come again', async () => {
  let told = 0;
  const { path } = await open(() =>
    told++ === 1 ? Promise.reject(new Error('no figures')) : Promise.resolve(about()),
  );
  expect(await readUntilClosed(viewer(path))).toContain('data: ');
  expect((await ask(path, '/healthz')).status).toBe(200);
});

test('who asks many times at once, and reads nothing, gets one answer', async () => {
  const { path, asked } = await open(() => Promise.resolve(about()));
  const greedy = connect(path);
  greedy.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100));
  const read = await readUntilClosed(greedy);
  expect(read.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(1);
  expect(read).toContain('Connection: close');
  expect(asked()).toBe(1);
});
