/** Receive mode: clients talk to a session, which stores their files and gives them others. */
import { DiskTroubles } from './disk-troubles.ts';
import type { Client, Conversation, Service, Surroundings } from './service.ts';
import { runSession } from './session.ts';
import type { ByteReader } from '../protocol/byte-reader.ts';
import { ByteWriter } from '../protocol/byte-writer.ts';
import { ServerStopping } from '../protocol/errors.ts';
import { passwordDigest } from '../protocol/password.ts';
import type { ReceiveMode, Settings, TransferRules } from '../settings/settings.ts';
import { DirectoryStore } from '../store/directory-store.ts';
import { fullWarning } from '../store/file-limit.ts';
import type { Store } from '../store/store.ts';

/** What all sessions of a worker share. */
interface SessionContext extends Pick<Settings, 'idleMs' | 'lineLimit'>, Pick<Surroundings, 'log'> {
  readonly store: Store;
  readonly rules: TransferRules;
  readonly passwordDigests: readonly string[];
  readonly troubles: DiskTroubles;
}

/** A store, and how clients may use it. */
export interface Offered {
  readonly store: Store;
  readonly rules: TransferRules;
}

/** Talks to clients about a store, whichever it is. */
export class Receiving {
  readonly #context: SessionContext;

  constructor({ store, rules }: Offered, settings: Settings, log: Surroundings['log']) {
    const { idleMs, lineLimit, passwords } = settings;
    this.#context = {
      store,
      rules,
      idleMs,
      lineLimit,
      log,
      troubles: new DiskTroubles(log),
      passwordDigests: passwords.map((password) => passwordDigest(password.reveal())),
    };
  }

  begin(client: Client): Conversation {
    return new SessionConversation(client, this.#context);
  }
}

/** The service of receive mode: files go to the spool, and stay there for whoever takes them. */
export class Spooling implements Service {
  readonly #store: DirectoryStore;
  readonly #receiving: Receiving;

  constructor({ spool, rules }: ReceiveMode, settings: Settings, { log, elsewhere }: Surroundings) {
    this.#store = new DirectoryStore(spool, elsewhere, fullWarning(spool.maxFiles, log));
    this.#receiving = new Receiving({ store: this.#store, rules }, settings, log);
  }

  begin(client: Client): Conversation {
    return this.#receiving.begin(client);
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

  cut(): void {
    // Nothing is in progress but what clients asked for.
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

  constructor({ stream, reader, peer, progress }: Client, context: SessionContext) {
    this.#reader = reader;
    this.#writer = new ByteWriter(stream, context.idleMs);
    this.#lineLimit = context.lineLimit;
    const { store, rules, lineLimit, passwordDigests, log, troubles } = context;
    // Name by name, for each connection: spreading the context takes longer than all the rest here.
    this.ended = runSession({
      reader,
      writer: this.#writer,
      nextLine: () => this.#nextLine(),
      peer,
      progress,
      store,
      rules,
      lineLimit,
      passwordDigests,
      log,
      troubles,
    });
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
