/** Tells the names in a directory that something happens to, as far as the system reports it. */
import { type FSWatcher, watch } from 'node:fs';

/**
 * Of the directory itself, by fs.watch: chokidar, which watches configuration files, reads a whole directory and looks
 * at each file in it, again at each change, which with 100,000 files keeps more than one processor busy.
 */
export class NameWatch {
  readonly #directory: Buffer;
  readonly #onName: (name: string) => void;
  #watcher: FSWatcher | undefined;

  /** @param onName told a name as latin-1; often several times for one change */
  constructor(directory: Buffer, onName: (name: string) => void) {
    this.#directory = directory;
    this.#onName = onName;
  }

  /** Watches what has this path now; to be called again when that is another directory. @throws the system's error */
  begin(): void {
    this.end();
    const watcher = watch(this.#directory, { encoding: 'buffer' }, (_, name) => {
      if (name !== null) this.#onName(name.toString('latin1'));
    });
    // It may end by itself, with its directory; begin() is called when there is one again.
    watcher.on('error', () => {
      watcher.close();
    });
    this.#watcher = watcher;
  }

  end(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
