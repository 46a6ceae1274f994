/** What a worker does whose mode has to do with JetStream. A part of its own, loaded only by those. */
import { hostname } from 'node:os';
import { Cluster } from './cluster.ts';
import { Publishing } from './receive/publishing.ts';
import { Delivering } from './deliver/delivering.ts';
import { Synchronising } from './sync/synchronising.ts';
import type { Service, Surroundings } from '../server/service.ts';
import type { DeliverMode, PublishMode, Settings, SyncMode } from '../settings/settings.ts';

const DELIVERER_THREADS = '16';
/** A start waits for the cluster, but not for one that is away. Milliseconds. */
const START_PATIENCE_MS = 2000;

/** What these services have around them. They close the cluster when they are cut. */
export interface ClusterSurroundings extends Surroundings {
  readonly cluster: Cluster;
}

/** @throws Error when the NATS packages are not installed */
export async function jetStreamService(
  mode: PublishMode | DeliverMode | SyncMode,
  settings: Settings,
  around: Surroundings,
): Promise<Service> {
  // Before the first of these threads is there: of many partitions, each waits for the disk, three times a file.
  if (mode.kind === 'deliver') process.env.UV_THREADPOOL_SIZE ??= DELIVERER_THREADS;
  const name = `tentacle_server ${mode.kind} on ${hostname()}`;
  const cluster = await Cluster.open(mode.jetstream, { log: around.log, name });
  // Clients come as soon as it listens; while it is away they are served all the same.
  if (mode.kind === 'publish') await cluster.connected(START_PATIENCE_MS);
  try {
    return make(mode, settings, { ...around, cluster });
  } catch (cause) {
    await cluster.close();
    throw cause;
  }
}

function make(
  mode: PublishMode | DeliverMode | SyncMode,
  settings: Settings,
  around: ClusterSurroundings,
): Service {
  switch (mode.kind) {
    case 'publish':
      return new Publishing(mode, settings, around);
    case 'deliver':
      return new Delivering(mode, around);
    case 'sync':
      return new Synchronising(mode, around);
    default:
      return mode satisfies never;
  }
}
