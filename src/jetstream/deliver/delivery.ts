/** Puts the file of one message into the directory, once, and judges what stands in the way. */
import { createHash, type Hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAway } from '../away.ts';
import { bodyInBucket, bodyInMessage, BodyLost, type StoredBody } from './stored-body.ts';
import type { Cluster } from '../cluster.ts';
import { type Colleagues, isDelivered } from './colleagues.ts';
import { type DataFile, readHeaders } from '../data-file.ts';
import type { Hold } from './hold.ts';
import type { Taken } from './puller.ts';
import { RecentMap } from '../recent-map.ts';
import { duration } from '../../log/count.ts';
import { codeOf, reasonOf } from '../../log/errno.ts';
import type { Logger } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import { Refusal } from '../../protocol/errors.ts';
import { compileInvalidChars, isValidName } from '../../protocol/file-name.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import { DiskTroubles } from '../../server/disk-troubles.ts';
import type { SpoolSettings } from '../../settings/settings.ts';
import type { DeliveredJournal } from '../../store/delivered-journal.ts';
import type { DirectoryStore } from '../../store/directory-store.ts';
import { Disk } from '../../store/disk.ts';
import { pathInside } from '../../store/inside.ts';
import { numbered, QueueDirectory } from '../../store/queue-directory.ts';
import { holdsSame } from '../../store/same-bytes.ts';
import type { Witness } from '../../store/staged-file.ts';

export interface DeliveryOptions {
  readonly cluster: Cluster;
  readonly spool: SpoolSettings;
  readonly store: DirectoryStore;
  readonly rejected: DirectoryStore;
  readonly journal: DeliveredJournal;
  readonly colleagues: Pick<Colleagues, 'haveDelivered'>;
  readonly log: Logger;
  /** Aborted when it is to come to its end. */
  readonly signal: AbortSignal;
  /** How long a file waits for another one of its name to be taken away, in milliseconds. */
  readonly patienceMs?: number | undefined;
}

/** A message in work. */
export interface Job {
  readonly message: Taken;
  readonly hold: Pick<Hold, 'isSure'>;
  /** Whether another deliverer may have delivered it. */
  readonly isInDoubt: boolean;
  /** To be called when its file is where it stays; an object that it refers to is not needed any more. */
  readonly acknowledge: (object: string | undefined) => void;
  /** To be called when its file can never be delivered. */
  readonly terminate: () => void;
}

/**
 * `settled`: acknowledged. `disk`: the disk did not take it. `away`: JetStream has to be asked again. `body`: its bytes do
 * not come. `dropped`: by now it may be somebody else's, or this one comes to its end.
 */
export type Outcome = 'settled' | 'disk' | 'away' | 'body' | 'dropped';

const PATIENCE_MS = 30_000;
/** Between two looks whether the other file is gone. */
const LOOK_MS = 250;
/** So often an object may be missing until it is lost: with growing pauses, that takes some two minutes. */
const MISSES = 8;
/** So long whoever publishes a file needs at most to find out that its name is taken, and to take it back. */
const WITHDRAWAL_MS = 2000;
/** So long a name is remembered for that. */
const NAMES_MS = 10_000;
/** What file systems say of a name that they cannot have. */
const NO_NAME: readonly (string | undefined)[] = ['ENAMETOOLONG', 'EILSEQ', 'EINVAL'];
const NO_CHARS = compileInvalidChars('/');
/** A name made of one that cannot be: with a number behind it, it still fits. */
const LONGEST = 200;

/** In the directory itself, or in its sub-directory. */
type Where = '' | typeof REJECTED;
const REJECTED = 'rejected/';

interface Place {
  readonly where: Where;
  readonly name: string;
  /** Of the bytes. */
  readonly sha256: Hash;
}

/** The message is not this deliverer's any more, or may not be. */
class NotSure extends Error {
  override readonly name = 'NotSure';
}

/** What is known of the file in work. */
interface Work {
  readonly job: Job;
  readonly file: DataFile;
  readonly body: StoredBody;
  readonly startMs: number;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #troubles: DiskTroubles;
  readonly #directory: Buffer;
  /** How often bodies were missing, by the messages' keys. */
  readonly #misses = new Map<string, number>();

