/** This project's server with its files on three NATS servers of this machine, which take part in its work. */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Contender, OURS, ours, type Server } from './contenders.ts';
import { lowPort } from './ports.ts';
import { end, outputOf, startServer } from './programs.ts';

const SERVER = resolve('dist/bin/tentacle_server.cjs');
const NODES = [1, 2, 3];
const isRoot = process.geteuid?.() === 0;

/** Three servers, of which each file has a copy on each. */
async function startNodes(place: string): Promise<{ readonly servers: string; readonly stop: () => void }> {
  const ports = await Promise.all(NODES.map(async () => ({ port: await lowPort(), route: await lowPort() })));
  const routes = ports.map(({ route }) => `"nats://127.0.0.1:${String(route)}"`).join(', ');
  const children = await Promise.all(
    ports.map(({ port, route }, index) => {
      const [name, file] = [`n${String(index + 1)}`, join(place, `n${String(index + 1)}.conf`)];
      const lines = [
        `server_name: ${name}`,
        `listen: "127.0.0.1:${String(port)}"`,
        `jetstream { store_dir: "${join(place, name)}", max_mem: 256M, max_file: 20G }`,
        `cluster { name: bench, listen: "127.0.0.1:${String(route)}", routes: [${routes}] }`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      return startServer(['nats-server', '-c', file], port);
    }),
  );
  return {
    servers: ports.map(({ port }) => `127.0.0.1:${String(port)}`).join(','),
    stop: () => {
      for (const child of children) end(child);
    },
  };
}

/** The server with store jetstream; files wait in its spool should the nodes not keep up. */
export function onJetStream(options: readonly string[]): Contender {
  const start = async (place: string): Promise<Server> => {
    const { servers, stop } = await startNodes(place);
    const words = ['--store', 'jetstream', '--nats-servers', servers];
    try {
      const root = isRoot ? ['--allow-root'] : [];
      await outputOf([process.execPath, SERVER, '--setup-jetstream', '-s', place, ...root, ...words]);
      const started = await ours([...words, ...options]).start(place);
      return { ...started, stop: () => started.stop().then(stop) };
    } catch (cause) {
      stop();
      throw cause;
    }
  };
  return { name: OURS, start };
}
