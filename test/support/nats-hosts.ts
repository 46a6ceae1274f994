/** Three NATS servers on hosts of their own, of which one at a time is killed, or has its cable pulled. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Host } from './network.ts';
import { temporaryDirectory } from './temporary.ts';

const [PORT, ROUTE, MONITOR] = [4222, 6222, 8222];

export class NatsHosts {
  readonly hosts: readonly Host[];
  readonly #directory = temporaryDirectory();
  readonly #children: (ChildProcess | undefined)[] = [];
  /** What all of them said. */
  said = '';

  /** Starts one on each; they end with the current test. Whether JetStream answers, somebody on their network must ask. */
  constructor(hosts: readonly Host[]) {
    this.hosts = hosts;
    const routes = hosts.map(({ ipv4 }) => `"nats://${ipv4}:${String(ROUTE)}"`).join(', ');
    for (const [index, { ipv4 }] of hosts.entries()) {
      const name = `n${String(index + 1)}`;
      mkdirSync(join(this.#directory, name));
      const lines = [
        `server_name: ${name}`,
        `listen: "${ipv4}:${String(PORT)}"`,
        `jetstream { store_dir: "${join(this.#directory, name)}", max_mem: 256M, max_file: 8G }`,
        `cluster { name: test, listen: "${ipv4}:${String(ROUTE)}", routes: [${routes}] }`,
        `http: "${ipv4}:${String(MONITOR)}"`,
        // A host that is cut off says nothing: it is found out by questions.
        'ping_interval: "2s"',
        'ping_max: 2',
      ];
      writeFileSync(join(this.#directory, `${name}.conf`), `${lines.join('\n')}\n`);
      this.begin(index);
    }
    onTestFinished(() => {
      for (const child of this.#children) child?.kill('SIGKILL');
    });
  }

  /** As nats_servers has it. */
  get servers(): string {
    return this.hosts.map(({ ipv4 }) => `${ipv4}:${String(PORT)}`).join(',');
  }

  begin(node: number): void {
    const [program, ...words] = this.hosts[node]?.through ?? [''];
    const file = join(this.#directory, `n${String(node + 1)}.conf`);
    const child = spawn(program, [...words, 'nats-server', '-c', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    this.#children[node] = child;
  }

  /** What it says of itself, asked by another host: `ok` when it has all that the others have. '' without an answer. */
  health(node: number, from: Host): Promise<string> {
    const url = `http://${this.hosts[node]?.ipv4 ?? ''}:${String(MONITOR)}/healthz`;
    const script = `fetch(${JSON.stringify(url)}).then(async (answer) => console.log((await answer.json()).status))`;
    const [program, ...words] = [...from.through, process.execPath, '-e', script];
    return new Promise((resolve) => {
      execFile(program, words, { timeout: 10_000 }, (_error, stdout) => {
        resolve(stdout.trim());
      });
    });
  }

  /** kill -9; resolves when it is gone. */
  async kill(node: number): Promise<void> {
    const child = this.#children[node];
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}
