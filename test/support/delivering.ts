/** Deliverers inside the test process, and messages of data files for them. */
import { createHash } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { onTestFinished } from 'vitest';
import { recordLog, type RecordedLog } from './log.ts';
import type { Nats } from './nats.ts';
import { Cluster } from '../../src/jetstream/cluster.ts';
import { type DataFile, writeHeaders } from '../../src/jetstream/data-file.ts';
import { Delivering, type DeliveringOptions } from '../../src/jetstream/deliver/delivering.ts';
import { bodiesBucket, dataSubject, fileId } from '../../src/jetstream/names.ts';
import type { SpoolSettings } from '../../src/settings/settings.ts';

export const STREAM = 'TENTACLE';

export interface Deliverer extends RecordedLog {
  readonly directory: string;
  readonly service: Delivering;
  /** Ends it properly, once. */
  readonly stop: () => Promise<void>;
}

export interface DelivererOptions
  extends DeliveringOptions, Partial<Pick<SpoolSettings, 'overwrite' | 'fsync'>> {
  readonly directory: string;
  readonly duplicateWindowMs?: number;
}

/** Starts one; it stops with the current test. */
export async function startDeliverer(nats: Nats, options: DelivererOptions): Promise<Deliverer> {
  const { directory, overwrite = false, fsync = true, duplicateWindowMs = 120_000, ...more } = options;
  const recorded = recordLog();
  const jetstreamSettings = nats.settings({ duplicateWindowMs });
  const cluster = await Cluster.open(jetstreamSettings, { log: recorded.log, name: 'test' });
  const spool = { directory, filters: [], overwrite, fsync, minFreeSpace: 0, maxFiles: 0 };
  const mode = { kind: 'deliver', jetstream: jetstreamSettings, spool } as const;
  const service = new Delivering(mode, { log: recorded.log, cluster }, more);
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= service.finish().then(() => {
      service.cut();
    });
    return stopped;
  };
  onTestFinished(stop);
  // A worker tells the log why it cannot.
  await service.clean(new AbortController().signal).catch(() => 0);
  service.lead();
  return { ...recorded, directory, service, stop };
}

export interface Published extends Partial<DataFile> {
  readonly name: string;
  readonly content: Buffer | string;
}

/** Publishes a data file as a receiver does. @returns its sequence */
export async function publish(connection: NatsConnection, file: Published): Promise<number> {
  const content = Buffer.from(file.content);
  const sent = headers();
  const { name, from, receivedAt = Date.now(), object, queued = false } = file;
  // As a receiver does.
  const { id = fileId(name, createHash('sha256').update(content).digest()) } = file;
  writeHeaders({ name, id, size: file.size ?? content.length, from, receivedAt, object, queued }, sent);
  const body = object === undefined ? content : new Uint8Array();
  const js = jetstream(connection, { timeout: 5000 });
  for (let attempt = 1; ; attempt++) {
    try {
      return (await js.publish(dataSubject(STREAM, name), body, { headers: sent })).seq;
    } catch (error) {
      // A leader was lost; deliverers know a repeat.
      if (attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Publishes a file whose bytes are in the bucket for bodies. */
export async function publishLarge(
  connection: NatsConnection,
  { name, content }: { readonly name: string; readonly content: Buffer },
): Promise<void> {
  const object = `of ${name}`;
  const bucket = await new Objm(connection).open(bodiesBucket(STREAM));
  await bucket.putBlob({ name: object }, content);
  await publish(connection, { name, content, object });
}
