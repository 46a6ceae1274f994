/** Makes one file after the other equal in a directory and its bucket. */
import { createHash } from 'node:crypto';
import { type Bucket, Conflict, type Stored } from '../bucket.ts';
import { type Decision, decide } from './decision.ts';
import type { PairLog } from './pair-log.ts';
import { Quiet } from './quiet.ts';
import { Vanished } from './vanished.ts';
import { FileChanged } from '../../protocol/errors.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import { type Facts, sameFacts } from '../../store/facts.ts';
import { CONFIRM_NAME, type SyncMemory } from '../../store/sync-memory.ts';
import type { SyncedDirectory } from '../../store/synced-directory.ts';

export interface Ground {
  readonly directory: SyncedDirectory;
  /** Which directory that is: another one may be mounted there. */
  readonly identity: string;
  readonly bucket: Bucket;
  readonly memory: SyncMemory;
  readonly log: PairLog;
}

/** What is on both sides now. */
interface Found {
  readonly name: string;
  readonly here: Facts | undefined;
  readonly there: Stored | undefined;
}

export class Settling {
  readonly #ground: Ground;
  readonly #vanished = new Vanished();
  readonly #quiet = new Quiet();
  /** Whether all files that are gone are known. */
  #hasLooked = false;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /**
   * To be called for one name at a time only.
   * @param isInDoubt whether the bucket may have another version than the one that is remembered
   * @returns after how many milliseconds it is to be called again; 0: it need not
   * @throws FileChanged, Conflict: something happened meanwhile; JetStreamAway; Refusal and the system's errors
   */
  async settle(name: string, isInDoubt: boolean): Promise<number> {
    const { directory, bucket, memory, log } = this.#ground;
    const known = memory.get(name);
    const here = await directory.look(name);
    if (here === 'no file') {
      log.noFile(name);
      return 0;
    }
    this.#note(name, here);
    const isSame = sameFacts(here, known);
    if (isSame && !isInDoubt) return 0;
    const quietMs = isSame || here === undefined ? 0 : this.#quietMs(name, here);
    if (quietMs > 0) return quietMs;
    const there = await bucket.look(name);
    const sha256 = isSame ? known?.sha256 : here && (await this.#hash(name, here));
    const decision = decide({
      // What is in no version there was not deleted there: the bucket is another one, or was purged.
      agreed: there === undefined ? undefined : known?.sha256,
      here: here && { sha256: sha256 ?? '', modifiedAt: Math.round(here.mtimeMs) },
      there: there === undefined || there.deleted ? undefined : there,
    });
    return this.#carryOut(decision, { name, here, there });
  }

  /** One that is remembered is gone. */
  miss(name: string): void {
    this.#vanished.note(name, monotonicMs());
  }

  /** It is another bucket, of which nothing is known. */
  startAnew(created: string): void {
    this.#ground.memory.startAnew(created);
    this.#vanished.clear();
  }

  /**
   * To be called when all that are gone were told. Deletions that wait for the operator go on when he says so, or when
   * all files are back.
   */
  async judgeHold(): Promise<void> {
    const { directory, memory, log } = this.#ground;
    this.#hasLooked = true;
    const isConfirmed = await directory.exists(CONFIRM_NAME);
    if (isConfirmed) {
      await directory.unmark(CONFIRM_NAME);
      this.#vanished.confirm();
    }
    if (isConfirmed || this.#vanished.size === 0) memory.hold(false);
    if (memory.isHeld) log.held(this.#vanished.size, memory.size);
  }

  #note(name: string, here: Facts | undefined): void {
    const { memory } = this.#ground;
    if (here !== undefined) this.#back(name);
    else if (memory.get(name) !== undefined) this.miss(name);
    if (here === undefined) this.#quiet.forget(name);
  }

  /** It is there, or nowhere. */
  #back(name: string): void {
    this.#vanished.settle(name);
    if (this.#hasLooked && this.#vanished.size === 0) this.#ground.memory.hold(false);
  }

  async #carryOut(decision: Decision, { name, here, there }: Found): Promise<number> {
    const { directory, memory, log } = this.#ground;
    switch (decision.kind) {
      case 'agree':
        this.#back(name);
        if (here === undefined || there === undefined) memory.forget(name);
        else memory.set(name, { ...here, revision: there.revision, sha256: there.sha256 });
        return 0;
      case 'take':
        if (there !== undefined) await this.#take(there, here, decision.keep);
        return 0;
      case 'give':
        if (here !== undefined) await this.#give({ name, here, there }, decision.keep);
        return 0;
      case 'delete here':
        if (here !== undefined) await directory.remove(name, here);
        memory.forget(name);
        log.deletedHere(name);
        return 0;
      case 'delete there':
        return there === undefined ? 0 : this.#deleteThere(there);
      default:
        return decision satisfies never;
    }
  }

  async #take(there: Stored, here: Facts | undefined, keep: boolean): Promise<void> {
    const { directory, bucket, memory, log } = this.#ground;
    const { name, size, modifiedAt, revision, sha256 } = there;
    const content = { size, modifiedAt, bytes: bucket.content(there) };
    const { facts, aside } = await directory.place(name, content, { replaces: here, keep });
    memory.set(name, { ...facts, revision, sha256 });
    this.#back(name);
    log.took(name, size);
    if (aside !== undefined) log.kept(name, aside, 'the store');
  }

