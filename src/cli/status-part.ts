/** The part of the server that tells how it is: loaded, and there, only while settings ask for it. */
import type { Happened } from '../server/recent.ts';
import type { Candidate } from '../server/supervisor.ts';
import type { Sources, StatusService } from '../status/status-service.ts';

export class StatusPart {
  readonly #sources: Sources;
  #service: StatusService | undefined;
  #following = Promise.resolve();
  #isClosed = false;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** Does as these settings say. Nobody waits for it: a name may take its time, and files are served meanwhile. */
  follow(candidate: Candidate): void {
    this.#following = this.#following
      .then(() => (this.#isClosed ? undefined : this.#follow(candidate)))
      .catch((cause: unknown) => {
        const text = `status_address: nothing can be told there: ${(cause as Error).message}`;
        this.#sources.log.error(text, { event: 'status page' });
      });
  }

  /** What happened in a worker. */
  happened(happened: Happened): void {
    this.#service?.happened(happened);
  }

  /** From now on it is not ready. */
  stopping(): void {
    this.#service?.stopping();
  }

  close(): void {
    this.#isClosed = true;
    this.#service?.close();
  }

  async #follow(candidate: Candidate): Promise<void> {
    if (candidate.settings.status === undefined) {
      this.#service?.close();
      this.#service = undefined;
      return;
    }
    if (this.#service !== undefined) return this.#service.follow(candidate);
    // Prometheus's library is large.
    const { StatusService } = await import('../status/status-service.ts');
    if (this.#isClosed) return;
    this.#service = new StatusService(candidate, this.#sources);
    await this.#service.open();
  }
}
