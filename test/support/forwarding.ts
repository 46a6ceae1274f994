/** The parts of a server that stores and forwards, put together for tests without one. */
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { recordLog, type RecordedLog } from './log.ts';
import { connect, type TentacleClient } from '../../src/client/client.ts';
import type { HostPort } from '../../src/client/endpoint.ts';
import { Forwarder, type ForwarderOptions } from '../../src/proxy/forwarder.ts';
import { ForwardingStore } from '../../src/proxy/forwarding-store.ts';
import { Queue } from '../../src/proxy/queue.ts';
import { UpstreamDestination } from '../../src/proxy/upstream-destination.ts';
import { Upstreams } from '../../src/proxy/upstreams.ts';
import { ByteReader } from '../../src/protocol/byte-reader.ts';
import { ByteWriter } from '../../src/protocol/byte-writer.ts';
import { compileInvalidChars, DEFAULT_INVALID_CHARS } from '../../src/protocol/file-name.ts';
import { DiskTroubles } from '../../src/server/disk-troubles.ts';
import { peerOf } from '../../src/server/peer.ts';
import { runSession } from '../../src/server/session.ts';
import { DirectoryStore } from '../../src/store/directory-store.ts';
import { QueueDirectory } from '../../src/store/queue-directory.ts';
import type { Store } from '../../src/store/store.ts';

export interface Forwarding extends RecordedLog {
  readonly forwarder: Forwarder;
  readonly queue: Queue;
  readonly upstreams: Upstreams;
  readonly destination: UpstreamDestination;
  readonly store: ForwardingStore;
  /** Files that wait; without the hidden ones. */
  readonly waiting: () => readonly string[];
  /** Files in `rejected/`. */
  readonly rejected: () => readonly string[];
}

export interface ForwardingOptions extends Partial<Pick<ForwarderOptions, 'connections' | 'retry'>> {
  readonly spool: string;
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly overwrite?: boolean;
}

const IDLE_MS = 4000;

/** A forwarder that is not started yet; it stops with the current test. */
export function forwarding({ spool, port, overwrite = false, ...options }: ForwardingOptions): Forwarding {
  const recorded = recordLog();
  const { log } = recorded;
  const local = new DirectoryStore({
    directory: spool,
    filters: [],
    overwrite,
    fsync: false,
    minFreeSpace: 0,
    maxFiles: 0,
  });
  const queue = new Queue(new QueueDirectory(spool), { log });
  const upstreams = new Upstreams({ servers: [{ host: '127.0.0.1', port }], policy: 'failover' }, log);
  const dial = (server: HostPort): Promise<TentacleClient> => connect({ ...server, idleMs: IDLE_MS });
  const destination = new UpstreamDestination(upstreams, dial);
  const forwarder = new Forwarder({
    ...{ store: local, queue, destination, log, connections: 4 },
    ...options,
  });
  onTestFinished(() => forwarder.stop());
  return {
    ...recorded,
    forwarder,
    queue,
    upstreams,
    destination,
    store: new ForwardingStore({ local, queue, upstreams, connect: dial }),
    waiting: () => namesIn(spool).filter((name) => name !== 'rejected'),
    rejected: () => namesIn(`${spool}/rejected`),
  };
}

/** What a directory lists, sorted, without hidden names; nothing when it is not there. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return [];
  }
}

/** Serves a store on a port of 127.0.0.1, insecure commands included. @returns the port, and how sessions ended */
export async function serve(store: Store): Promise<{ readonly port: number; readonly ends: unknown[] }> {
  const ends: unknown[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const lineLimit = 8192;
    const { log } = recordLog();
    const reader = new ByteReader(socket, IDLE_MS);
    const session = runSession({
      reader,
      writer: new ByteWriter(socket, IDLE_MS),
      nextLine: () => reader.readLine(lineLimit),
      peer: peerOf(socket),
      store,
      rules: {
        maxSize: 2 ** 30,
        invalidChars: compileInvalidChars(DEFAULT_INVALID_CHARS),
        insecure: true,
        clientFiles: false,
      },
      lineLimit,
      passwordDigests: [],
      log,
      troubles: new DiskTroubles(log),
      progress: () => undefined,
    });
    void session
      .then(
        () => ends.push('closed'),
        (error: unknown) => ends.push(error),
      )
      .finally(() => {
        socket.destroySoon();
      });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, ends };
}
