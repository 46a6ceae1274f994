/** Clients that send files without pause, and remember what they were told of each. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { archive } from './archives.ts';
import { Dialogue } from './dialogue.ts';

interface Options {
  readonly clients: number;
  /** Bytes of each file. */
  readonly size: number;
  /** What their names begin with. */
  readonly stem?: string;
}

const WAIT = { timeout: 40_000, interval: 5 };
/** Between two attempts to connect, so that a server that is down is not asked all the time. */
const PAUSE_MS = 20;
const OK = /^Z?SEND OK\n$/;

/** The bytes of a file follow from its name, so that a half one or another one is seen. */
export function contentOf(name: string, size: number): Buffer {
  return Buffer.alloc(size, createHash('sha256').update(name).digest());
}

export class Crowd {
  /** Names whose second OK came. */
  readonly acknowledged: string[] = [];
  /** Answers other than OK, as they came. */
  readonly refusals: string[] = [];
  /** Connections that ended in the middle of something. */
  lost = 0;
  readonly #port: number;
  readonly #options: Options;
  readonly #clients: Promise<void>[];
  #count = 0;
  #leaving = false;

  /** They begin at once: every other file goes by ZSEND. They end with `leave`, or with the current test. */
  constructor(port: number, options: Options) {
    this.#port = port;
    this.#options = options;
    onTestFinished(() => {
      this.#leaving = true;
    });
    this.#clients = Array.from({ length: options.clients }, () => this.#client());
  }

  /** Files begun so far. */
  get begun(): number {
    return this.#count;
  }

  /** Those acknowledged that were begun after so many others. */
  acknowledgedBeyond(begun: number): string[] {
    return this.acknowledged.filter((name) => Number(name.split('.').at(-2)) > begun);
  }

  /** Waits until so many more are acknowledged. */
  async stores(more: number): Promise<void> {
    const wanted = this.acknowledged.length + more;
    await expect.poll(() => this.acknowledged.length, WAIT).toBeGreaterThanOrEqual(wanted);
  }

  /** Waits until so many more are refused. */
  async isRefused(more: number): Promise<void> {
    const wanted = this.refusals.length + more;
    await expect.poll(() => this.refusals.length, WAIT).toBeGreaterThanOrEqual(wanted);
  }

  /** Lets each client finish what it is at. */
  async leave(): Promise<void> {
    this.#leaving = true;
    await Promise.all(this.#clients);
  }

  /** What was acknowledged is there, and what is there of theirs under a final name is whole. */
  check(spool: string): void {
    const names = readdirSync(spool).filter((name) => name.startsWith(this.#stem));
    const present = new Set(names);
    expect(this.acknowledged.filter((name) => !present.has(name))).toEqual([]);
    const broken = names.filter((name) => {
      return !readFileSync(join(spool, name)).equals(contentOf(name, this.#options.size));
    });
    expect(broken).toEqual([]);
  }

  get #stem(): string {
    return this.#options.stem ?? 'agent';
  }

  async #client(): Promise<void> {
    while (!this.#leaving) {
      const dialogue = await Dialogue.open(this.#port).catch(() => undefined);
      if (dialogue === undefined) await sleep(PAUSE_MS);
      else await this.#talk(dialogue);
    }
  }

  async #talk(dialogue: Dialogue): Promise<void> {
    try {
      while (!this.#leaving) {
        const name = `${this.#stem}.${String(++this.#count)}.data`;
        const answer = await this.#send(dialogue, name);
        if (OK.test(answer)) this.acknowledged.push(name);
        else this.refusals.push(answer);
      }
      dialogue.send('QUIT\n');
      await dialogue.rest();
    } catch {
      // Killed or closed out: what was acknowledged until here counts.
      this.lost++;
      dialogue.stream.destroy();
      await sleep(PAUSE_MS);
    }
  }

  /** @returns the last answer: of one that is refused, the first */
  async #send(dialogue: Dialogue, name: string): Promise<string> {
    const content = contentOf(name, this.#options.size);
    const [command, bytes] = this.#count % 2 === 0 ? ['SEND', content] : ['ZSEND', archive(content)];
    const first = await dialogue.ask(`${command} <${name}> SIZE ${String(bytes.length)}\n`);
    return OK.test(first) ? dialogue.ask(bytes) : first;
  }
}

/** Sends one file that was never sent before, as the next client would. */
export async function nextClientIsServed(port: number, spool: string): Promise<void> {
  const crowd = new Crowd(port, { clients: 1, size: 1000, stem: `next-${String(Math.random()).slice(2)}` });
  await crowd.stores(1);
  await crowd.leave();
  crowd.check(spool);
}