  /** The keys of the messages that came last, by the names of their files. */
  readonly #names = new RecentMap<string>(NAMES_MS);

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#troubles = new DiskTroubles(options.log, 'attempt');
    this.#directory = Buffer.from(options.spool.directory);
  }

  /** Never throws. */
  async deliver(job: Job): Promise<Outcome> {
    const { message } = job;
    const { subject, headers, data, storedMs: storedAt } = message;
    const file = readHeaders(subject, headers, { storedAt, size: data.length });
    try {
      const { cluster } = this.#options;
      if ((await this.#isDelivered(file, job)) || (await this.#isWithdrawn(file, job))) {
        job.acknowledge(file.object);
        return 'settled';
      }
      const body = file.object === undefined ? bodyInMessage(data) : await bodyInBucket(cluster, file.object);
      const outcome = await this.#place({ job, file, body, startMs: monotonicMs() });
      this.#misses.delete(message.key);
      return outcome;
    } catch (error) {
      return this.#judge(error, file, job);
    }
  }

  /** By this message, which was not acknowledged then, or by an earlier one; here, or by another deliverer. */
  async #isDelivered({ name, id, queued }: DataFile, job: Job): Promise<boolean> {
    const { journal, colleagues, log, cluster } = this.#options;
    const question = { key: job.message.key, id, queued };
    const isOurs = isDelivered(journal, question, cluster.settings.duplicateWindowMs);
    if (!isOurs && !(job.isInDoubt && (await colleagues.haveDelivered(question)))) return false;
    log.detail(`File '${printable(name)}' was delivered before: only acknowledged`, {
      event: 'delivery',
      outcome: 'delivered before',
    });
    return true;
  }

  /** Behind another file of its name that was still there when it came: then whoever published it takes it back. */
  async #isWithdrawn({ name }: DataFile, { message }: Job): Promise<boolean> {
    const { cluster, spool, signal } = this.#options;
    const before = this.#names.get(name);
    this.#names.set(name, message.key);
    if (spool.overwrite || before === undefined || before === message.key) return false;
    await sleep(WITHDRAWAL_MS, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new NotSure();
    const wanted = { seq: message.sequence };
    const found = await cluster.use(({ jsm }) => jsm.streams.getMessage(cluster.settings.stream, wanted));
    return found === null;
  }

  async #place(work: Work): Promise<Outcome> {
    const { signal, patienceMs = PATIENCE_MS } = this.#options;
    const { file, startMs } = work;
    if (!isValidName(file.name, NO_CHARS)) return this.#reject(work, 'it has no name for a file');
    let compared = '';
    for (;;) {
      try {
        if (await this.#stage('', file.name, work)) return this.#delivered(work);
      } catch (error) {
        if (!isNameless(error)) throw error;
        return await this.#reject(work, 'this file system has no such names');
      }
      const path = pathInside(this.#directory, file.name);
      const there = await Disk.of(this.#directory).lstat(path);
      if (there === undefined) continue;
      const which = [there.ino, there.mtimeMs, there.size].join();
      if (which !== compared && (await holdsSame(path, there, work.body))) return this.#wasThere(work);
      compared = which;
      if (monotonicMs() > startMs + patienceMs)
        return this.#reject(work, `another file of its name was not taken away in ${duration(patienceMs)}`);
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return 'dropped';
    }
  }

  /** @returns false where the name is taken @throws Refusal, NotSure, and what the body throws */
  async #stage(where: Where, name: string, work: Work): Promise<boolean> {
    const { file, body } = work;
    const named = { isSo: false };
    const sha256 = createHash('sha256');
    const witness = this.#witness({ where, name, sha256 }, work, () => (named.isSo = true));
    const store = where === REJECTED ? this.#options.rejected : this.#options.store;
    try {
      const arrival = { name, size: body.size, mtimeMs: file.receivedAt, witness };
      const incoming = await store.accept(arrival);
      try {
        for await (const chunk of body.chunks()) {
          sha256.update(chunk);
          await incoming.write(chunk);
        }
        await incoming.commit();
      } finally {
        await incoming.discard();
      }
      return true;
    } catch (error) {
      // It stays, whatever failed behind it.
      if (named.isSo) return true;
      this.#options.journal.giveUp(work.job.message.key);
      if (error instanceof Refusal && error.reason === 'file already exists') return false;
      throw error;
    }
  }

  /** Journal and acknowledgement follow the name at once: whoever is killed or stopped in between delivers twice. */
  #witness({ where, name, sha256 }: Place, { job, file }: Work, onNamed: () => void): Witness {
    const { cluster, journal } = this.#options;
    const { key } = job.message;
    return {
      prepare: (staged) => {
        const digest = sha256.digest('base64url');
        return journal.prepare({ key, id: file.id, staged: where + staged, name: where + name, digest });
      },
      check: () => {
        // Without a connection, nobody would hear of it.
        if (!job.hold.isSure || !cluster.isConnected) throw new NotSure();
      },
      named: () => {
        onNamed();
        // Written first where the disk is prompt; one that is not must not keep the acknowledgement.
        const noted = this.#note(key, file.id);
        job.acknowledge(file.object);
        return noted;
      },
    };
  }

  /** What cannot be noted is delivered all the same. */
  async #note(key: string, id: string | undefined): Promise<void> {
    try {
      await this.#options.journal.add({ key, id });
    } catch (cause) {
      const refusal = new Refusal('cannot store file', 'the journal of deliveries', { cause });
      if (!this.#trouble(refusal)) return;
      const text = `Cannot note what was delivered: ${reasonOf(cause)}; after a crash, files may be delivered twice`;
      this.#options.log.error(text, { event: 'delivery', outcome: 'not noted' });
    }
  }

  #delivered(work: Work): 'settled' {
    this.#tell(work, (ms) => `in ${String(ms)} ms`);
    return 'settled';
  }

  async #wasThere(work: Work): Promise<Outcome> {
    const { job, file } = work;
    if (!job.hold.isSure) return 'dropped';
    await this.#note(job.message.key, file.id);
    job.acknowledge(file.object);
    this.#tell(work, () => 'was there already');
    return 'settled';
  }

  #tell({ file, body, startMs }: Work, how: (ms: number) => string): void {
    const ms = Math.round(monotonicMs() - startMs);
    const age = Math.max(Date.now() - file.receivedAt, 0);
    const name = printable(file.name);
    const peer = file.from === undefined ? undefined : printable(file.from.address);
    const from = peer === undefined ? '' : ` from ${peer}`;
    this.#options.log.event(
      () =>
        `Delivered file '${name}' size ${String(body.size)}b${from} received ${duration(age)} ago ${how(ms)}`,
      { event: 'delivered', file: name, bytes: body.size, peer, ms, age },
    );
  }

  /** Nothing is lost, and nothing blocks those behind it. */
  async #reject(work: Work, reason: string): Promise<Outcome> {
    const { spool, log } = this.#options;
    const { file, body } = work;
    await this.#rejectedDirectory(spool);
    const name = await this.#putAside(work);
    log.warning(
      `File '${printable(file.name)}' size ${String(body.size)}b not delivered: ${reason}; ` +
        `put into 'rejected/${printable(name)}'`,
      {
        event: 'delivery',
        outcome: 'put into rejected',
        file: printable(file.name),
        bytes: body.size,
        reason,
      },
    );
    return 'settled';
  }

  /** @returns the name that it has there */
  async #putAside(work: Work): Promise<string> {
    const { name } = work.file;
    try {
      if (isValidName(name, NO_CHARS)) return await this.#stageNumbered(name, work);
    } catch (error) {
      if (!isNameless(error)) throw error;
    }
    return this.#stageNumbered(plainName(name), work);
  }

  async #stageNumbered(wanted: string, work: Work): Promise<string> {
    for (let number = 0; ; number++) {
      const name = numbered(wanted, number);
      if (await this.#stage(REJECTED, name, work)) return name;
    }
  }

  async #rejectedDirectory({ directory }: SpoolSettings): Promise<void> {
    try {
      await new QueueDirectory(directory).rejected();
    } catch (cause) {
      throw new Refusal('cannot store file', `${directory}/rejected: ${reasonOf(cause)}`, { cause });
    }
  }

  #judge(error: unknown, file: DataFile, job: Job): Outcome {
    if (error instanceof NotSure || (error instanceof Refusal && error.cause instanceof NotSure)) {
      const text = `File '${printable(file.name)}' is left to another attempt: its time was over`;
      this.#options.log.detail(text, { event: 'delivery', outcome: 'left' });
      return 'dropped';
    }
    if (isAway(error)) return 'away';
    if (error instanceof BodyLost) return this.#missing(error, file, job);
    const refusal =
      error instanceof Refusal
        ? error
        : new Refusal('cannot store file', reasonOf(error), { cause: error as Error });
    this.#failed(refusal, file);
    return 'disk';
  }

  /** @returns whether it is told by itself: a full disk refuses thousands */
  #trouble(refusal: Refusal): boolean {
    return this.#troubles.take(refusal);
  }

  #failed(refusal: Refusal, { name }: DataFile): void {
    const text = `File '${printable(name)}' cannot be delivered (${refusal.reason}): ${printable(refusal.message)}`;
    const write = this.#trouble(refusal) ? this.#options.log.error : this.#options.log.detail;
    write(`${text}; it is tried again`, { event: 'delivery', outcome: 'not delivered' });
  }

  #missing(error: BodyLost, { name, size, object }: DataFile, { message, terminate }: Job): Outcome {
    const misses = (this.#misses.get(message.key) ?? 0) + 1;
    this.#misses.set(message.key, misses);
    const what = `File '${printable(name)}' size ${String(size)}b (message ${String(message.sequence)} of the stream)`;
    const why = printable(error.message);
    const { log } = this.#options;
    if (misses < MISSES) {
      const write = misses === 1 ? log.error : log.detail;
      const text = `${what} cannot be delivered: ${why}; it is tried again`;
      write(text, { event: 'delivery', outcome: 'not delivered' });
      return 'body';
    }
    this.#misses.delete(message.key);
    log.error(`${what} is lost: ${why}; its message is removed, for the others behind it`, {
      event: 'delivery',
      outcome: 'lost',
      file: printable(name),
      object: printable(object ?? ''),
    });
    terminate();
    return 'settled';
  }
}

function isNameless(error: unknown): boolean {
  return error instanceof Refusal && error.cause !== undefined && NO_NAME.includes(codeOf(error.cause));
}

/** A name that every file system takes; two names may become one. */
function plainName(name: string): string {
  const plain = encodeURIComponent(name).replace(/^\.|[^A-Za-z0-9._%-]/g, percent);
  if (plain !== '' && plain.length <= LONGEST) return plain;
  const digest = createHash('sha256').update(name, 'latin1').digest('hex').slice(0, 12);
  return `${plain.slice(0, LONGEST)}-${digest}`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
