/** Takes the messages of one partition from JetStream, one at a time. */
import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Cluster } from '../cluster.ts';
import { consumerName } from '../names.ts';
import { monotonicMs } from '../../protocol/timer.ts';

/** So long a question waits at the server: so long somebody who gives a partition up may still get a message of it. */
export const PATIENCE_MS = 1000;
/** An answer that takes longer is none: whoever had the question is gone. */
const SLACK_MS = 2000;
/** Acknowledges, and asks for the next one. */
const ACK_AND_NEXT = '+NXT';
const BODY = JSON.stringify({ batch: 1, expires: PATIENCE_MS * 1_000_000 });

const NANOSECONDS_A_MS = 1_000_000;

/** A message that is this deliverer's for as long as JetStream waits for its acknowledgement. */
export interface Taken {
  readonly subject: string;
  readonly headers: MsgHdrs | undefined;
  readonly data: Buffer;
  /** Where answers to it go. */
  readonly reply: string;
  readonly sequence: number;
  /** How often it was given out, this time included, as far as JetStream remembers. */
  readonly deliveries: number;
  /** When it was stored, in milliseconds since the epoch. */
  readonly storedMs: number;
  /** Of this message alone, even if the stream is made anew: `sequence.nanoseconds`. */
  readonly key: string;
  /** It was not given out before then; on the monotonic clock. */
  readonly askedMs: number;
}

/** `none`: no message for now. `nobody`: nobody answered for the consumer, which is missing, or has no leader. */
export type Answer = Taken | 'none' | 'nobody';

interface Open {
  readonly connection: NatsConnection;
  readonly inbox: string;
  readonly subscription: Subscription;
}

/**
 * Not the library's consume(): that one takes the next message before this one is done, so that a partition that is given
 * up hangs until the acknowledgement is overdue; and after a leader went, it waits for heartbeats before it asks again.
 */
export class Puller {
  readonly #cluster: Cluster;
  readonly #subject: string;
  #open: Open | undefined;
  #answer: ((message: Msg | undefined) => void) | undefined;
  /** To a question that was asked with an acknowledgement. */
  #next: Promise<Answer> | undefined;

  constructor(cluster: Cluster, partition: number) {
    this.#cluster = cluster;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${cluster.settings.stream}.${consumerName(partition)}`;
  }

  /**
   * Waits for a message for about a second. One question at a time.
   * @throws as Cluster.use()
   */
  next(): Promise<Answer> {
    const next = this.#next ?? this.#ask(this.#subject, BODY);
    this.#next = undefined;
    return next;
  }

  /**
   * Acknowledges a message and asks for the one that next() then gives: half the words for all servers that they pass.
   * Any answer but `nobody` says that the acknowledgement was heard.
   */
  acknowledge({ reply }: Taken): void {
    this.#next = this.#ask(reply, `${ACK_AND_NEXT} ${BODY}`);
    this.#next.catch(() => undefined);
  }

  #ask(subject: string, question: string): Promise<Answer> {
    return this.#cluster.use(async ({ connection }) => {
      const { inbox } = this.#opened(connection);
      const askedMs = monotonicMs();
      connection.publish(subject, question, { reply: inbox });
      const message = await this.#answered();
      if (message !== undefined) return answerOf(message, askedMs);
      // An answer that comes yet would be taken for that to a later question, and for fresher than it is.
      this.close();
      return 'nobody';
    });
  }

  /** Whatever comes yet is given out again by JetStream, when its acknowledgement is overdue. */
  close(): void {
    this.#open?.subscription.unsubscribe();
    this.#open = undefined;
    this.#answer?.(undefined);
  }

  #opened(connection: NatsConnection): Open {
    if (this.#open?.connection === connection) return this.#open;
    this.close();
    const inbox = this.#cluster.packages.transport.createInbox();
    const subscription = connection.subscribe(inbox, {
      callback: (error, message) => {
        this.#answer?.(error === null ? message : undefined);
      },
    });
    this.#open = { connection, inbox, subscription };
    return this.#open;
  }

  async #answered(): Promise<Msg | undefined> {
    let late: NodeJS.Timeout | undefined;
    const answer = await new Promise<Msg | undefined>((resolve) => {
      this.#answer = resolve;
      late = setTimeout(resolve, PATIENCE_MS + SLACK_MS, undefined);
    });
    clearTimeout(late);
    this.#answer = undefined;
    return answer;
  }
}

function answerOf({ subject, headers, data, reply = '' }: Msg, askedMs: number): Answer {
  const tokens = reply.split('.');
  if (tokens[0] !== '$JS' || tokens[1] !== 'ACK') {
    // What is no message says why there is none: 404 and 408 that there was none in time.
    return headers?.code === 404 || headers?.code === 408 ? 'none' : 'nobody';
  }
  // $JS.ACK.stream.consumer.deliveries.sequence.delivery.nanoseconds.pending; newer servers put domain and account before.
  const [deliveries = '', sequence = '', , stored = ''] = tokens.slice(tokens.length === 9 ? 4 : 6);
  return {
    subject,
    headers,
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    reply,
    sequence: Number(sequence),
    deliveries: Number(deliveries),
    storedMs: Number(BigInt(stored) / 1_000_000n),
    key: `${sequence}.${stored}`,
    askedMs,
  };
}

/** When the message of a key was stored, in milliseconds since the epoch. */
export function storedMsOf(key: string): number {
  return Number(key.slice(key.indexOf('.') + 1)) / NANOSECONDS_A_MS;
}
