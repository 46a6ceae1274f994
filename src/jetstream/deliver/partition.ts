/** Delivers the messages of one partition, one after the other, for as long as it is this deliverer's. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster.ts';
import type { Delivery } from './delivery.ts';
import { Hold } from './hold.ts';
import type { Outcome } from './job.ts';
import { bodiesBucket } from '../names.ts';
import { Puller, type Taken } from './puller.ts';
import { GrowingPause, type PauseLimits } from '../../proxy/growing-pause.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** What all partitions have in common. */
export interface PartitionOptions {
  readonly cluster: Cluster;
  readonly delivery: Pick<Delivery, 'deliver'>;
  /** While the disk does not take files. */
  readonly disk: GrowingPause;
  /** Nobody answers for the consumer of the partition; resolves after a pause. */
  readonly onNobody: (partition: number) => Promise<void>;
  /** Somebody does. */
  readonly onAnswer: () => void;
  /** It has given nothing for a while. */
  readonly onQuiet: (partition: number) => Promise<void>;
  /** Between two of these, in milliseconds. */
  readonly quietMs?: number | undefined;
  /** Aborted when it is to come to its end. */
  readonly signal: AbortSignal;
  /** While the bytes of a file do not come. */
  readonly retry?: PauseLimits | undefined;
}

const RETRY = { firstMs: 1000, longestMs: 60_000 };
/** So long the answer to an acknowledgement may take, until it is said again. */
const ANSWER_MS = 2000;
const AGAIN_MS = 250;
/** Looks whether there is a connection again. */
const AWAY_MS = 1000;

/** Most partitions of a small site are quiet. */
const QUIET_MS = 15_000;

type Answer = '+ACK' | '-NAK' | '+TERM';

