/** A scripted peer: a server that says what a test tells it to say, and remembers what it heard. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { onTestFinished } from 'vitest';
import { connect, type ConnectOptions, type TentacleClient, type Upload } from '../../src/client/client.ts';
import { Dialogue } from '../support/dialogue.ts';

/** One connection, as the script sees it. */
export class Peer extends Dialogue {
  readonly socket: Socket;
  /** All that came, as latin-1. */
  heard = '';
  /** Resolves when the connection is over. */
  readonly gone: Promise<void>;

  constructor(socket: Socket) {
    super(socket);
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString('latin1');
    });
    this.gone = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
  }

  /** Says nothing more; what was said before arrives. */
  close(): void {
    this.socket.end();
  }

  /** Ends the connection with a RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Takes a line, and says something. */
  async answer(text: string): Promise<string> {
    const line = await this.line();
    this.send(text);
    return line;
  }

  /** Says bytes one by one, with pauses, until all are said or nobody listens any more. */
  async trickle(text: string, pauseMs: number): Promise<void> {
    for (const byte of text) {
      if (this.socket.destroyed) return;
      this.send(byte);
      await Promise.race([this.gone, new Promise((resolve) => setTimeout(resolve, pauseMs))]);
    }
  }
}

/** What to do on a connection; the first one is number 0. It may fail: the client may have gone. */
export type Script = (peer: Peer, count: number) => Promise<unknown> | undefined;

export interface ScriptedServer {
  readonly host: string;
  readonly port: number;
  readonly peers: readonly Peer[];
}

interface Place {
  readonly host?: string;
  readonly port?: number;
  /** Speaks TLS. */
  readonly tls?: TlsOptions;
  /** Goes on when the other side has ended. */
  readonly allowHalfOpen?: boolean;
}

/** Listens on 127.0.0.1 unless told otherwise; ends with the current test. */
export async function startScripted(
  script: Script,
  { host = '127.0.0.1', port = 0, tls, allowHalfOpen = false }: Place = {},
): Promise<ScriptedServer> {
  const peers: Peer[] = [];
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    const peer = new Peer(socket);
    peers.push(peer);
    void Promise.resolve(script(peer, peers.length - 1)).catch(() => undefined);
  };
  const server =
    tls === undefined
      ? createServer({ noDelay: true, allowHalfOpen }, serve)
      : createTlsServer({ allowHalfOpen, ...tls }, serve);
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return { host, port: (server.address() as AddressInfo).port, peers };
}

const COMMAND = /^(Z?SEND|Z?RECV|MV|LS|PASS|QUIT)(?: <(.*)>(?: SIZE ([0-9]+))?| [0-9a-f]{32})?\n$/;

/** A server as it should be: takes any file, hands out `content` for any name. @param files what was stored */
export async function oblige(peer: Peer, files = new Map<string, string>(), content = 'x\n'): Promise<void> {
  for (;;) {
    const [, command = '', name = '', size] = COMMAND.exec(await peer.line()) ?? [];
    if (command === 'PASS') peer.send('PASS OK\n');
    else if (size !== undefined) {
      peer.send(`${command} OK\n`);
      files.set(name, await peer.take(Number(size)));
      peer.send(`${command} OK\n`);
    } else if (name !== '') {
      peer.send(`${command} SIZE ${String(content.length)}\n`);
      await peer.line();
      peer.send(content);
    } else {
      peer.close();
      return;
    }
  }
}

/** Patience for tests that do not wait for its end. */
export const PATIENT_MS = 10_000;

/** Connects to a scripted server; the connection ends with the current test. */
export async function connectTo(
  { host, port }: ScriptedServer,
  options: Partial<ConnectOptions> = {},
): Promise<TentacleClient> {
  const client = await connect({ host, port, idleMs: PATIENT_MS, ...options });
  onTestFinished(() => {
    client.close();
  });
  return client;
}

/** A file to send, whose content comes in these chunks; they may be fewer or more than its size. */
export function upload(chunks: string | readonly string[] = 'hello', name = 'a.data', size?: number): Upload {
  const all = [chunks].flat();
  return {
    name,
    size: size ?? all.join('').length,
    // eslint-disable-next-line @typescript-eslint/require-await -- as a file's content comes
    content: async function* () {
      for (const chunk of all) yield Buffer.from(chunk, 'latin1');
    },
  };
}

/** What a promise is rejected with. @throws Error when it is not */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  if (outcome === undefined) throw new Error('it did not fail');
  return outcome;
}

/**
 * Waits until nothing more can be on its way within this process: loopback delivers at once, so several rounds of the
 * event loop, and a round trip through a connection of its own, show all that was written until now.
 */
export async function allQuiet(): Promise<void> {
  const echo = await startScripted((peer) => peer.answer('pong\n'));
  const dialogue = await Dialogue.open(echo.port);
  await dialogue.ask('ping\n');
  for (let round = 0; round < 10; round++) await new Promise(setImmediate);
}
