/** Keeps one directory and its bucket equal: notices what changes on either side, and has it settled. */
import { setTimeout as sleep } from 'node:timers/promises';
import { apiCode, CODES, JetStreamAway } from '../away.ts';
import { type Bucket, Conflict } from '../bucket.ts';
import { BucketWatch } from '../bucket-watch.ts';
import type { Cluster } from '../cluster.ts';
import type { PairLog } from './pair-log.ts';
import { QUIET_MS } from './quiet.ts';
import { Settling } from './settling.ts';
import { Worklist } from './worklist.ts';
import { FileChanged, Refusal } from '../../protocol/errors.ts';
import { monotonicMs } from '../../protocol/timer.ts';
import { sameFacts } from '../../store/facts.ts';
import { NameWatch } from '../../store/name-watch.ts';
import { CONFIRM_NAME, MEMORY_NAME, SyncMemory } from '../../store/sync-memory.ts';
import type { SyncedDirectory } from '../../store/synced-directory.ts';

/** Changes that the system does not report (NFS) are found by looking at all files: so often, and for a twentieth of the time at most. */
const LOOK_MS = 30_000;
const LOOK_SHARE = 20;
/** While something stands in the way of looking, or the bucket was not seen yet. */
const IMPATIENT_MS = 2000;
const AWAY_MS = 500;
/** When something else failed: a full disk, a file that cannot be read. */
const RETRY_MS = 10_000;
/** So often in a row a file does not change by chance just while it is copied. */
const MANY_NEWS = 25;

export interface PairOptions {
  readonly directory: SyncedDirectory;
  readonly bucket: Bucket;
  readonly cluster: Cluster;
  /** Whether a file of this name is to be kept equal. */
  readonly isOurs: (name: string) => boolean;
  readonly log: PairLog;
}

/** What is known of a directory, until another one is mounted there, or its memory is removed. */
interface Footing {
  readonly identity: string;
  readonly memory: SyncMemory;
  readonly settling: Settling;
  /** Names of which the bucket may have another version. */
  readonly inDoubt: Set<string>;
  /** Whether it is known which bucket it is: before, it may be another one than that of the memory. */
  isBegun: boolean;
}

