/** Whoever waits for the same news, each for a while only. */
import { timerMs } from './timer.ts';

export class Waiters {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the news, after so many milliseconds, or when the signal is aborted; keeps no process alive. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timerMs(ms)).unref();
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
      if (signal.aborted) done();
    });
  }

  /** There are news: nobody waits any more. */
  wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
