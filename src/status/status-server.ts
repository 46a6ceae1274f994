/** Answers HTTP requests about the server's state, and keeps pages up to date by server-sent events. */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type ListenOptions, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { judge, type Verdict } from './access.ts';
import { formatFor, type Figures, Metrics } from './metrics.ts';
import { page, pageHeaders, sseEvent } from './page.ts';
import type { Check } from './report.ts';
import type { StatusAddress, StatusSettings } from '../settings/settings.ts';

/** So many may ask at a time, and look at a page: it is for a few people and their monitoring. More take the oldest's place. */
const MOST_CONNECTIONS = 64;
const MOST_VIEWERS = 16;
const EVENT_MS = 2000;
/** A page that does not read is not written to any more. Bytes. */
const MOST_UNREAD = 1024 * 1024;
const SOCKET_MODE = 0o660;
const PLAIN = { 'content-type': 'text/plain; charset=utf-8' };
const JSON_TYPE = { 'content-type': 'application/json' };
/** For whatever is answered: a browser is to make nothing of it. */
const GUARDS = { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Ask = () => Promise<Figures>;

export class StatusServer {
  readonly #ask: Ask;
  readonly #server: Server;
  readonly #viewers = new Set<ServerResponse>();
  /** The oldest first. */
  readonly #connections = new Set<Socket>();
  readonly #heard = new WeakSet<Socket>();
  readonly #metrics = new Metrics();
  #settings: StatusSettings;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Listens.
   * @throws the system's error when it cannot
   */
  static async open(settings: StatusSettings, ask: Ask): Promise<StatusServer> {
    const server = new StatusServer(settings, ask);
    await server.#listen();
    return server;
  }

  private constructor(settings: StatusSettings, ask: Ask) {
    this.#settings = settings;
    this.#ask = ask;
    const limits = {
      headersTimeout: 5000,
      requestTimeout: 10_000,
      maxHeaderSize: 8192,
      connectionsCheckingInterval: 1000,
    };
    this.#server = createServer(limits, (request, response) => {
      if (this.#isFurther(request.socket)) return;
      response.shouldKeepAlive = false;
      this.#serve(request, response).catch((cause: unknown) => {
        response.destroy(cause as Error);
      });
    });
    this.#server.on('connection', (socket) => {
      this.#enter(socket);
    });
  }

  /** From now on perhaps another token counts: then who looks at a page came in by the old one, and comes again. */
  set settings(settings: StatusSettings) {
    const isSame = isDeepStrictEqual(settings.token?.reveal(), this.#settings.token?.reveal());
    this.#settings = settings;
    if (isSame) return;
    // An orderly end waits for one that does not read, and the next event would be written behind it.
    for (const viewer of this.#viewers) viewer.destroy();
  }

  /** Ends all connections. */
  close(): void {
    clearInterval(this.#timer);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #listen(): Promise<void> {
    const { address } = this.#settings;
    if (address.kind === 'unix') await removeDeadSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(listenOptions(address), () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    if (address.kind === 'unix') await chmod(address.path, SOCKET_MODE);
    // Out of descriptors, perhaps: whoever asks hears nothing, and asks again.
    this.#server.on('error', () => undefined);
  }

  /** Whoever holds all connections and says nothing must not keep others out. */
  #enter(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    if (this.#connections.size <= MOST_CONNECTIONS) return;
    const viewing = new Set([...this.#viewers].map((viewer) => viewer.socket));
    const oldest = [...this.#connections].find((each) => !viewing.has(each));
    oldest?.destroy();
    if (oldest !== undefined) this.#connections.delete(oldest);
  }

  /** One answer for each connection: node would make those to thousands of requests at once, read or not. */
  #isFurther(socket: Socket): boolean {
    const isFurther = this.#heard.has(socket);
    this.#heard.add(socket);
    return isFurther;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const verdict = judge(this.#settings, request.headers);
    const [path = '/'] = (request.url ?? '/').split('?');
    if (verdict !== 'welcome') send(request, response, REFUSALS[verdict]);
    else if (request.method !== 'GET' && request.method !== 'HEAD') send(request, response, WRONG_METHOD);
    else if (path === '/events' && request.method === 'GET') await this.#watch(response);
    else send(request, response, await this.#answer(path, request.headers.accept ?? ''));
  }

  async #answer(path: string, accept: string): Promise<Answer> {
    switch (path) {
      case '/': {
        const { report } = await this.#ask();
        return { status: 200, headers: pageHeaders(), body: page(report) };
      }
      case '/metrics': {
        const format = formatFor(accept);
        const body = await this.#metrics.write(await this.#ask(), format);
        return { status: 200, headers: { 'content-type': format }, body };
      }
      case '/status.json':
        return json(200, (await this.#ask()).report);
      case '/healthz':
        return health((await this.#ask()).report.checks.filter(({ name }) => name === 'workers'));
      case '/readyz':
        return health((await this.#ask()).report.checks);
      default:
        return {
          status: 404,
          headers: PLAIN,
          body: 'There are /, /metrics, /healthz, /readyz and /status.json\n',
        };
    }
  }

  /** Once at once, and then every two seconds. */
  async #watch(response: ServerResponse): Promise<void> {
    if (this.#viewers.size >= MOST_VIEWERS) {
      response.writeHead(503, { ...PLAIN, ...GUARDS }).end('too many look at it already\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', ...GUARDS });
    this.#viewers.add(response);
    this.#timer ??= setInterval(() => void this.#tell(), EVENT_MS);
    response.once('close', () => {
      this.#viewers.delete(response);
      if (this.#viewers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    });
    response.write(sseEvent((await this.#ask()).report));
  }

  /** All of them the same. Never fails. */
  async #tell(): Promise<void> {
    let event: string;
    try {
      event = sseEvent((await this.#ask()).report);
    } catch {
      // As whoever asks now: a page says so, and asks again.
      for (const viewer of this.#viewers) viewer.destroy();
      return;
    }
    for (const viewer of this.#viewers) {
      if (viewer.writableLength > MOST_UNREAD) viewer.destroy();
      else viewer.write(event);
    }
  }
}

const REFUSALS: Readonly<Record<Exclude<Verdict, 'welcome'>, Answer>> = {
  'wrong token': {
    status: 401,
    headers: {
      ...PLAIN,
      'www-authenticate': 'Basic realm="Tentacle", charset="UTF-8", Bearer realm="Tentacle"',
    },
    body: 'Show status_token: as a bearer token, or as the password of any user\n',
  },
  'wrong host': {
    status: 421,
    headers: PLAIN,
    body: 'Ask by an IP address, by localhost or by the name in status_address\n',
  },
};

const WRONG_METHOD: Answer = { status: 405, headers: { ...PLAIN, allow: 'GET, HEAD' }, body: 'GET only\n' };

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Answer): void {
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { ...GUARDS, ...headers, 'content-length': length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function json(status: number, value: unknown): Answer {
  return { status, headers: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** 200 when all is well, else 503; with what each check found. */
function health(checks: readonly Check[]): Answer {
  const ok = checks.every((check) => check.ok);
  const found = Object.fromEntries(checks.map(({ name, ok, text }) => [name, { ok, text }]));
  return json(ok ? 200 : 503, { ok, checks: found });
}

function listenOptions(address: StatusAddress): ListenOptions {
  return address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
}

/** What a killed server left; where one answers, listening fails. */
async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === true && !(await answers(path))) await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      resolve(cause.code !== 'ECONNREFUSED');
    });
  });
}