  async #give({ name, here, there }: Found & { readonly here: Facts }, keep: boolean): Promise<void> {
    const { directory, bucket, memory, log } = this.#ground;
    const file = await directory.open(name);
    try {
      const aside = keep && there !== undefined ? await this.#keepThere(there) : undefined;
      const content = ReadableStream.from(file.content()) as ReadableStream<Uint8Array>;
      const options = { replaces: there?.revision ?? 0, modifiedAt: Math.round(here.mtimeMs) };
      const stored = await bucket.put(name, content, options).catch(async (cause: unknown) => {
        await this.#notGiven(name, aside, cause);
        throw cause;
      });
      // Should the file be another one by now, its facts are, too, and it is looked at again.
      memory.set(name, { ...here, revision: stored.revision, sha256: stored.sha256 });
      log.gave(name, stored.size);
      if (aside !== undefined) log.kept(name, aside, 'the directory');
    } finally {
      await file.close();
    }
  }

  /** What is about to be replaced in the bucket stays here. */
  #keepThere(there: Stored): Promise<string> {
    const { directory, bucket } = this.#ground;
    const { name, size, modifiedAt } = there;
    return directory.keepContent(name, { size, modifiedAt, bytes: bucket.content(there) });
  }

  async #notGiven(name: string, aside: string | undefined, cause: unknown): Promise<void> {
    const { directory, log } = this.#ground;
    if (aside === undefined) return;
    if (cause instanceof Conflict || cause instanceof FileChanged) await directory.unmark(aside);
    // It may have been stored all the same.
    else log.kept(name, aside, 'the directory');
  }

  async #deleteThere(there: Stored): Promise<number> {
    const { directory, identity, bucket, memory, log } = this.#ground;
    const { name } = there;
    const verdict = this.#vanished.judge(name, memory, monotonicMs());
    switch (verdict.kind) {
      case 'wait':
        return verdict.ms;
      case 'hold':
        memory.hold(true);
        log.held(this.#vanished.size, memory.size);
        return 0;
      case 'delete':
        break;
      default:
        verdict satisfies never;
    }
    if ((await directory.identity()) !== identity || (await directory.exists(name)))
      throw new FileChanged(`${name} is not gone`);
    await bucket.remove(there);
    this.#back(name);
    memory.forget(name);
    log.deletedThere(name);
    return 0;
  }

  #quietMs(name: string, here: Facts): number {
    return this.#quiet.leftMs(name, here, { atMs: monotonicMs(), ageMs: Date.now() - here.mtimeMs });
  }

  /** @throws FileChanged when it is not that file, or changes; Refusal when it cannot be read */
  async #hash(name: string, facts: Facts): Promise<string> {
    const { directory } = this.#ground;
    const file = await directory.open(name);
    try {
      const hash = createHash('sha256');
      for await (const chunk of file.content()) hash.update(chunk);
      const now = await directory.look(name);
      if (now === 'no file' || !sameFacts(now, facts)) throw new FileChanged(`${name} is being written`);
      return hash.digest('base64url');
    } finally {
      await file.close();
    }
  }
}
