/** What the log says of the certificates in use: what was loaded, and when an end comes near. */
import { certificateLines } from './certificate-lines.ts';
import type { Logger } from '../log/logger.ts';
import { ExpiryWatch } from '../server/expiry-watch.ts';
import type { Blueprint } from '../settings/blueprint.ts';
import { certificatesOf } from '../settings/certificate-report.ts';

export class CertificateLog {
  readonly #log: Logger;
  readonly #watch: ExpiryWatch;
  #said = '[]';

  constructor(log: Logger) {
    this.#log = log;
    this.#watch = new ExpiryWatch(log);
  }

  /** Settings are in force: names their certificates, unless they are those of before. */
  loaded(blueprint: Blueprint): void {
    this.#watch.watch(blueprint);
    const reports = certificatesOf(blueprint);
    const now = JSON.stringify(reports);
    if (now === this.#said) return;
    this.#said = now;
    for (const { text, isDoubtful } of certificateLines(reports, Date.now())) {
      if (isDoubtful) this.#log.warning(text, { event: 'certificate' });
      else this.#log.notice(text, { event: 'certificate' });
    }
  }

  close(): void {
    this.#watch.close();
  }
}
