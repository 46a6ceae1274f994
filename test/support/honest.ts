/** An honest client: sends a small file over a connection of its own, and knows how long that took. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Way {
  readonly port: number;
  readonly tls: boolean;
  /** Its own address. */
  readonly from?: string;
}

const FILE = Buffer.alloc(2048, '<agent_data/>\n');

/**
 * From the first packet to the last answer.
 * @param patienceMs then it gives up
 * @returns milliseconds
 * @throws Error when it is not served in that time, or closed before
 */
export async function deliverTimed(way: Way, name: string, patienceMs: number): Promise<number> {
  const start = performance.now();
  const { port, tls, from } = way;
  const raw = connect({
    port,
    host: '127.0.0.1',
    noDelay: true,
    ...(from !== undefined && { localAddress: from }),
  });
  raw.on('error', () => undefined);
  const stream: Socket = tls ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw;
  const late = setTimeout(() => {
    stream.destroy(new Error(`not served within ${String(patienceMs)} ms`));
    raw.destroy();
  }, patienceMs);
  try {
    return await converse(stream, name, start);
  } finally {
    clearTimeout(late);
    stream.destroy();
    raw.destroy();
  }
}

function converse(stream: Socket, name: string, start: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const closed = (): void => {
      reject(new Error(`closed after ${JSON.stringify(heard)} and ${String(performance.now() - start)} ms`));
    };
    stream.on('error', reject).on('close', closed).on('end', closed);
    stream.write(`SEND <${name}> SIZE ${String(FILE.length)}\n`);
    stream.on('data', (chunk: Buffer) => {
      const before = heard.length;
      heard += chunk.toString('latin1');
      if (before === 0) stream.write(FILE);
      if (heard !== 'SEND OK\nSEND OK\n') return;
      stream.end('QUIT\n');
      resolve(performance.now() - start);
    });
  });
}
