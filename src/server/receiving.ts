/** Receive mode: clients talk to a session, which stores their files and gives them others. */
import type { Client, Conversation, Service, Surroundings } from './service.ts';
import { runSession } from './session.ts';
import { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { ServerStopping } from '../protocol/errors.ts';
import { passwordDigest } from '../protocol/password.ts';
import type { Settings, TransferRules } from '../settings/settings.ts';
import type { Store } from '../store/store.ts';

/** What all sessions of a worker share. */
interface SessionContext extends Pick<Settings, 'idleMs' | 'lineLimit'>, Pick<Surroundings, 'log'> {
  readonly store: Store;
  readonly rules: TransferRules;
  readonly passwordDigest: string | undefined;
}

/** A store, and how clients may use it. */
export interface Offered {
  readonly store: Store & { removeAbandoned(ending: AbortSignal): Promise<number> };
  readonly rules: TransferRules;
}

export class Receiving implements Service {
  readonly #context: SessionContext;
  readonly #store: Offered['store'];

  constructor({ store, rules }: Offered, settings: Settings, log: Surroundings['log']) {
    const { idleMs, lineLimit, password } = settings;
    this.#store = store;
    this.#context = {
      store,
      rules,
      idleMs,
      lineLimit,
      log,
      passwordDigest: password && passwordDigest(password.reveal()),
    };
  }

  begin(client: Client): Conversation {
    return new SessionConversation(client, this.#context);
  }

  clean(ending: AbortSignal): Promise<number> {
    return this.#store.removeAbandoned(ending);
  }

  lead(): void {
    // Everything here can be done by many at a time.
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
}

class SessionConversation implements Conversation {
  readonly ended: Promise<void>;
  readonly #reader: ByteReader;
  readonly #writer: ByteWriter;
  readonly #lineLimit: number;
  #isStopping = false;
  /** The session looks at the first byte before it asks for a line. */
  #betweenCommands = true;

  constructor({ stream, peer, progress }: Client, context: SessionContext) {
    this.#reader = new ByteReader(stream, context.idleMs);
    this.#writer = new ByteWriter(stream, context.idleMs);
    this.#lineLimit = context.lineLimit;
    const [reader, writer] = [this.#reader, this.#writer];
    const nextLine = (): Promise<string | undefined> => this.#nextLine();
    this.ended = runSession({ ...context, reader, writer, nextLine, peer, progress });
  }

  get isBusy(): boolean {
    return !this.#betweenCommands;
  }

  get isAwaited(): boolean {
    return this.#reader.waiting || this.#writer.waiting;
  }

  stop(): void {
    this.#isStopping = true;
    if (this.#betweenCommands) this.#reader.abort(new ServerStopping());
  }

  async #nextLine(): Promise<string | undefined> {
    if (this.#isStopping) throw new ServerStopping();
    this.#betweenCommands = true;
    try {
      return await this.#reader.readLine(this.#lineLimit);
    } finally {
      this.#betweenCommands = false;
    }
  }
}
