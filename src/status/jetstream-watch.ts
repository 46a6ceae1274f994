/** Looks at the stream every few seconds, and knows what came of it. */
import type { Check, JetStreamFigures, JetStreamReport } from './report.ts';
import { findingsOf, obstacleOf } from '../jetstream/state/findings.ts';
import { quorumOf } from '../jetstream/state/replicas.ts';
import type { Reading, StateReader } from '../jetstream/state/state-reader.ts';
import type { JetStreamState } from '../jetstream/state/stream-state.ts';
import type { Target } from '../jetstream/state/target.ts';
import { count, duration } from '../log/count.ts';
import { printable } from '../log/printable.ts';

const INTERVAL_MS = 3000;
const MS = 1000;

/** Known of what was seen last. */
interface Look {
  /** Why files can be neither stored nor delivered; undefined: they can. */
  readonly obstacle: string | undefined;
  readonly state: JetStreamState | undefined;
  /** Since when it is so, in milliseconds since the epoch; undefined until it was looked at. */
  readonly since: number | undefined;
}

const UNSEEN: Look = { obstacle: 'not looked at yet', state: undefined, since: undefined };

export class JetStreamWatch {
  readonly #target: Target;
  readonly #open: (target: Target) => Promise<StateReader>;
  #reader: StateReader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #look: Look;

  /**
   * Looks at once, and from then on again and again, until it is closed.
   * @param before the one of earlier settings, whose last word counts until the first of this one
   * @param open how to connect
   */
  constructor(target: Target, before?: JetStreamWatch, open = openReader) {
    this.#target = target;
    this.#open = open;
    this.#look = before === undefined ? UNSEEN : before.#look;
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    void this.#reader?.close();
  }

  get report(): JetStreamReport {
    const { settings } = this.#target;
    const { obstacle, state, since } = this.#look;
    const now = Date.now();
    return {
      stream: settings.stream,
      up: obstacle === undefined,
      text: obstacle ?? 'stores and delivers',
      since,
      figures: state && figuresOf(state, now),
      wantedReplicas: settings.replicas,
      findings: state === undefined ? [] : findingsOf(state, settings.stream, now),
    };
  }

  /** Where files can wait meanwhile, the server goes on to take them: a balancer should not turn from it. */
  get check(): Check {
    const { obstacle, state, since } = this.#look;
    const { queue } = this.#target;
    if (obstacle === undefined) return { name: 'jetstream', ok: true, text: this.#goodText(state) };
    const forText = since === undefined ? '' : `, for ${duration(Date.now() - since)}`;
    const meanwhile = queue === undefined ? '' : `; files wait in ${queue.directory}`;
    return { name: 'jetstream', ok: queue !== undefined, text: `${obstacle}${forText}${meanwhile}` };
  }

  #goodText(state: JetStreamState | undefined): string {
    const { stream } = this.#target.settings;
    const there = state?.stream?.replicas.filter((replica) => replica.state !== 'silent').length ?? 0;
    const of = state?.stream?.replicas.length ?? 0;
    const replicas = of === there ? count(of, 'replica') : `${String(there)} of ${count(of, 'replica')}`;
    return `stream ${stream} at ${state?.server.name ?? ''}: ${replicas}, ${count(state?.stream?.messages ?? 0, 'message')}`;
  }

  /** Never fails. */
  async #run(): Promise<void> {
    const { obstacle, state } = await this.#see();
    if (this.#isClosed) return;
    const isNew =
      this.#look.since === undefined || (this.#look.obstacle === undefined) !== (obstacle === undefined);
    this.#look = { obstacle, state, since: isNew ? Date.now() : this.#look.since };
    this.#timer = setTimeout(() => void this.#run(), INTERVAL_MS).unref();
  }

  async #see(): Promise<Pick<Look, 'obstacle' | 'state'>> {
    try {
      const reading = await this.#read();
      if (reading.state === undefined) return { obstacle: printable(reading.trouble), state: undefined };
      return { obstacle: obstacleOf(reading.state, this.#target.settings.stream), state: reading.state };
    } catch (cause) {
      // Packages may be missing, credentials be none, or permissions not be enough.
      return { obstacle: printable((cause as Error).message), state: undefined };
    }
  }

  async #read(): Promise<Reading> {
    if (this.#reader === undefined) {
      const reader = await this.#open(this.#target);
      if (this.#isClosed) {
        await reader.close();
        return { state: undefined, trouble: 'closed' };
      }
      this.#reader = reader;
    }
    return this.#reader.read();
  }
}

/** The NATS packages are large, and optional. */
async function openReader(target: Target): Promise<StateReader> {
  const { openReader } = await import('../jetstream/state/state-reader.ts');
  return openReader(target);
}

function figuresOf({ server, stream, consumers, buckets }: JetStreamState, now: number): JetStreamFigures {
  const replicas = stream?.replicas ?? [];
  const oldestAt = stream?.oldestAt;
  return {
    server: `${server.address} (${server.name})`,
    messages: stream?.messages ?? 0,
    bytes: stream?.bytes ?? 0,
    oldestSeconds: oldestAt === undefined ? undefined : Math.max(0, (now - oldestAt) / MS),
    replicas,
    quorum: quorumOf(replicas),
    pending: consumers?.pending,
    unacknowledged: consumers?.unacknowledged,
    buckets: buckets
      .filter(({ isThere }) => isThere === true)
      .map(({ name, objects, bytes }) => ({ name, objects, bytes })),
  };
}
