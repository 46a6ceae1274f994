/** A server that is killed and started again in its place. */
import { freePort, ServerProcess } from './program.ts';
import type { Host } from './network.ts';

export interface Site {
  /** Where it runs, and listens on its IPv4 address; without it, on 127.0.0.1. */
  readonly host?: Host;
  readonly args: readonly string[];
  /** What it says when it serves; without it, that it listens. */
  readonly says?: string;
}

export class Restartable {
  readonly port: number;
  readonly #site: Site;
  #server: ServerProcess | undefined;
  #earlier = '';

  private constructor(site: Site, port: number) {
    this.#site = site;
    this.port = port;
  }

  /** Not started yet; what is started of it is killed with the current test. */
  static async prepare(site: Site): Promise<Restartable> {
    return new Restartable(site, site.host === undefined ? await freePort() : 41_121);
  }

  static async start(site: Site): Promise<Restartable> {
    const server = await Restartable.prepare(site);
    await server.start();
    return server;
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error('not started');
    return this.#server;
  }

  /** What is to be written behind -b and -g of a proxy in front of it. */
  get asUpstream(): readonly string[] {
    return ['-b', this.#address, '-g', String(this.port)];
  }

  /** Of all its lives. */
  get output(): string {
    return this.#earlier + (this.#server?.output ?? '');
  }

  /** Starts it, again; resolves when it listens. */
  async start(): Promise<void> {
    this.#earlier = this.output;
    this.#server = undefined;
    const { host, args, says } = this.#site;
    const listen = ['-a', this.#address, '-p', String(this.port)];
    const through = host === undefined ? {} : { through: host.through };
    this.#server = await ServerProcess.start([...listen, ...args], {
      port: this.port,
      ...through,
      ...(says === undefined ? {} : { says }),
    });
  }

  /** kill -9 of the supervisor and all workers, as when a host loses its power. */
  async kill(): Promise<void> {
    const { server } = this;
    for (const pid of [...server.workers(), server.pid]) process.kill(pid, 'SIGKILL');
    await server.exited;
  }

  get #address(): string {
    return this.#site.host?.ipv4 ?? '127.0.0.1';
  }
}
