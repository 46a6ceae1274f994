/** Ports for the servers of a benchmark. */
import { createServer } from 'node:net';

/** Below those that the system gives to clients: of these thousands are taken for a minute after each run. */
const [FIRST, COUNT] = [20_000, 11_000];

let next = Math.floor(Math.random() * COUNT);

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((done) => {
    server.once('error', () => {
      done(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        done(true);
      });
    });
  });
}

/** A port of 127.0.0.1 that was free a moment ago, and that this program did not give away before. */
export async function lowPort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}
