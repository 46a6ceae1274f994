/** The table of --queue: what waits to be sent on, and whether anybody would take it right now. */
import { Dialer } from '../proxy/dial.ts';
import { reasonOf } from '../proxy/upstream-reason.ts';
import { endpointText } from '../client/endpoint.ts';
import { type Target, targetOf } from '../jetstream/state/target.ts';
import { byteCount } from '../log/byte-count.ts';
import { duration } from '../log/count.ts';
import type { ServerAddress, Settings } from '../settings/settings.ts';
import { QueueDirectory } from '../store/queue-directory.ts';

type Row = readonly [name: string, value: string];

/** What has a queue. */
export interface Queue {
  readonly directory: string;
  /** Whether anybody would take what waits, line by line. */
  readonly states: () => Promise<readonly Row[]>;
}

/** Undefined in a mode that has none. */
export function queueOf({ mode, idleMs }: Settings): Queue | undefined {
  if (mode.kind === 'store') {
    const { spool, upstream } = mode;
    const dialer = new Dialer(upstream, idleMs);
    const states = (): Promise<readonly Row[]> =>
      Promise.all(upstream.servers.map((server) => stateRow(server, dialer)));
    return { directory: spool.directory, states };
  }
  const target = targetOf(mode);
  if (target?.queue === undefined) return undefined;
  return { directory: target.queue.directory, states: () => jetStreamRows(target) };
}

/**
 * Lines for a terminal. The server need not run: the directory is read, and whoever takes files is connected to.
 * @throws the system's error when the directory cannot be read
 */
export async function queueTable({ directory, states }: Queue): Promise<string> {
  const [waiting, takers] = await Promise.all([waitingRows(new QueueDirectory(directory)), states()]);
  return [...waiting, ...takers].map(([name, value]) => `${name.padEnd(10)}${value}\n`).join('');
}

async function jetStreamRows(target: Target): Promise<readonly Row[]> {
  // With it the NATS packages are loaded.
  const { jetStreamStates } = await import('./jetstream-actions.ts');
  return (await jetStreamStates(target)).map((text) => ['jetstream', text]);
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
