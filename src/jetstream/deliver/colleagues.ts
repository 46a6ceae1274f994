/** Asks the other deliverers whether they have delivered a message: NATS may have lost their acknowledgement. */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Cluster } from '../cluster.ts';
import { inquirySubject } from '../names.ts';
import { storedMsOf } from './puller.ts';
import type { DeliveredJournal } from '../../store/delivered-journal.ts';

/** A message whose file may be delivered already. */
export interface Question {
  readonly key: string;
  /** What its sender knows it by. */
  readonly id: string | undefined;
  /** Whether it waited in a queue: then it may be a repeat of long ago. */
  readonly queued: boolean;
}

/** A busy one answers late, and one that is gone not at all: that holds up what is in doubt until it is known to be gone. */
const PATIENCE_MS = 2000;
const YES = 'yes';

type Journal = Pick<DeliveredJournal, 'has' | 'keyOf'>;

/**
 * Whether a journal has this message, or an earlier one of the same file: NATS stores a repeat of what was delivered.
 * @param windowMs for how long a repeat is known to be one
 */
export function isDelivered(journal: Journal, { key, id, queued }: Question, windowMs: number): boolean {
  if (journal.has(key)) return true;
  const earlier = id === undefined ? undefined : journal.keyOf(id);
  if (earlier === undefined) return false;
  return queued || storedMsOf(key) - storedMsOf(earlier) <= windowMs;
}

export interface ColleaguesOptions {
  readonly cluster: Cluster;
  readonly journal: Journal;
  /** Of this process. */
  readonly instance: string;
  /** How many others there are. */
  readonly others: () => number;
}

export class Colleagues {
  readonly #options: ColleaguesOptions;
  readonly #stopFollowing: () => void;
  #listening: { readonly on: NatsConnection; readonly subscription: Subscription } | undefined;

  /** Answers them from now on. To be closed. */
  constructor(options: ColleaguesOptions) {
    this.#options = options;
    this.#stopFollowing = options.cluster.onChange(() => void this.#listen());
    void this.#listen();
  }

  close(): void {
    this.#stopFollowing();
    this.#listening?.subscription.unsubscribe();
  }

  /** Whether any of those who answer has. Never throws. */
  async haveDelivered(question: Question): Promise<boolean> {
    const { cluster, instance, others } = this.#options;
    const expected = others();
    if (expected === 0) return false;
    try {
      return await cluster.use(async ({ connection }) => {
        const answers = await connection.requestMany(
          inquirySubject(cluster.settings.stream),
          JSON.stringify({ ...question, instance }),
          { strategy: 'count', maxMessages: expected, maxWait: PATIENCE_MS },
        );
        for await (const answer of answers) if (answer.string() === YES) return true;
        return false;
      });
    } catch {
      // Nobody there: the journal here is all that is known.
      return false;
    }
  }

  async #listen(): Promise<void> {
    const { cluster } = this.#options;
    await cluster
      .use(({ connection }) => {
        if (connection === this.#listening?.on) return Promise.resolve();
        const subscription = connection.subscribe(inquirySubject(cluster.settings.stream), {
          callback: (error, message) => {
            if (error === null) this.#hear(message);
          },
        });
        this.#listening = { on: connection, subscription };
        return Promise.resolve();
      })
      .catch(() => undefined);
  }

  #hear(message: Msg): void {
    const { cluster, journal, instance } = this.#options;
    const asked = parse(message.data);
    if (asked === undefined || asked.instance === instance) return;
    message.respond(isDelivered(journal, asked, cluster.settings.duplicateWindowMs) ? YES : 'no');
  }
}

/** Undefined for what no deliverer asked. */
function parse(data: Uint8Array): (Question & { readonly instance: string }) | undefined {
  try {
    const { key, id, queued, instance } = JSON.parse(Buffer.from(data).toString()) as Record<string, unknown>;
    if (typeof key !== 'string' || typeof instance !== 'string') return undefined;
    return { key, instance, id: typeof id === 'string' ? id : undefined, queued: queued === true };
  } catch {
    return undefined;
  }
}