export class Partition {
  readonly #options: PartitionOptions;
  readonly #number: number;
  readonly #puller: Puller;
  readonly #bodies: GrowingPause;
  /** Acknowledgements that are not confirmed. */
  readonly #acknowledging = new Set<Promise<void>>();
  /** Acknowledged together with the question for the next one, which is not answered yet. */
  #unconfirmed: Taken | undefined;
  #quietSinceMs = monotonicMs();
  #isWanted = false;
  #tookMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(number: number, options: PartitionOptions) {
    this.#number = number;
    this.#options = options;
    this.#puller = new Puller(options.cluster, number);
    this.#bodies = new GrowingPause(options.retry ?? RETRY);
  }

  /** From now on its messages are delivered. */
  take(): void {
    if (!this.#isWanted) this.#tookMs = monotonicMs();
    this.#isWanted = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // It was wanted again in the very moment of its end.
      if (this.#goesOn) this.take();
    });
  }

  /** No message is asked for any more; one that is in work, or was asked for, is still delivered. */
  giveUp(): void {
    this.#isWanted = false;
  }

  /** Resolves when nothing is in work, after giveUp(). */
  async idle(): Promise<void> {
    await this.#running;
    await Promise.all(this.#acknowledging);
  }

  /** What comes may be a repeat of what was delivered by who had the partition before, or NATS may have lost that it was. */
  get #isNew(): boolean {
    return monotonicMs() - this.#tookMs < this.#options.cluster.settings.duplicateWindowMs;
  }

  get #goesOn(): boolean {
    return this.#isWanted && !this.#options.signal.aborted;
  }

  async #run(): Promise<void> {
    // What was asked for with an acknowledgement may be on its way.
    while (this.#goesOn || this.#unconfirmed !== undefined) {
      const pauseMs = Math.max(this.#options.disk.leftMs, this.#bodies.leftMs);
      if (pauseMs > 0) await this.#wait(pauseMs);
      else await this.#next();
    }
    this.#puller.close();
    this.#repeat();
  }

  async #wait(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.signal }).catch(() => undefined);
  }

  async #next(): Promise<void> {
    const { cluster, onNobody, onAnswer } = this.#options;
    try {
      const answer = await this.#puller.next();
      if (typeof answer !== 'string') this.#quietSinceMs = monotonicMs();
      else await this.#lookAround();
      if (answer === 'nobody') {
        this.#repeat();
        return await onNobody(this.#number).then(() => undefined);
      }
      this.#unconfirmed = undefined;
      onAnswer();
      if (typeof answer !== 'string') await this.#work(answer);
    } catch {
      this.#repeat();
      // The log knows from the cluster.
      if (!(await cluster.connected(AWAY_MS))) return;
      await this.#wait(AGAIN_MS);
    }
  }

  async #lookAround(): Promise<void> {
    const { onQuiet, quietMs = QUIET_MS } = this.#options;
    if (monotonicMs() - this.#quietSinceMs < quietMs) return;
    this.#quietSinceMs = monotonicMs();
    await onQuiet(this.#number);
  }

  async #work(message: Taken): Promise<void> {
    const { cluster, delivery } = this.#options;
    const hold = new Hold(cluster, message);
    try {
      const outcome = await delivery.deliver({
        message,
        hold,
        isInDoubt: message.deliveries > 1 || this.#isNew,
        acknowledge: (object) => {
          this.#acknowledge(message, object);
        },
        terminate: () => {
          this.#answer(message, '+TERM');
        },
      });
      await this.#follow(outcome, { message, hold });
    } finally {
      hold.end();
    }
  }

  async #follow(
    outcome: Outcome,
    { message, hold }: { readonly message: Taken; readonly hold: Hold },
  ): Promise<void> {
    const { disk } = this.#options;
    switch (outcome) {
      case 'settled':
        disk.end();
        this.#bodies.end();
        return;
      case 'disk':
        disk.begin();
        break;
      case 'body':
        this.#bodies.begin();
        break;
      case 'away':
        await this.#wait(AGAIN_MS);
        break;
      case 'dropped':
        break;
      default:
        outcome satisfies never;
    }
    // Given out again at once, to whoever asks: to this one after the pause, unless another has the partition by then.
    if (hold.isSure) this.#answer(message, '-NAK');
  }

  #acknowledge(message: Taken, object: string | undefined): void {
    if (object !== undefined || !this.#goesOn) {
      this.#answer(message, '+ACK', object);
      return;
    }
    this.#unconfirmed = message;
    this.#puller.acknowledge(message);
  }

  /** An acknowledgement that perhaps was not heard. */
  #repeat(): void {
    if (this.#unconfirmed !== undefined) this.#settle(this.#confirmed(this.#unconfirmed, '+ACK', true));
    this.#unconfirmed = undefined;
  }

  #answer(message: Taken, answer: Answer, object?: string): void {
    const removing = async (isConfirmed: boolean): Promise<void> => {
      if (isConfirmed && object !== undefined) await this.#remove(object);
    };
    this.#settle(this.#confirmed(message, answer).then(removing));
  }

  #settle(answering: Promise<unknown>): void {
    const settled = answering.then(() => undefined);
    this.#acknowledging.add(settled);
    void settled.finally(() => this.#acknowledging.delete(settled));
  }

  /** Says it until JetStream has heard it: one that is lost with a server would let all behind it wait. Never throws. */
  async #confirmed(message: Taken, answer: Answer, isAgain = false): Promise<boolean> {
    const { cluster, signal } = this.#options;
    const { reply } = message;
    for (let isLate = isAgain; ; isLate = true) {
      try {
        if (isLate && !(await this.#isStillThere(message))) return true;
        await cluster.use(({ connection }) => connection.request(reply, answer, { timeout: ANSWER_MS }));
        return true;
      } catch {
        // Said again by whoever asks for the message again.
        if (answer === '-NAK' || signal.aborted) return false;
        await this.#wait(AGAIN_MS);
      }
    }
  }

  /** Its number may be another one's by now: of a stream made anew, or where NATS servers lost their last ones. */
  async #isStillThere({ sequence, subject, storedMs }: Taken): Promise<boolean> {
    const { cluster } = this.#options;
    const { stream } = cluster.settings;
    const found = await cluster.use(({ jsm }) => jsm.streams.getMessage(stream, { seq: sequence }));
    return found !== null && found.subject === subject && found.time.getTime() === storedMs;
  }

  /** What is left is swept by others. */
  async #remove(object: string): Promise<void> {
    const { cluster } = this.#options;
    try {
      const bucket = bodiesBucket(cluster.settings.stream);
      const store = await cluster.bucket(bucket);
      await cluster.use(() => store.delete(object));
      await cluster.use(({ jsm }) => jsm.streams.purge(`OBJ_${bucket}`, { filter: tombOf(bucket, object) }));
    } catch {
      // See above.
    }
  }
}

/** What the library keeps of an object that was deleted; it encodes names with padding. */
function tombOf(bucket: string, object: string): string {
  const name = Buffer.from(object, 'latin1').toString('base64').replace(/\+/g, '-').replace(/\//g, '_');
  return `$O.${bucket}.M.${name}`;
}
