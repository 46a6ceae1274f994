/** A store that keeps what it receives for the upstream, and asks the upstream for what it is asked for. */
import { ClientError, RefusedError } from '../client/errors.ts';
import type { Way } from './fetch.ts';
import type { Queue } from './queue.ts';
import { UpstreamFile } from './upstream-file.ts';
import { NoUpstream, Refusal, type RefusalReason } from '../protocol/errors.ts';
import type { Incoming, Outgoing, Store } from '../store/store.ts';

export interface ForwardingOptions extends Way {
  /** Where files wait. */
  readonly local: Pick<Store, 'receive'>;
  readonly queue: Pick<Queue, 'added'>;
}

/** What agents keep at the centre, and operators change there. */
const OF_AGENTS = /\.(?:conf|md5)$/;

export class ForwardingStore implements Store {
  readonly #options: ForwardingOptions;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  async receive(name: string, size: number): Promise<Incoming> {
    this.#refuseFirstSteps(name);
    const incoming = await this.#options.local.receive(name, size);
    let bytes = 0;
    return {
      write: (chunk) => {
        bytes += chunk.length;
        return incoming.write(chunk);
      },
      commit: async () => {
        await incoming.commit();
        this.#options.queue.added(name, bytes);
      },
      discard: () => incoming.discard(),
    };
  }

  /**
   * An agent that cannot fetch its .md5 believes that the centre does not know it, and sends its own .conf and .md5: the
   * centre, back again, would take them for new and lose what was configured there.
   */
  #refuseFirstSteps(name: string): void {
    const { upstreams } = this.#options;
    if (!OF_AGENTS.test(name) || upstreams.states.some(({ kind }) => kind === 'up')) return;
    throw new Refusal(
      'cannot store file',
      'the upstream is away, and may hold a newer configuration of the agent',
    );
  }

  async open(name: string, purpose: 'read' | 'move' = 'read'): Promise<Outgoing> {
    try {
      return await UpstreamFile.open({ name, purpose }, this.#options);
    } catch (error) {
      throw refusalOf(error, 'file does not exist');
    }
  }

  async list(name: string): Promise<string[]> {
    try {
      const { upstreams, connect } = this.#options;
      const { value: client, release, broke } = await upstreams.reach(connect);
      try {
        const names = await client.list(name);
        await client.quit();
        return names;
      } catch (error) {
        if (error instanceof ClientError && !(error instanceof RefusedError)) broke(error);
        throw error;
      } finally {
        client.close();
        release();
      }
    } catch (error) {
      throw refusalOf(error, 'cannot list');
    }
  }
}

/** Refusals of downloads, by what stands in the upstream's reply. */
const REASONS: Readonly<Record<string, RefusalReason>> = {
  'file does not exist': 'file does not exist',
  'file has an invalid file name': 'invalid file name',
  'invalid file name': 'invalid file name',
};

/** Without a cause: that is for the trouble of this host's disk. Upstreams tell of their own. */
function refusalOf(error: unknown, otherwise: RefusalReason): unknown {
  if (error instanceof RefusedError) {
    return new Refusal(REASONS[error.reason] ?? otherwise, `upstream: ${error.message}`);
  }
  if (error instanceof NoUpstream || error instanceof ClientError)
    return new Refusal(otherwise, error.message);
  return error;
}
