/** Decides whether a disk answers so promptly that waiting for it costs less than handing the call to another thread. */

/** statfs(2): file systems of this machine's own disks and memory. All others may wait for a network or a program. */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0xca451a4e, // bcachefs
  0xf2f52010, // F2FS
  0x2fc12fc1, // ZFS
  0x3153464a, // JFS
  0x01021994, // tmpfs
  0x858458f6, // ramfs
  0x794c7630, // overlayfs; no network file system can be its upper layer
]);
/** The type of a file system that could not be asked. */
export const UNKNOWN = 0;
/** Calls that the average reaches back to. */
const CALLS = 16;
/** An average from which on a disk is slow: a hand-over costs a twentieth. One call of 20 ms among prompt ones makes it. */
const SLOW_MS = 1.25;
/** So long a slow disk is left to the other threads before it is tried again, at least. */
const REST_MS = 5000;
/** Of the time, how much may go into waiting for a disk that hangs now and then: one part in so many. */
const WAITING_SHARE = 250;

export class DiskPace {
  #isLocal = false;
  #averageMs = 0;
  #restsUntilMs = -Infinity;

  /** Until it is told, nothing is prompt. @param type as statfs(2) calls the file system */
  isOn(type: number): void {
    this.#isLocal = LOCAL.has(type);
  }

  /** Whether it waits for no network and no other program, however slow it is. */
  get isLocal(): boolean {
    return this.#isLocal;
  }

  /** @param nowMs on the monotonic clock */
  isPrompt(nowMs: number): boolean {
    return this.#isLocal && nowMs >= this.#restsUntilMs;
  }

  /** A call was waited for. Both in milliseconds. */
  took(ms: number, nowMs: number): void {
    this.#averageMs += (ms - this.#averageMs) / CALLS;
    if (this.#averageMs < SLOW_MS) return;
    this.#averageMs = 0;
    this.#restsUntilMs = nowMs + Math.max(REST_MS, ms * WAITING_SHARE);
  }
}
