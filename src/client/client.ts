/** A conversation with a Tentacle server, for programs: connect, send, receive, list, move, quit. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type ConnectOptions as StreamOptions, openStream } from './connect.ts';
import { endpointText } from './endpoint.ts';
import {
  ClosedError,
  LocalFileError,
  RefusedError,
  TimeoutError,
  TlsError,
  UnexpectedReplyError,
} from './errors.ts';
import { FLAG_NAMES } from './names.ts';
import { printable } from '../log/printable.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { PeerClosed, PeerTimeout, ProtocolError, Refusal } from '../protocol/errors.ts';

export interface ConnectOptions extends Omit<StreamOptions, 'idleMs'> {
  /** W10. A string is taken as UTF-8. */
  readonly password?: string | Uint8Array | undefined;
  /** W4: how long each step may take, in milliseconds; 4 seconds by default. */
  readonly idleMs?: number | undefined;
  /** Hears what happens, in the words of the reference's `-v`. */
  readonly log?: ((message: string) => void) | undefined;
}

/** What is to be sent. */
export interface Upload {
  /** The name to store it under, as latin-1 (W1). */
  readonly name: string;
  /** Bytes; at least 1, since the protocol has no empty file. */
  readonly size: number;
  /** Its bytes; called once for each pass, and twice for a compressed file. */
  readonly content: () => AsyncIterable<Buffer>;
  /** Its size as an archive, where it is known already; else it takes a pass with the server waiting. Bytes. */
  readonly packedSize?: number | undefined;
}

/** Takes the bytes of a file that arrives; what it throws ends the transfer. */
export type Sink = (content: AsyncIterable<Buffer>, size: number) => Promise<void>;

interface Choice {
  /** ZSEND and ZRECV (T-zip). */
  readonly compress?: boolean;
}

/** For the server to close after QUIT: what was confirmed is confirmed, whatever it does then. */
const QUIT_MS = 1000;
const DEFAULT_IDLE_MS = 4000;
/** Bytes. A million of the longest names. */
const LONGEST_LISTING = 256 * 1024 * 1024;
/** W2: the longest line of the reference's clients and servers. */
const LINE_LIMIT = 8192;

/**
 * Connects, does TLS, and authenticates where a password is given. W2: nothing is sent before the reply to what
 * was sent before has been read.
 * @throws ConnectError, TlsError, TimeoutError, ClosedError, UnexpectedReplyError
 */
