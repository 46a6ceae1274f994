/** Looks at a spool every few seconds, and knows what came of it, also while its disk does not answer. */
import type { Check, SpoolReport } from './report.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';
import { reasonOf } from '../log/errno.ts';
import { type Contents, type Room, SpoolSurvey } from '../store/spool-survey.ts';
import { monotonicMs } from '../protocol/timer.ts';
import { judgeDirectory, judgeFilters } from '../settings/files.ts';
import type { SpoolSettings } from '../settings/settings.ts';

const INTERVAL_MS = 2000;
/** Nothing is worth a write every two seconds, unless the last one failed. */
const WRITING_MS = 10_000;
/** A disk that takes so long hangs. */
const PATIENCE_MS = 10_000;
/** Room for a file of an agent, in bytes. */
const SMALL_FILE = 64 * 1024;

interface Look {
  readonly contents: Contents;
  readonly room: Room;
  /** Why it cannot be written, if it cannot. */
  readonly obstacle: string | undefined;
  /** What is wrong with directories of filters. */
  readonly unusable: readonly string[];
}

export class SpoolWatch {
  #spool: SpoolSettings;
  readonly #survey: SpoolSurvey;
  readonly #timer: NodeJS.Timeout;
  #look: Look | undefined;
  /** When it was last written, on the monotonic clock. */
  #wroteMs = -Infinity;
  #trouble: string | undefined;
  /** When the look in progress began, on the monotonic clock. */
  #since: number | undefined;

  /** Of a directory that is watched already, the same goes on: a look in progress may hang, and is not begun twice. */
  static following(before: SpoolWatch | undefined, spool: SpoolSettings): SpoolWatch {
    if (before !== undefined && before.#spool.directory === spool.directory) {
      before.#spool = spool;
      return before;
    }
    before?.close();
    return new SpoolWatch(spool);
  }

  /** Looks at once, and from then on again and again, until it is closed. */
  constructor(spool: SpoolSettings) {
    this.#spool = spool;
    this.#survey = new SpoolSurvey(spool.directory);
    this.#timer = setInterval(() => {
      void this.look();
    }, INTERVAL_MS);
    void this.look();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Undefined until it was looked at. */
  get report(): SpoolReport | undefined {
    if (this.#look === undefined) return undefined;
    const { contents, room } = this.#look;
    return {
      directory: this.#spool.directory,
      files: contents.files,
      bytes: contents.bytes,
      oldestSeconds:
        contents.oldestMs === undefined ? undefined : Math.max(0, (Date.now() - contents.oldestMs) / 1000),
      freeBytes: room.free,
      totalBytes: room.total,
      reserveBytes: this.#spool.minFreeSpace,
      unusable: this.#look.unusable,
    };
  }

  get check(): Check {
    const trouble = this.#hanging() ?? this.#trouble ?? this.#judge();
    const { directory } = this.#spool;
    return {
      name: 'spool',
      ok: trouble === undefined,
      text:
        trouble === undefined
          ? `${directory} can be written, ${this.#freeText()}`
          : `${directory} ${trouble}`,
    };
  }

  /** One step at a time: on a disk that hangs each keeps one of few threads. Never fails. */
  async look(): Promise<void> {
    if (this.#since !== undefined) return;
    this.#since = monotonicMs();
    try {
      const contents = await this.#survey.contents();
      const room = await this.#survey.room();
      const obstacle = await this.#obstacle();
      this.#look = { contents, room, obstacle, unusable: await judgeFilters(this.#spool) };
      this.#trouble = undefined;
    } catch (cause) {
      this.#trouble = (await judgeDirectory(this.#spool.directory)) ?? `cannot be read: ${reasonOf(cause)}`;
    } finally {
      this.#since = undefined;
    }
  }

  async #obstacle(): Promise<string | undefined> {
    const known = this.#look?.obstacle;
    if (known === undefined && monotonicMs() < this.#wroteMs + WRITING_MS) return undefined;
    this.#wroteMs = monotonicMs();
    return this.#survey.tryWriting().then(() => undefined, reasonOf);
  }

  #hanging(): string | undefined {
    if (this.#since === undefined) return undefined;
    const forMs = monotonicMs() - Math.max(this.#since, this.#survey.answeredMs);
    return forMs > PATIENCE_MS
      ? `has not answered for ${duration(forMs)}: its disk hangs, or is very slow; see dmesg`
      : undefined;
  }

  #judge(): string | undefined {
    if (this.#look === undefined) return 'was not looked at yet';
    const { room, obstacle } = this.#look;
    if (room.free < this.#spool.minFreeSpace + SMALL_FILE) {
      const reserve = this.#spool.minFreeSpace;
      const kept = reserve === 0 ? '' : `, and min_free_space keeps ${byteCount(reserve)} of it`;
      return `is full: ${byteCount(room.free)} free${kept}; files are refused until there is room`;
    }
    return obstacle === undefined ? undefined : `cannot be written: ${obstacle}`;
  }

  #freeText(): string {
    const { contents, room } = this.#look ?? {};
    const free =
      room === undefined || room.free === Infinity ? 'room unknown' : `${byteCount(room.free)} free`;
    return `${free}, ${count(contents?.files ?? 0, 'file')} waiting`;
  }
}
