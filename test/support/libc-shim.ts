/** A shim under libc that plays broken disks and jumping clocks, for programs that a test starts; needs cc. */
import { execFileSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { temporaryDirectory } from './temporary.ts';

const SOURCE = resolve('test/support/libc-shim.c');

export class LibcShim {
  /** For the program's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly #habits: string;

  private constructor(library: string, habits: string) {
    this.#habits = habits;
    // The shim sees no system calls of an io_uring.
    this.env = { LD_PRELOAD: library, HABITS_FILE: habits, UV_USE_IO_URING: '0' };
  }

  /** Compiles it for the current test. @param habits see libc-shim.c */
  static compile(habits = ''): LibcShim {
    const directory = temporaryDirectory();
    const library = join(directory, 'libc-shim.so');
    execFileSync('cc', ['-shared', '-fPIC', '-w', '-o', library, SOURCE, '-ldl']);
    const shim = new LibcShim(library, join(directory, 'habits'));
    shim.become(habits);
    return shim;
  }

  /** From now on, in every program that has it. */
  become(habits: string): void {
    writeFileSync(`${this.#habits}.new`, habits);
    renameSync(`${this.#habits}.new`, this.#habits);
  }
}
