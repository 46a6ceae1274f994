/** Measures how far the clocks of the servers are from the one of this host. */
import type { Link } from '../cluster.ts';
import { consumerName, PARTITIONS } from '../names.ts';
import { printable } from '../../log/printable.ts';

export interface ClockDifference {
  /** The server's name. */
  readonly server: string;
  /** By how much it is ahead of this host, in milliseconds; negative: behind. */
  readonly aheadMs: number;
  /** It may be off by so much: half of the time that question and answer took. */
  readonly errorMs: number;
}

/**
 * Answers of NATS 2.9 do not say when they were made. But of every question to JetStream the server that answers publishes an
 * audit, with its own time.
 */
const AUDITS = '$JS.EVENT.ADVISORY.API';
const PATIENCE_MS = 2000;

interface Audit {
  readonly subject: string;
  readonly timestamp: string;
  readonly server: string;
}

/**
 * Of the servers that lead a consumer: as a rule these are all that have replicas. Empty where audits may not be read.
 * @throws JetStreamAway, as whatever uses a link, when nobody answers
 */
export async function clockDifferences(link: Link, stream: string): Promise<ClockDifference[]> {
  const consumers = await link.jsm.consumers.list(stream).next();
  const known = new Set(Array.from({ length: PARTITIONS }, (_, partition) => consumerName(partition)));
  const byLeader = new Map(
    consumers
      .filter(({ name }) => known.has(name))
      .map(({ name, cluster }) => [cluster?.leader ?? '', name] as const),
  );
  const measured: ClockDifference[] = [];
  for (const consumer of byLeader.values()) {
    const one = await measure(link, { stream, consumer });
    if (one !== undefined) measured.push(one);
  }
  return measured.sort((one, other) => one.server.localeCompare(other.server));
}

async function measure(
  { connection, jsm }: Link,
  { stream, consumer }: { readonly stream: string; readonly consumer: string },
): Promise<ClockDifference | undefined> {
  const audits = connection.subscribe(AUDITS, { timeout: PATIENCE_MS });
  try {
    // The server knows of the subscription before the question comes.
    await connection.flush();
    const asked = Date.now();
    await jsm.consumers.info(stream, consumer);
    for await (const message of audits) {
      const { subject, timestamp, server } = message.json<Audit>();
      if (!subject.endsWith(`.${consumer}`)) continue;
      const errorMs = (Date.now() - asked) / 2;
      const aheadMs = Date.parse(timestamp) - (asked + errorMs);
      return { server: printable(server), aheadMs, errorMs };
    }
    return undefined;
  } catch {
    // Nobody may have to read audits: without them this is not known.
    return undefined;
  } finally {
    audits.unsubscribe();
  }
}
