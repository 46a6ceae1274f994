/** Tries each NATS server for itself: whether it can be connected to, and why not. */
import { addressOf, connectionOptions } from '../cluster.ts';
import { SILENT, troubleOf } from '../connect-trouble.ts';
import { loadPackages, type Packages } from '../packages.ts';
import { speaks } from '../greeting.ts';
import { printable } from '../../log/printable.ts';
import type { JetStreamSettings, ServerAddress } from '../../settings/settings.ts';

/** From the beginning of a connection to the first word of the server. */
const GREETING_MS = 3000;

export interface ServerAnswer {
  readonly server: ServerAddress;
  /** `192.0.2.7:4222`. */
  readonly address: string;
  /** Undefined: it can be used. */
  readonly trouble: string | undefined;
  /** Empty where there is a trouble, as the next. */
  readonly name: string;
  readonly version: string;
  /** Milliseconds until it had let us in. */
  readonly tookMs: number;
}

/**
 * In the order of nats_servers.
 * @throws Error when the packages are missing, or the credentials are none
 */
export async function askServers(settings: JetStreamSettings, name: string): Promise<ServerAnswer[]> {
  const packages = await loadPackages();
  return Promise.all(
    settings.servers.map((server) =>
      askServer({ ...settings, servers: [server] }, server, { packages, name }),
    ),
  );
}

async function askServer(
  settings: JetStreamSettings,
  server: ServerAddress,
  { packages, name }: { readonly packages: Packages; readonly name: string },
): Promise<ServerAnswer> {
  const address = addressOf(server);
  const options = connectionOptions(settings, packages, name);
  if (!(await speaks(server, GREETING_MS)))
    return { server, address, trouble: SILENT, name: '', version: '', tookMs: 0 };
  const began = performance.now();
  try {
    const connection = await packages.transport.connect(options);
    const tookMs = performance.now() - began;
    const { server_name: called = '', version = '', jetstream } = connection.info ?? {};
    await connection.close();
    const trouble =
      jetstream === true ? undefined : 'has no JetStream: add "jetstream {}" to its configuration';
    return {
      server,
      address,
      trouble,
      name: printable(called),
      version: printable(version),
      tookMs,
    };
  } catch (error) {
    return {
      server,
      address,
      trouble: troubleOf(error as Error, settings),
      name: '',
      version: '',
      tookMs: 0,
    };
  }
}
