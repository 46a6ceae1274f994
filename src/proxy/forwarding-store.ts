/** A store that keeps what it receives for the upstream, and asks the upstream for what it is asked for. */
import type { TentacleClient } from '../client/client.ts';
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
export const OF_AGENTS = /\.(?:conf|md5)$/;

export class ForwardingStore implements Store {
  readonly #options: ForwardingOptions;

  constructor(options: ForwardingOptions) {
    this.#options = options;
  }

  async receive(name: string, size: number): Promise<Incoming> {
    if (OF_AGENTS.test(name)) await this.#refuseFirstSteps();
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
   * centre, back again, would take them for new and lose what was configured there. Whether it is there has to be asked:
   * another worker may have answered the agent, and a balancer before the centre takes connections without it.
   */
  async #refuseFirstSteps(): Promise<void> {
    try {
      await this.#conversation((client) => client.probe());
    } catch (error) {
      if (!(error instanceof NoUpstream || error instanceof ClientError)) throw error;
      const text = 'the upstream is away, and may hold a newer configuration of the agent';
      throw new Refusal('cannot store file', `${text}: ${error.message}`);
    }
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
      return await this.#conversation((client) => client.list(name));
    } catch (error) {
      throw refusalOf(error, 'cannot list');
    }
  }

  /** Asks the upstream one thing. @throws NoUpstream, and what the client throws */
  async #conversation<T>(ask: (client: TentacleClient) => Promise<T>): Promise<T> {
    const { upstreams, connect } = this.#options;
    const { value: client, release, broke } = await upstreams.reach(connect);
    try {
      const answer = await ask(client);
      await client.quit();
      return answer;
    } catch (error) {
      if (error instanceof ClientError && !(error instanceof RefusedError)) broke(error);
      throw error;
    } finally {
      client.close();
      release();
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
