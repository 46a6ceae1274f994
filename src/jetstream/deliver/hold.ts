/** Keeps a message this deliverer's while it works on it, and knows whether it still is. */
import type { Cluster } from '../cluster.ts';
import type { Taken } from './puller.ts';
import { ACK_WAIT_MS } from '../setup/setup.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** Sure of a message for less than JetStream waits: what is begun in time must be over in time. */
const MARGIN_MS = 1500;
const EVERY_MS = 3000;
const ANSWER_MS = 2000;
const WORKING = '+WPI';

export class Hold {
  readonly #cluster: Pick<Cluster, 'use'>;
  readonly #message: Taken;
  readonly #timer: NodeJS.Timeout;
  #untilMs: number;

  constructor(cluster: Pick<Cluster, 'use'>, message: Taken) {
    this.#cluster = cluster;
    this.#message = message;
    this.#untilMs = message.askedMs + ACK_WAIT_MS - MARGIN_MS;
    this.#timer = setInterval(() => void this.#extend(), EVERY_MS);
  }

  /** Whether nobody else can have been given the message: not so after this process was stopped for a while. */
  get isSure(): boolean {
    return monotonicMs() < this.#untilMs;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** Only what JetStream confirmed counts. Once lost it stays lost. Never throws. */
  async #extend(): Promise<void> {
    const sentMs = monotonicMs();
    const until = this.#untilMs;
    if (sentMs >= until) return;
    try {
      await this.#cluster.use(({ connection }) =>
        connection.request(this.#message.reply, WORKING, { timeout: ANSWER_MS }),
      );
      if (monotonicMs() < until) this.#untilMs = sentMs + ACK_WAIT_MS - MARGIN_MS;
    } catch {
      // It is tried again; meanwhile the time runs out.
    }
  }
}
