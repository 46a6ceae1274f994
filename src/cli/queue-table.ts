/** The table of --queue: what waits to be sent on, and whether anybody would take it right now. */
import { Dialer } from '../proxy/dial.ts';
import { reasonOf } from '../proxy/upstream-reason.ts';
import { endpointText } from '../client/endpoint.ts';
import { byteCount } from '../log/byte-count.ts';
import { duration } from '../log/count.ts';
import type { ServerAddress, Settings, StoreMode } from '../settings/settings.ts';
import { QueueDirectory } from '../store/queue-directory.ts';

type Row = readonly [name: string, value: string];

/**
 * Lines for a terminal. The server need not run: the directory is read, and every upstream is connected to.
 * @throws the system's error when the directory cannot be read
 */
export async function queueTable({ upstream, spool }: StoreMode, { idleMs }: Settings): Promise<string> {
  const dialer = new Dialer(upstream, idleMs);
  const [waiting, states] = await Promise.all([
    waitingRows(new QueueDirectory(spool.directory)),
    Promise.all(upstream.servers.map((server) => stateRow(server, dialer))),
  ]);
  return [...waiting, ...states].map(([name, value]) => `${name.padEnd(10)}${value}\n`).join('');
}

async function waitingRows(queue: QueueDirectory): Promise<Row[]> {
  const { files, bytes, oldestMs } = await queue.scan(0);
  const oldest = oldestMs === undefined ? '-' : duration(Math.max(Date.now() - oldestMs, 0));
  return [
    ['files', String(files)],
    ['bytes', byteCount(bytes)],
    ['oldest', oldest],
    ['rejected', String(await queue.countRejected())],
  ];
}

async function stateRow(server: ServerAddress, dialer: Dialer): Promise<Row> {
  return ['upstream', `${endpointText(server)}: ${await stateOf(server, dialer)}`];
}

/** `up`, or why not. */
async function stateOf(server: ServerAddress, dialer: Dialer): Promise<string> {
  try {
    const client = await dialer.client(server);
    try {
      // Only an answer proves it: TLS 1.3 judges a client after the handshake, and a relay may have lost its upstream.
      await client.probe();
      await client.quit();
    } finally {
      client.close();
    }
    return 'up';
  } catch (error) {
    return reasonOf(error, server);
  }
}
