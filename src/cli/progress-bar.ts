/** Shows on a terminal how far a long transfer is. */
import { Presets, SingleBar } from 'cli-progress';

/** Whoever is done before sees no bar. */
const DELAY_MS = 1000;

export class ProgressBar {
  readonly #since = performance.now();
  #bar: SingleBar | undefined;

  /** Both in bytes. */
  show(moved: number, total: number): void {
    if (this.#bar === undefined) {
      if (performance.now() - this.#since < DELAY_MS) return;
      const format = '{bar} {percentage}% of {total} bytes, {eta_formatted} left';
      this.#bar = new SingleBar({ format, hideCursor: true, stream: process.stdout }, Presets.shades_classic);
      this.#bar.start(total, moved);
    }
    this.#bar.setTotal(total);
    this.#bar.update(moved);
  }

  end(): void {
    this.#bar?.stop();
  }
}