export class Pair {
  readonly #options: PairOptions;
  readonly #work = new Worklist((name) => this.#settle(name));
  readonly #names: NameWatch;
  readonly #ending = new AbortController();
  /** How often in a row something happened to a name while it was settled. */
  readonly #news = new Map<string, number>();
  #footing: Footing | undefined;
  #bucketWatch: BucketWatch | undefined;
  #wake: (() => void) | undefined;
  #isLookDue = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PairOptions) {
    this.#options = options;
    this.#names = new NameWatch(options.directory.path, (name) => {
      this.#hear(name);
    });
  }

  /** To be called once. */
  start(): void {
    this.#running = this.#run();
  }

  /** Begins nothing any more; resolves when the copies in hand are made, or have failed. To be called once. */
  async finish(): Promise<void> {
    this.#ending.abort();
    this.#wake?.();
    await Promise.all([this.#running, this.#work.close()]);
    this.#names.end();
    await this.#letGo();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const begun = monotonicMs();
      this.#isLookDue = false;
      const isFine = await this.#tryLooking();
      const pauseMs = isFine && this.#footing?.isBegun === true ? LOOK_MS : IMPATIENT_MS;
      await this.#pause(Math.max(pauseMs, (monotonicMs() - begun) * LOOK_SHARE));
    }
  }

  async #tryLooking(): Promise<boolean> {
    try {
      await this.#lookOver();
      await this.#tellIfStuck();
      return true;
    } catch (cause) {
      this.#options.log.trouble(cause);
      return false;
    }
  }

  async #pause(ms: number): Promise<void> {
    const pause = new AbortController();
    this.#wake = () => {
      pause.abort();
    };
    if (!this.#isLookDue && !this.#ending.signal.aborted)
      await sleep(ms, undefined, { signal: pause.signal }).catch(() => undefined);
    this.#wake = undefined;
  }

  #lookSoon(): void {
    this.#isLookDue = true;
    this.#wake?.();
  }

  /** Looks at all files here, and whether it is the same directory still. */
  async #lookOver(): Promise<void> {
    const { directory, isOurs } = this.#options;
    const { memory, settling, identity } = await this.#foot(await directory.identity());
    const found = new Set<string>();
    for await (const batch of directory.files()) {
      if (this.#ending.signal.aborted) return;
      for (const [name, facts] of batch) {
        found.add(name);
        if (!sameFacts(facts, memory.get(name)) && isOurs(name)) this.#work.add(name, 'other');
      }
    }
    // What a mount took out of sight meanwhile is not gone.
    if ((await directory.identity()) !== identity) {
      this.#lookSoon();
      return;
    }
    const gone = [...memory.names()].filter((name) => !found.has(name));
    for (const name of gone) settling.miss(name);
    await settling.judgeHold();
    if (!memory.isHeld) for (const name of gone) this.#work.add(name, 'other');
    await memory.flush();
  }

  /** A directory that is another one, or whose memory was removed, is compared anew. */
  async #foot(identity: string): Promise<Footing> {
    const before = this.#footing;
    if (identity === before?.identity && (await before.memory.isThere())) return before;
    await this.#letGo();
    const { directory, bucket, cluster, log } = this.#options;
    try {
      this.#names.begin();
    } catch (cause) {
      // All changes are found by looking, later.
      log.trouble(cause);
    }
    const memory = await SyncMemory.open(directory.path);
    const settling = new Settling({ directory, identity, bucket, memory, log });
    const footing: Footing = { identity, memory, settling, inDoubt: new Set(), isBegun: false };
    this.#footing = footing;
    this.#bucketWatch = new BucketWatch(cluster, bucket, {
      onBegin: () => this.#begin(footing),
      onChange: ({ name, revision }) => {
        if (memory.get(name)?.revision !== revision) this.#doubt(footing, name, 'urgent');
      },
    });
    return footing;
  }

  async #letGo(): Promise<void> {
    const [watch, footing] = [this.#bucketWatch, this.#footing];
    this.#bucketWatch = undefined;
    this.#footing = undefined;
    await this.#work.close();
    await watch?.close();
    this.#work.clear();
    // Whoever removed it wants it gone; and without it no more is lost than some time.
    await footing?.memory.close().catch(this.#options.log.trouble);
  }

  /** All that is there may have changed. @throws JetStreamAway; then it is called again */
  async #begin(footing: Footing): Promise<void> {
    const { bucket } = this.#options;
    const { memory } = footing;
    const { created } = await bucket.end();
    const stored = await bucket.list();
    if (memory.bucket !== created) await this.#work.close();
    if (this.#ending.signal.aborted || footing !== this.#footing) return;
    // Its revisions say nothing of this bucket, and what is not there was not deleted: bytes are compared.
    if (memory.bucket !== created) footing.settling.startAnew(created);
    for (const { name, revision } of stored)
      if (memory.get(name)?.revision !== revision) this.#doubt(footing, name, 'other');
    const there = new Set(stored.map(({ name }) => name));
    for (const name of memory.names()) if (!there.has(name)) this.#doubt(footing, name, 'other');
    footing.isBegun = true;
    this.#work.open();
    this.#lookSoon();
  }

  /** Where there is no bucket, nobody else says so. */
  async #tellIfStuck(): Promise<void> {
    const { cluster, bucket } = this.#options;
    if (this.#footing?.isBegun !== false || !cluster.isConnected) return;
    try {
      await bucket.end();
    } catch (cause) {
      if (apiCode(cause) !== CODES.streamNotFound) throw cause;
      throw new Error(`there is no bucket ${bucket.name}: run --setup-jetstream with the same filters`, {
        cause,
      });
    }
  }

  /** The system says that something happened to this name. */
  #hear(name: string): void {
    if (name === CONFIRM_NAME) this.#lookSoon();
    else if (name === MEMORY_NAME) void this.#hearOfMemory();
    else if (this.#options.isOurs(name)) this.#work.add(name);
  }

  /** Our own writing is heard, too. */
  async #hearOfMemory(): Promise<void> {
    if ((await this.#footing?.memory.isThere()) === false) this.#lookSoon();
  }

  #doubt({ inDoubt }: Footing, name: string, how: 'urgent' | 'other'): void {
    if (!this.#options.isOurs(name)) return;
    inDoubt.add(name);
    this.#work.add(name, how);
  }

  /** Never throws: what fails is tried again. */
  async #settle(name: string): Promise<void> {
    const footing = this.#footing;
    if (footing === undefined) return;
    const isInDoubt = footing.inDoubt.delete(name);
    try {
      const againMs = await footing.settling.settle(name, isInDoubt);
      this.#news.delete(name);
      if (againMs === 0) return;
      if (isInDoubt) footing.inDoubt.add(name);
      if (!this.#ending.signal.aborted) this.#work.addLater(name, againMs);
    } catch (cause) {
      footing.inDoubt.add(name);
      if (!this.#ending.signal.aborted) this.#failed(name, cause);
    }
  }

  #failed(name: string, cause: unknown): void {
    const { cluster, log } = this.#options;
    if (isNews(cause) && this.#countNews(name) < MANY_NEWS) {
      this.#work.addLater(name, QUIET_MS);
    } else if (cause instanceof JetStreamAway) {
      this.#work.add(name, 'other');
      this.#work.pause(AWAY_MS);
      // Otherwise the cluster says it.
      if (cluster.isConnected) log.trouble(cause);
    } else {
      log.trouble(cause, name);
      this.#news.delete(name);
      this.#work.addLater(name, RETRY_MS);
    }
  }

  #countNews(name: string): number {
    const times = (this.#news.get(name) ?? 0) + 1;
    this.#news.set(name, times);
    return times;
  }
}

/** Something happened meanwhile. */
function isNews(cause: unknown): boolean {
  if (cause instanceof Conflict || cause instanceof FileChanged) return true;
  return cause instanceof Refusal && cause.reason === 'file does not exist' && cause.cause === undefined;
}
