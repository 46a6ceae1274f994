/** Serves the status page of a made-up report, as the real server does: page and events, and nothing else. */
import { createServer, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { page, pageHeaders, sseEvent } from '../../src/status/page.ts';
import type { StatusReport } from '../../src/status/report.ts';

export interface ServedPage {
  readonly url: string;
  /** Sends another report to everybody who listens; those who come later get it, too. */
  show(report: StatusReport): void;
  /** How many listen. */
  readonly listeners: number;
  /** Ends all that listen, and answers nobody, until it is mended. */
  cut(): void;
  mend(): void;
}

/** A server that ends with the current test. */
export async function servePage(first: StatusReport): Promise<ServedPage> {
  let report = first;
  let broken = false;
  const listeners = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    if (broken) {
      response.destroy();
    } else if (request.url === '/') {
      response.writeHead(200, pageHeaders()).end(page(report));
    } else if (request.url === '/events') {
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(sseEvent(report));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${String(address.port)}/`,
    show: (next) => {
      report = next;
      for (const response of listeners) response.write(sseEvent(next));
    },
    get listeners() {
      return listeners.size;
    },
    cut: () => {
      broken = true;
      for (const response of listeners) response.destroy();
    },
    mend: () => {
      broken = false;
    },
  };
}
