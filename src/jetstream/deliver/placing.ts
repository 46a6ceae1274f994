/** Puts the file of a message into the directory, under its name or, where that is for ever another's, beside it. */
import { createHash, type Hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster.ts';
import type { DataFile } from '../data-file.ts';
import { type Job, NotSure, type Outcome } from './job.ts';
import type { StoredBody } from './stored-body.ts';
import { duration } from '../../log/count.ts';
import { codeOf, reasonOf } from '../../log/errno.ts';
import type { Logger } from '../../log/logger.ts';
import { printable } from '../../log/printable.ts';
import { Refusal } from '../../protocol/errors.ts';
import { compileInvalidChars, isValidName } from '../../protocol/file-name.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import type { DiskTroubles } from '../../server/disk-troubles.ts';
import type { SpoolSettings } from '../../settings/settings.ts';
import type { DeliveredJournal } from '../../store/delivered-journal.ts';
import type { DirectoryStore } from '../../store/directory-store.ts';
import { Disk } from '../../store/disk.ts';
import { pathInside } from '../../store/inside.ts';
import { numbered, QueueDirectory } from '../../store/queue-directory.ts';
import { holdsSame } from '../../store/same-bytes.ts';
import type { Witness } from '../../store/staged-file.ts';

export interface PlacingOptions {
  readonly cluster: Pick<Cluster, 'isConnected'>;
  readonly spool: SpoolSettings;
  readonly store: DirectoryStore;
  readonly rejected: DirectoryStore;
  readonly journal: DeliveredJournal;
  readonly troubles: DiskTroubles;
  readonly log: Logger;
  /** Aborted when it is to come to its end. */
  readonly signal: AbortSignal;
  /** How long a file waits for another one of its name to be taken away, in milliseconds. */
  readonly patienceMs?: number | undefined;
}

const PATIENCE_MS = 30_000;
/** Between two looks whether the other file is gone. */
const LOOK_MS = 250;
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

/** What is known of the file in work. */
export interface Work {
  readonly job: Job;
  readonly file: DataFile;
  readonly body: StoredBody;
  readonly startMs: number;
}

export class Placing {
  readonly #options: PlacingOptions;
  readonly #directory: Buffer;

  constructor(options: PlacingOptions) {
    this.#options = options;
    this.#directory = Buffer.from(options.spool.directory);
  }

  /** @throws Refusal of the disk; NotSure; what the body throws */
  async place(work: Work): Promise<Outcome> {
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
      if (!this.#options.troubles.take(refusal)) return;
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
