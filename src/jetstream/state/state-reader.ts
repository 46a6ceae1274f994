/** A connection of its own for whoever only wants to know how things are. A part, loaded with the NATS packages. */
import { hostname } from 'node:os';
import { isAway } from '../away.ts';
import { Cluster } from '../cluster.ts';
import { type JetStreamState, readState } from './stream-state.ts';
import type { Target } from './target.ts';
import type { Logger } from '../../log/logger.ts';

/** What is read, or why it cannot be read now. */
export type Reading =
  { readonly state: JetStreamState } | { readonly state: undefined; readonly trouble: string };

/** The workers log what becomes of their connections: the same twice helps nobody. */
const SILENCE: Logger = {
  error: () => undefined,
  warning: () => undefined,
  notice: () => undefined,
  event: () => undefined,
  detail: () => undefined,
};

/** A look waits so long for a connection. */
const CONNECT_MS = 2000;

export interface StateReader {
  /** Never waits longer than some seconds. @throws what is no passing trouble */
  read(): Promise<Reading>;
  close(): Promise<void>;
}

/**
 * @param what the connection is there for: the servers show it
 * @throws Error when the packages are missing, or the credentials are none
 */
export async function openQuietly(settings: Target['settings'], what: string): Promise<Cluster> {
  return Cluster.open(settings, { log: SILENCE, name: `tentacle_server ${what} on ${hostname()}` });
}

/** @throws as openQuietly() */
export async function openReader({ settings, directories }: Target): Promise<StateReader> {
  const cluster = await openQuietly(settings, 'status');
  return {
    read: async () => {
      try {
        await cluster.connected(CONNECT_MS);
        return { state: await readState(cluster, directories) };
      } catch (error) {
        if (!isAway(error)) throw error;
        return { state: undefined, trouble: (error as Error).message };
      }
    },
    close: () => cluster.close(),
  };
}
