/** Takes every file out of a spool as soon as it has its name, as Pandora's data server does. */
import { readdirSync } from 'node:fs';
import { readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isSent, isWhole } from './content.ts';
import type { Ledger } from './ledger.ts';

const FOLDERS = ['', 'conf', 'md5', 'collections'];
const PAUSE_MS = 200;

export class DataServer {
  readonly #spool: string;
  readonly #ledger: Ledger;
  readonly #running: Promise<void>;
  #over = false;

  /** Begins at once. */
  constructor(spool: string, ledger: Ledger) {
    this.#spool = spool;
    this.#ledger = ledger;
    this.#running = this.#run();
  }

  /** @throws what went wrong in its run */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      for (const folder of FOLDERS) await this.#empty(join(this.#spool, folder));
      await pause(PAUSE_MS);
    }
  }

  async #empty(folder: string): Promise<void> {
    for (const name of (await readdir(folder)).filter(isSent)) {
      const path = join(folder, name);
      this.#ledger.took(name, isWhole(name, await readFile(path)));
      await unlink(path);
    }
  }
}

/** What is in a directory and those below that should not be there in the end: whatever is not a fixture. */
export function leftIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('fixture.'))
    .map((entry) => join(entry.parentPath, entry.name));
}
