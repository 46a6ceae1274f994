/** Knows which deliverers live: they tell each other over NATS, and nobody keeps it. */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Cluster } from '../cluster.ts';
import { deliverersSubject } from '../names.ts';
import { monotonicMs } from '../../protocol/timer.ts';

const EVERY_MS = 2000;
/** After so long without a word, somebody is gone. */
const GONE_MS = 7000;
/** Whoever says goodbye may come back at once, as at a reload. */
const BYE_MS = 1000;
/** So long a new one listens before it takes anything: a little longer than the others are silent. */
const LISTEN_MS = 2500;
const LOOK_MS = 500;
const FLUSH_MS = 1000;
/** A look that comes so late was held up together with everything else here. */
const LATE_MS = 1500;
const ID = /^[0-9a-f]{12}$/;
/** Far more than anybody runs; somebody who floods the subject does not fill the memory. */
const MOST = 256;

/** What a deliverer says of itself. */
export interface Member {
  /** The same for as long as host and directory are. */
  readonly id: string;
  /** Of this process. */
  readonly instance: string;
  readonly host: string;
  readonly directory: string;
  /** How many partitions it has. */
  readonly partitions: number;
}

interface Known extends Member {
  goneAtMs: number;
}

export interface MembersOptions {
  readonly cluster: Cluster;
  readonly directory: string;
  /** Hears of every change, and of the end of the listening; all ids, one's own included. */
  readonly onChange: (members: readonly string[]) => void;
  /** Another process says that it is this deliverer. */
  readonly onDouble: (other: Member) => void;
}

export class Members {
  readonly self: Pick<Member, 'id' | 'instance' | 'host' | 'directory'>;
  readonly #options: MembersOptions;
  readonly #others = new Map<string, Known>();
  readonly #timer: NodeJS.Timeout;
  readonly #stopFollowing: () => void;
  #heardOn: NatsConnection | undefined;
  /** When everybody who lives has been heard. */
  #knowsAtMs = Infinity;
  #lookedMs = monotonicMs();
  #saidMs = -Infinity;
  #isSpeaking = false;
  #partitions = 0;
  #told = '';

  /** Listens from now on. To be closed. */
  constructor(options: MembersOptions) {
    const host = hostname();
    const { cluster, directory } = options;
    const id = createHash('sha256').update(`${host}\0${directory}`).digest('hex').slice(0, 12);
    const instance = `${String(process.pid)}.${String(Date.now())}`;
    this.self = { id, instance, host, directory };
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_MS);
    this.#stopFollowing = cluster.onChange(() => void this.#listen());
    void this.#listen();
  }

  /** Those that were heard of, without this one. */
  get others(): readonly Member[] {
    return [...this.#others.values()];
  }

  /** From now on this one is there for the others. */
  speak(): void {
    this.#isSpeaking = true;
    this.#look();
  }

  /** How many partitions it has now; only told. */
  has(partitions: number): void {
    this.#partitions = partitions;
  }

  /** Says goodbye, and listens no more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopFollowing();
    if (!this.#isSpeaking) return;
    this.#isSpeaking = false;
    await this.#say('bye');
  }

  async #listen(): Promise<void> {
    await this.#options.cluster
      .use(({ connection }) => {
        if (connection !== this.#heardOn) {
          this.#heardOn = connection;
          this.#knowsAtMs = monotonicMs() + LISTEN_MS;
          connection.subscribe(deliverersSubject(this.#options.cluster.settings.stream), {
            callback: (error, message) => {
              if (error === null) this.#hear(message);
            },
          });
        }
        return Promise.resolve();
      })
      .catch(() => undefined);
  }

  #hear({ data }: Msg): void {
    const said = parse(data);
    if (said === undefined || said.instance === this.self.instance) return;
    if (said.id === this.self.id) {
      if (this.#isSpeaking && !said.isBye) this.#options.onDouble(said);
      return;
    }
    const known = this.#others.has(said.id);
    if (!known && (said.isBye || this.#others.size >= MOST)) return;
    this.#others.set(said.id, { ...said, goneAtMs: monotonicMs() + (said.isBye ? BYE_MS : GONE_MS) });
    if (!known) this.#evaluate();
  }

  #look(): void {
    const now = monotonicMs();
    const deaf = now - this.#lookedMs;
    // Who heard nothing because it was stopped, or cut off, cannot say that others were silent.
    if (deaf > LATE_MS || !this.#options.cluster.isConnected) {
      this.#knowsAtMs += deaf;
      for (const other of this.#others.values()) other.goneAtMs += deaf;
    }
    this.#lookedMs = now;
    for (const { id, goneAtMs } of this.#others.values()) if (now >= goneAtMs) this.#others.delete(id);
    this.#evaluate();
  }

  #evaluate(): void {
    const now = monotonicMs();
    if (!this.#isSpeaking || now < this.#knowsAtMs) return;
    const members = [this.self.id, ...this.#others.keys()].sort();
    const isNews = members.join() !== this.#told;
    if (isNews) {
      this.#told = members.join();
      this.#options.onChange(members);
    }
    if (!isNews && now < this.#saidMs + EVERY_MS) return;
    this.#saidMs = now;
    void this.#say('here');
  }

  async #say(what: 'here' | 'bye'): Promise<void> {
    const { cluster } = this.#options;
    const text = JSON.stringify({ ...this.self, partitions: this.#partitions, is: what });
    await cluster
      .use(async ({ connection }) => {
        connection.publish(deliverersSubject(cluster.settings.stream), text);
        // Not for ever: whoever ends says goodbye and goes.
        await Promise.race([connection.flush(), sleep(FLUSH_MS, undefined, { ref: false })]);
      })
      .catch(() => undefined);
  }
}

/** Undefined for what no deliverer said. */
function parse(data: Uint8Array): (Member & { readonly isBye: boolean }) | undefined {
  try {
    const said = JSON.parse(Buffer.from(data).toString()) as Record<string, unknown>;
    const { id, instance, host, directory, partitions, is } = said;
    const texts = [id, instance, host, directory];
    if (!texts.every((each) => typeof each === 'string') || !ID.test(texts[0] ?? '')) return undefined;
    const [known = '', of = '', where = '', into = ''] = texts;
    const member = { id: known, instance: of, host: where, directory: into };
    return { ...member, partitions: Number(partitions), isBye: is === 'bye' };
  } catch {
    return undefined;
  }
}
