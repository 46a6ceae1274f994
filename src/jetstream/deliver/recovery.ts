/** Settles what an earlier run had prepared when it was killed, or lost its power: files under their hidden names. */
import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { link, lstat, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { CODES } from '../away.ts';
import type { Cluster } from '../cluster.ts';
import { absentAs } from '../setup/setup.ts';
import { codeOf, reasonOf } from '../../log/errno.ts';
import type { Logger } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import type { DeliveredJournal, Prepared } from '../../store/delivered-journal.ts';
import { syncDirectory } from '../../store/directory-sync.ts';
import { pathInside } from '../../store/inside.ts';
import { isAbandoned, isOfThisBoot } from '../../store/owner.ts';
import { numbered, QueueDirectory } from '../../store/queue-directory.ts';

export interface Recovery {
  readonly journal: Pick<DeliveredJournal, 'unfinished' | 'add' | 'giveUp'>;
  readonly directory: string;
  readonly cluster: Pick<Cluster, 'use' | 'connected' | 'settings'>;
  readonly log: Logger;
  /** Ends it half-way: the next start goes on. */
  readonly signal: AbortSignal;
}

const AWAY_MS = 1000;

/** Never throws: what cannot be settled stays as it is, and is told. */
export async function finishPrepared(recovery: Recovery): Promise<void> {
  const { journal, log, signal } = recovery;
  for (const prepared of journal.unfinished) {
    if (signal.aborted) return;
    try {
      await settle(prepared, recovery);
    } catch (cause) {
      const name = printable(prepared.name);
      log.warning(`File '${name}' of an earlier run stays as '${prepared.staged}': ${reasonOf(cause)}`, {
        event: 'delivery',
        outcome: 'not delivered',
      });
    }
  }
}

async function settle(prepared: Prepared, recovery: Recovery): Promise<void> {
  const { journal, directory } = recovery;
  const staged = pathOf(directory, prepared.staged);
  const found = await absent(lstat(staged));
  if (found === undefined) {
    journal.giveUp(prepared.key);
    return;
  }
  if (!isAbandoned(prepared.staged.slice(prepared.staged.lastIndexOf('/') + 1), Date.now() - found.mtimeMs))
    return;
  const final = await absent(lstat(pathOf(directory, prepared.name)));
  if (final !== undefined && isSame(final, found)) await journal.add(prepared);
  else if (await mayBeAcknowledged(prepared, recovery)) await giveName(prepared, recovery);
  else journal.giveUp(prepared.key);
  if (!recovery.signal.aborted) await unlink(staged);
}

async function mayBeAcknowledged(prepared: Prepared, recovery: Recovery): Promise<boolean> {
  // Within one boot the disk shows all that was done: it had no name yet.
  if (isOfThisBoot(prepared.staged)) return false;
  if ((await digestOf(pathOf(recovery.directory, prepared.staged))) !== prepared.digest) return false;
  return (await isWaiting(prepared, recovery)) === false;
}

async function digestOf(path: Buffer): Promise<string> {
  const sha256 = createHash('sha256');
  for await (const chunk of createReadStream(path)) sha256.update(chunk as Buffer);
  return sha256.digest('base64url');
}

/** It was acknowledged, so its name was lost with the power; or another deliverer has taken it since: better twice than never. */
async function giveName(prepared: Prepared, { directory, journal, log }: Recovery): Promise<void> {
  const name = await linkSomewhere(prepared, directory);
  await journal.add(prepared);
  log.notice(`File '${printable(name)}' got its name back, which it had lost with the power`, {
    event: 'delivery',
    outcome: 'recovered',
  });
}

async function linkSomewhere({ staged, name }: Prepared, directory: string): Promise<string> {
  const from = pathOf(directory, staged);
  let wanted = name;
  for (let number = 0; ; number++) {
    try {
      await link(from, pathOf(directory, wanted));
      await syncDirectory(Buffer.from(directory));
      return wanted;
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
      await new QueueDirectory(directory).rejected();
      wanted = `${REJECTED}${numbered(name.startsWith(REJECTED) ? name.slice(REJECTED.length) : name, number)}`;
    }
  }
}

const REJECTED = 'rejected/';

/** Whether the stream still has the message; undefined when it ends before anybody could say. */
async function isWaiting({ key }: Prepared, { cluster, signal }: Recovery): Promise<boolean | undefined> {
  const [sequence = '', nanoseconds = '0'] = key.split('.');
  const { stream } = cluster.settings;
  while (!signal.aborted) {
    try {
      const message = await cluster.use(({ jsm }) =>
        absentAs(null, jsm.streams.getMessage(stream, { seq: Number(sequence) }), CODES.noMessageFound),
      );
      return message !== null && message.time.getTime() === Number(BigInt(nanoseconds) / 1_000_000n);
    } catch {
      if (await cluster.connected(AWAY_MS))
        await sleep(AWAY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** @param name in the directory, or in one of its sub-directories */
function pathOf(directory: string, name: string): Buffer {
  const slash = name.indexOf('/');
  if (slash < 0) return pathInside(Buffer.from(directory), name);
  return pathInside(pathInside(Buffer.from(directory), name.slice(0, slash)), name.slice(slash + 1));
}

async function absent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}