export async function connect(options: ConnectOptions): Promise<TentacleClient> {
  const { idleMs = DEFAULT_IDLE_MS, log, password, signal } = options;
  const stream = await openStream({ ...options, idleMs });
  log?.(`Connected to ${endpointText(options)}`);
  const client = new TentacleClient(stream, { ...options, idleMs });
  const abort = (): void => {
    client.close();
  };
  signal?.addEventListener('abort', abort);
  stream.once('close', () => signal?.removeEventListener('abort', abort));
  try {
    signal?.throwIfAborted();
    if (password !== undefined) await client.authenticate(password);
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

type Talk = ConnectOptions & { readonly idleMs: number };

export class TentacleClient {
  readonly #stream: Socket;
  readonly #options: Talk;
  readonly #reader: ByteReader;
  readonly #writer: ByteWriter;
  #answered = false;

  /** Use connect(). */
  constructor(stream: Socket, options: Talk) {
    this.#stream = stream;
    this.#options = options;
    this.#reader = new ByteReader(stream, options.idleMs);
    this.#writer = new ByteWriter(stream, options.idleMs);
  }

  /** The stream below, for what was negotiated on it. */
  get stream(): Socket | TLSSocket {
    return this.#stream;
  }

  /** Whether the server has answered as a Tentacle server yet. */
  get answered(): boolean {
    return this.#answered;
  }

  /** W10: `PASS OK` was read when this resolves. @throws ClosedError when the server does not like it */
  async authenticate(password: string | Uint8Array): Promise<void> {
    // Only who has a password waits for node:crypto to load.
    const { passwordDigest } = await import('../protocol/password.ts');
    const digest = passwordDigest(typeof password === 'string' ? Buffer.from(password) : password);
    const { tls, names = FLAG_NAMES } = this.#options;
    const certificate =
      tls !== undefined && tls.cert === undefined
        ? `, or wants a client certificate (${names.certificate})`
        : '';
    const why = `the password is wrong, or the server has none set${certificate}`;
    const reply = await this.#ask(`PASS ${digest}`, why);
    if (reply !== 'PASS OK') throw this.#unexpected(reply, 'PASS');
    this.#answered = true;
    this.#options.log?.('Server responded PASS OK');
  }

  /**
   * Sends one file; when this resolves the server has confirmed it.
   * @throws RefusedError, after which the connection goes on; ClosedError, TimeoutError, UnexpectedReplyError
   */
  async send(upload: Upload, { compress = false }: Choice = {}): Promise<void> {
    const command = compress ? 'ZSEND' : 'SEND';
    const { zip } = compress ? await import('../protocol/zip/zip.ts') : { zip: undefined };
    const content = zip === undefined ? upload.content : () => zip(upload.content());
    const size =
      zip === undefined ? upload.size : (upload.packedSize ?? (await packedSize(upload.name, content())));
    this.#options.log?.(
      `Request to send ${compress ? 'compressed ' : ''}file '${printable(upload.name)}' size ${String(size)}b`,
    );
    const why = compress
      ? `it may not know ZSEND (send without -z, or with -Z), or ${this.#wants}`
      : this.#wants;
    await this.#expectOk(`${command} <${upload.name}> SIZE ${String(size)}`, command, why);
    try {
      await this.#talk(() => this.#body(upload.name, content(), size));
    } catch (error) {
      // Whatever came next would be taken for the rest of the file.
      this.close();
      throw error;
    }
    this.#ok(await this.#reply(`the file was sent, but not confirmed`), command);
  }

  /**
   * Fetches one file into a sink.
   * @throws what the sink throws, and as send()
   */
  async receive(name: string, sink: Sink, { compress = false }: Choice = {}): Promise<void> {
    if (!compress) return this.#fetch('RECV', name, sink);
    const { unzip } = await import('../protocol/zip/unzip.ts');
    return this.#fetch('ZRECV', name, (archive, size) => sink(unzip(archive, Number.MAX_SAFE_INTEGER), size));
  }

  /** W15: the names in the directory that the server's filters choose for a name, as latin-1. */
  async list(name: string): Promise<string[]> {
    const chunks: Buffer[] = [];
    await this.#fetch('LS', name, async (content, size) => {
      if (size > LONGEST_LISTING) throw new UnexpectedReplyError(`${this.#server} has too long a listing`);
      for await (const chunk of content) chunks.push(chunk);
    });
    return Buffer.concat(chunks).toString('latin1').split('\n').slice(0, -1);
  }

  /** W16: as receive(); the server deletes its file when it reads the next command, quit() included. */
  async move(name: string, sink: Sink): Promise<void> {
    return this.#fetch('MV', name, sink);
  }

  /** W17: says QUIT, and waits until the server closes, for a moment at most. */
  async quit(): Promise<void> {
    const timer = setTimeout(() => {
      this.close();
    }, QUIT_MS);
    try {
      await this.#writer.reply('QUIT\n');
      this.#stream.end();
      await this.#reader.readLine(LINE_LIMIT);
    } catch {
      // Whether and how the server closes changes nothing any more.
    } finally {
      clearTimeout(timer);
      this.close();
    }
  }

  /** Proves that the server takes commands from this client: it refuses a name that no server has. @throws as send() */
  async probe(): Promise<void> {
    const reply = await this.#ask('RECV <?>', this.#wants);
    if (!/^RECV (?:ERR|SIZE)/.test(reply)) throw this.#unexpected(reply, 'RECV');
  }

  /**
   * Lets go of the connection: the stream is paused, and what the server says next is read by somebody else.
   * @throws UnexpectedReplyError when it said something already that nobody asked for
   */
  release(): Socket {
    this.#inStep();
    this.#reader.release();
    return this.#stream;
  }

  /** Drops the connection at once. */
  close(): void {
    this.#stream.destroy();
  }

  async #body(name: string, content: AsyncIterable<Buffer>, size: number): Promise<void> {
    this.#inStep();
    let left = size;
    for await (const chunk of content) {
      left -= chunk.length;
      // More or less than announced would corrupt the framing.
      if (left < 0) break;
      await this.#writer.bytes(chunk);
    }
    if (left !== 0) throw new LocalFileError(`'${printable(name)}' changed while it was being sent`);
  }

  /** W2: what has come already cannot be the answer to what is said next. */
  #inStep(): void {
    if (!this.#reader.ahead) return;
    this.close();
    throw new UnexpectedReplyError(`${this.#server} says more than it was asked`);
  }

  /** W13: announce, OK, bytes. */
  async #fetch(command: 'RECV' | 'ZRECV' | 'LS' | 'MV', name: string, sink: Sink): Promise<void> {
    this.#options.log?.(`Request to receive file '${printable(name)}'`);
    const hidden = command === 'LS' || command === 'MV' ? 'it may not run in insecure mode (-I), or ' : '';
    const reply = await this.#ask(`${command} <${name}>`, `${hidden}${this.#wants}`);
    const size = new RegExp(`^${command} SIZE ([0-9]{1,15})$`).exec(reply)?.[1];
    if (size === undefined) throw this.#refusedOr(reply, command);
    this.#answered = true;
    await this.#say(`${command} OK`);
    const content = this.#reader.body(Number(size));
    try {
      await this.#talk(() => sink(content, Number(size)));
      if ((await content.next()).done !== true || this.#reader.bodyLeft > 0)
        throw new ClosedError('the file was not taken whole');
    } catch (error) {
      // The rest of the file is still on its way: nothing else can be asked on this connection.
      this.close();
      throw error;
    }
  }

  async #expectOk(line: string, command: string, why: string): Promise<void> {
    this.#ok(await this.#ask(line, why), command);
    this.#options.log?.(`Server responded ${command} OK`);
  }

  #ok(reply: string, command: string): void {
    if (reply !== `${command} OK`) throw this.#refusedOr(reply, command);
    this.#answered = true;
  }

  /** Says one line and reads its answer. @param why what it may mean when the server closes instead */
  async #ask(line: string, why: string): Promise<string> {
    try {
      await this.#say(line, why);
      return await this.#reply(why);
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error;
      throw new ClosedError(error.message, { cause: error.cause, unanswered: true });
    }
  }

  async #say(line: string, why?: string): Promise<void> {
    // eslint-disable-next-line no-control-regex -- control characters are what it looks for
    if (/[\x00-\x1f]/.test(line)) throw new LocalFileError(`no name: ${printable(line)}`);
    await this.#talk(async () => {
      this.#inStep();
      await this.#writer.reply(`${line}\n`);
    }, why);
  }

  async #reply(why: string): Promise<string> {
    const line = await this.#talk(() => this.#reader.readLine(LINE_LIMIT), why);
    if (line === undefined)
      throw new ClosedError(`Connection to ${this.#server} closed by the server: ${why}`);
    return line;
  }

  /** Runs a step of the conversation; its failures come out in this library's words. */
  async #talk<T>(step: () => Promise<T>, why?: string): Promise<T> {
    try {
      return await step();
    } catch (cause) {
      this.#options.signal?.throwIfAborted();
      if (cause instanceof PeerTimeout) {
        throw new TimeoutError(`Connection to ${this.#server} timed out`, { cause });
      }
      if (cause instanceof PeerClosed) {
        // TLS 1.3: what the server thinks of the client's certificate comes after the handshake.
        const { code } = (cause.cause ?? {}) as NodeJS.ErrnoException;
        if (code?.startsWith('ERR_SSL_') === true) {
          const { explain } = await import('./tls.ts');
          throw new TlsError(explain(cause.cause as Error, this.#options), { cause });
        }
        const hint = why === undefined ? '' : `: ${why}`;
        throw new ClosedError(`Connection to ${this.#server} lost (${cause.message})${hint}`, { cause });
      }
      if (cause instanceof ProtocolError || cause instanceof Refusal) {
        throw new UnexpectedReplyError(`${this.#server} sent ${cause.message}`, { cause });
      }
      throw cause;
    }
  }

  #refusedOr(reply: string, command: string): Error {
    if (!reply.startsWith(`${command} ERR`)) return this.#unexpected(reply, command);
    this.#answered = true;
    const reason = /\((.*)\)$/.exec(reply)?.[1] ?? '';
    const said = printable(reason === '' ? reply : reason);
    return new RefusedError(`Server responded ${command} ERR: ${said}`, printable(reason));
  }

  #unexpected(reply: string, command: string): UnexpectedReplyError {
    const server = this.#server;
    return new UnexpectedReplyError(
      `${server} answered "${printable(reply)}" to ${command}: is it a Tentacle server?`,
    );
  }

  /** What a server may miss that closes instead of answering. */
  get #wants(): string {
    const { tls, password, names = FLAG_NAMES } = this.#options;
    const missing = [
      ...(password === undefined ? [`a password (${names.password})`] : []),
      ...(tls === undefined
        ? [`TLS (${names.tls})`]
        : tls.cert === undefined
          ? [`a client certificate (${names.certificate})`]
          : [`another client certificate (${names.certificate})`]),
    ];
    return missing.length === 0 ? 'its log says why' : `it may want ${missing.join(' or ')}`;
  }

  get #server(): string {
    return endpointText(this.#options);
  }
}

/** @throws LocalFileError when it is too big for an archive */
export async function packedSize(name: string, archive: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  try {
    for await (const chunk of archive) bytes += chunk.length;
    return bytes;
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    throw new LocalFileError(`Cannot compress ${printable(name)}: ${cause.message}`, { cause });
  }
}
