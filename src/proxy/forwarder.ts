/** Sends the files of the queue to their destination, until none is left. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { deliver, type Outcome } from './delivery.ts';
import type { Destination, Line } from './destination.ts';
import { GrowingPause, type PauseLimits, pauseMs } from './growing-pause.ts';
import { reportQueue } from './queue-report.ts';
import type { Queue } from './queue.ts';
import { count } from '../log/count.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import { NoUpstream } from '../protocol/errors.ts';
import { monotonicMs } from '../protocol/timer.ts';
import type { QueuedFile } from '../store/queue-directory.ts';
import type { Store } from '../store/store.ts';

export interface ForwarderOptions {
  /** Where the files are. */
  readonly store: Pick<Store, 'open'>;
  readonly queue: Queue;
  readonly destination: Destination;
  /** At a time, at most. */
  readonly connections: number;
  /** How long a file that failed waits until it is sent again. */
  readonly retry?: PauseLimits | undefined;
  readonly log: Logger;
}

/** How long a connection stays open for another file: less than any upstream's patience. */
const LINGER_MS = 1000;
const AWAY = { firstMs: 500, longestMs: 30_000 };
const RETRY = { firstMs: 1000, longestMs: 60_000 };
/** So many failures in a row are no matter of single files. */
const MANY_FAILURES = 8;
/** From which failure on a file is named in the log, and at each how manieth again. */
const NAMED_FROM = 5;
const NAMED_EVERY = 30;

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #stopping = new AbortController();
  /** One at a time: so a pause is over for all, and a returning upstream is not stormed. */
  readonly #connecting = pLimit(1);
  readonly #away = new GrowingPause(AWAY);
  readonly #retry: PauseLimits;
  readonly #stuck: GrowingPause;
  /** Since a file last got through. */
  #failuresInRow = 0;
  /** How often files failed that are still to be sent. */
  readonly #failures = new Map<string, number>();
  /** Names under which the destination took something that is not what is here now. */
  readonly #otherTaken = new Set<string>();
  /** Conversations in progress. */
  readonly #lines = new Set<Line>();
  #isCut = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#retry = options.retry ?? RETRY;
    this.#stuck = new GrowingPause(this.#retry);
    // One listener or two for each connection.
    setMaxListeners(0, this.#stopping.signal);
  }

  /** To be called once. */
  start(): void {
    const { connections, queue, destination, log } = this.#options;
    const senders = Array.from({ length: connections }, (_, index) => this.#sender(index));
    this.#running = Promise.all([
      ...senders,
      reportQueue({ queue, destination, log }, this.#stopping.signal),
    ]);
  }

  /** Resolves when the files in progress are sent, or failed; none is begun any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** After stop(): drops what is in progress. */
  cut(): void {
    this.#isCut = true;
    for (const line of this.#lines) line.close();
  }

  /** The first sender begins with one file that waits, the second with two, and so on. */
  async #sender(index: number): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#options.queue.untilWaiting(index + 1, signal);
      const line = await this.#connecting(() => this.#connect());
      if (line !== undefined) await this.#converse(line);
    }
  }

  /** Undefined when it stops, or there is nobody to talk to yet. */
  async #connect(): Promise<Line | undefined> {
    const { signal } = this.#stopping;
    await sleep(this.#stuck.leftMs, undefined, { signal }).catch(() => undefined);
    return signal.aborted ? undefined : this.#reach();
  }

  async #reach(): Promise<Line | undefined> {
    const { destination } = this.#options;
    const { signal } = this.#stopping;
    // Of its own: a stop lets conversations that have begun come to their end.
    const attempt = new AbortController();
    const abort = (): void => {
      attempt.abort();
    };
    signal.addEventListener('abort', abort);
    try {
      const line = await destination.reach(attempt.signal, signal);
      this.#away.end();
      return line;
    } catch (error) {
      if (!signal.aborted && !(error instanceof NoUpstream)) throw error;
      this.#away.begin();
      await destination.changed(this.#away.leftMs, signal);
      return undefined;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Sends files over one connection, until there are none for a while, or it cannot go on. */
  async #converse(line: Line): Promise<void> {
    const { signal } = this.#stopping;
    this.#lines.add(line);
    try {
      while (!line.isOver && this.#stuck.leftMs === 0) {
        const file = await this.#options.queue.take(LINGER_MS, signal);
        if (file === undefined) break;
        await this.#forward(file, line);
      }
      if (!line.isOver) await line.quit();
    } finally {
      this.#lines.delete(line);
      line.close();
      line.release();
    }
  }

  /** Never throws: whatever happens to one file, the others go on. */
  async #forward(file: QueuedFile, line: Line): Promise<void> {
    const { store } = this.#options;
    const start = monotonicMs();
    try {
      const otherTaken = this.#otherTaken.has(file.name);
      const outcome = await deliver({ file, line, store, otherTaken });
      if (outcome.kind === 'delivered') this.#delivered(file, outcome, { line, start });
      else await this.#settle(file, outcome, line);
    } catch (error) {
      // It cannot be deleted or moved here.
      this.#fail(file, reasonOf(error));
    }
  }

  #delivered(
    file: QueuedFile,
    { bytes, already }: Extract<Outcome, { kind: 'delivered' }>,
    { line, start }: { readonly line: Line; readonly start: number },
  ): void {
    this.#taken(line);
    this.#forget(file);
    this.#options.queue.done(file);
    const ms = Math.round(monotonicMs() - start);
    const { to: upstream } = line;
    const name = printable(file.name);
    const how = already ? 'was there already' : `in ${String(ms)} ms`;
    this.#options.log.event(`Forwarded file '${name}' size ${String(bytes)}b to ${upstream} ${how}`, {
      event: 'forwarded',
      file: name,
      bytes,
      upstream,
      ms,
    });
  }

  async #settle(
    file: QueuedFile,
    outcome: Exclude<Outcome, { kind: 'delivered' }>,
    line: Line,
  ): Promise<void> {
    switch (outcome.kind) {
      case 'gone':
        this.#forget(file);
        this.#options.queue.done(file);
        break;
      case 'replaced':
        this.#taken(line);
        this.#otherTaken.add(file.name);
        this.#options.queue.later(file, this.#retry.firstMs);
        break;
      case 'unwanted':
        await this.#reject(file, outcome.reason, line);
        break;
      case 'refused':
        this.#fail(file, `${line.to} refused it: ${outcome.reason}`);
        break;
      case 'unreadable':
        this.#fail(file, reasonOf(outcome.error));
        break;
      case 'broken':
        if (!this.#isCut) line.broke(outcome.error);
        this.#fail(file, outcome.error.message);
        break;
      default:
        outcome satisfies never;
    }
  }

  async #reject(file: QueuedFile, reason: string, { to: upstream }: Line): Promise<void> {
    const rejected = await this.#options.queue.reject(file);
    this.#forget(file);
    if (rejected === undefined) return;
    const name = printable(file.name);
    this.#options.log.warning(
      `File '${name}' size ${String(file.size)}b not forwarded to ${upstream}: ${reason}; ` +
        `moved to 'rejected/${printable(rejected)}'`,
      { event: 'rejected', file: name, bytes: file.size, upstream, reason },
    );
  }

  /** It is tried again, after others. */
  #fail(file: QueuedFile, reason: string): void {
    const failures = (this.#failures.get(file.name) ?? 0) + 1;
    this.#failures.set(file.name, failures);
    this.#options.queue.later(file, pauseMs(failures, this.#retry));
    const named = failures >= NAMED_FROM && (failures - NAMED_FROM) % NAMED_EVERY === 0;
    const write = named ? this.#options.log.warning : this.#options.log.detail;
    const name = printable(file.name);
    write(`File '${name}' not forwarded, attempt ${String(failures)}: ${reason}; it is tried again`, {
      event: 'not forwarded',
      file: name,
      bytes: file.size,
    });
    this.#notTaken(reason);
  }

  /** A file got through. */
  #taken({ to }: Line): void {
    if (this.#failuresInRow >= MANY_FAILURES) {
      this.#options.log.notice(`Files get through to ${to} again`, { event: 'queue' });
    }
    this.#failuresInRow = 0;
    this.#stuck.end();
  }

  #notTaken(reason: string): void {
    this.#failuresInRow++;
    if (this.#failuresInRow < MANY_FAILURES) return;
    this.#stuck.begin();
    if (this.#failuresInRow > MANY_FAILURES) return;
    this.#options.log.warning(
      `${count(MANY_FAILURES, 'file')} in a row could not be forwarded (${reason}): all wait, and are tried after ` +
        'growing pauses until one gets through',
      { event: 'queue', reason },
    );
  }

  #forget({ name }: QueuedFile): void {
    this.#failures.delete(name);
    this.#otherTaken.delete(name);
  }
}
