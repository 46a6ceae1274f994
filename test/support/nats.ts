/** Real NATS servers, one or a cluster of three, on free ports of 127.0.0.1; they go with the current test or file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { freePort } from './free-port.ts';
import { recordLog } from './log.ts';
import { Cluster } from '../../src/jetstream/cluster.ts';
import { setUp } from '../../src/jetstream/setup/setup.ts';
import type { JetStreamSettings } from '../../src/settings/settings.ts';

interface Node {
  readonly port: number;
  readonly route: number;
  readonly file: string;
  child: ChildProcess | undefined;
}

export interface NatsOptions {
  /** 1 or 3. */
  readonly nodes?: number;
  /** Further lines of each configuration. */
  readonly more?: string;
  /** How the test itself connects, where not everybody may. */
  readonly connection?: NodeConnectionOptions;
  /** Where they keep files; without it, a temporary directory. */
  readonly directory?: string;
}

const PATIENCE_MS = 60_000;

export class Nats {
  readonly #nodes: readonly Node[];
  readonly #directory: string;
  readonly #connection: NodeConnectionOptions;
  /** What all of them said. */
  said = '';

  /** Starts them, and waits until JetStream answers. To be stopped. */
  static async start(options: NatsOptions = {}): Promise<Nats> {
    const { nodes = 1, more = '' } = options;
    const ports = await Promise.all(
      Array.from({ length: nodes }, async () => ({ port: await freePort(), route: await freePort() })),
    );
    const directory = mkdtempSync(join(options.directory ?? tmpdir(), 'nats-'));
    const routes = ports.map(({ route }) => `"nats://127.0.0.1:${String(route)}"`).join(', ');
    const made = ports.map(({ port, route }, index) => {
      const [name, file] = [`n${String(index + 1)}`, join(directory, `n${String(index + 1)}.conf`)];
      mkdirSync(join(directory, name));
      const cluster = `cluster { name: test, listen: "127.0.0.1:${String(route)}", routes: [${routes}] }`;
      const lines = [
        `server_name: ${name}`,
        `listen: "127.0.0.1:${String(port)}"`,
        `jetstream { store_dir: "${join(directory, name)}", max_mem: 256M, max_file: 8G }`,
        ...(nodes === 1 ? [] : [cluster]),
        more,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return { port, route, file, child: undefined };
    });
    const nats = new Nats(made, directory, options.connection);
    for (let node = 0; node < nodes; node++) nats.begin(node);
    await nats.ready();
    return nats;
  }

  private constructor(nodes: readonly Node[], directory: string, connection: NodeConnectionOptions = {}) {
    this.#nodes = nodes;
    this.#directory = directory;
    this.#connection = connection;
  }

  /** `127.0.0.1:14222,...`, as nats_servers has it. */
  get servers(): string {
    return this.#nodes.map(({ port }) => `127.0.0.1:${String(port)}`).join(',');
  }

  get size(): number {
    return this.#nodes.length;
  }

  pid(node: number): number {
    const pid = this.#at(node).child?.pid;
    if (pid === undefined) throw new Error('it does not run');
    return pid;
  }

  /** Starts a node that was killed; see ready(). */
  begin(node: number): void {
    const at = this.#at(node);
    const child = spawn('nats-server', ['-c', at.file], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    at.child = child;
  }

  /** Ends a node at once, and waits until it is gone. */
  async kill(node: number): Promise<void> {
    const { child } = this.#at(node);
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  /** Freezes a node, or lets it go on: to the others it looks like one that was cut off. */
  signal(node: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid(node), signal);
  }

  /** Waits until JetStream answers by a quorum. @throws Error after a minute */
  async ready(): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const trouble = await this.#ask();
      if (trouble === undefined) return;
      if (Date.now() > deadline) throw new Error(`NATS is not ready: ${trouble}\n${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async stop(): Promise<void> {
    for (const { child } of this.#nodes) child?.kill('SIGCONT');
    await Promise.all(this.#nodes.map((_, node) => this.kill(node)));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The settings of a cluster of these. */
  settings(more: Partial<JetStreamSettings> = {}): JetStreamSettings {
    return {
      servers: this.#nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
      credentials: undefined,
      tls: undefined,
      stream: 'TENTACLE',
      replicas: this.size,
      duplicateWindowMs: 120_000,
      ...more,
    };
  }

  /** A connection that the test closes. */
  connect(): Promise<NatsConnection> {
    return connect({ ...this.#connection, servers: this.servers.split(','), maxReconnectAttempts: -1 });
  }

  /** Makes stream, consumers and buckets of these directories. */
  async setUp(directories: readonly string[] = [], more: Partial<JetStreamSettings> = {}): Promise<void> {
    const cluster = await Cluster.open(this.settings(more), { log: recordLog().log, name: 'test' });
    try {
      const deadline = Date.now() + PATIENCE_MS;
      for (;;) {
        try {
          await cluster.connected(PATIENCE_MS);
          await setUp(cluster, directories, () => undefined);
          return;
        } catch (error) {
          if (Date.now() > deadline) throw error;
        }
      }
    } finally {
      await cluster.close();
    }
  }

  /** Changes the stream behind the program's back. */
  async change(changes: Partial<StreamConfig>): Promise<void> {
    const connection = await this.connect();
    try {
      const { streams } = await jetstreamManager(connection);
      const { config } = await streams.info('TENTACLE');
      await streams.update('TENTACLE', { ...config, ...changes });
    } finally {
      await connection.close();
    }
  }

  #at(node: number): Node {
    const found = this.#nodes[node];
    if (found === undefined) throw new Error(`there is no node ${String(node)}`);
    return found;
  }

  /** What stands in the way; undefined: nothing. */
  async #ask(): Promise<string | undefined> {
    let connection: NatsConnection | undefined;
    try {
      connection = await connect({
        ...this.#connection,
        servers: this.servers.split(','),
        timeout: 1000,
        reconnect: false,
      });
      // Answered only where there is a leader.
      await jetstreamManager(connection, { timeout: 1000 });
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      await connection?.close().catch(() => undefined);
    }
  }
}
