/** Agents that send many files, and send again what was not confirmed, as real ones do. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Dialogue } from './dialogue.ts';

/** Files of one connection; then another one is opened. */
const ON_ONE_CONNECTION = 50;

/** What belongs into a file of this name: 1 to 3000 bytes, of this file alone. */
export function contentOf(name: string): Buffer {
  const hash = createHash('sha256').update(name).digest();
  return Buffer.alloc(1 + (hash.readUInt16BE(0) % 3000), hash);
}

/** How an agent names its own configuration, before `.conf` and `.md5`. */
export function agentFileHash(agent: string): string {
  return createHash('md5').update(agent).digest('hex');
}

/** Names with a number of their own. */
export function namesOf(count: number, stem = 'agent'): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${stem}${String(index % 7)}.${String(index)}.data`);
}

export class Agents {
  /** Files that the server said it has. */
  readonly confirmed: string[] = [];
  /** Resolves when every file is confirmed. */
  readonly done: Promise<unknown>;
  readonly #open: () => Promise<Dialogue>;
  readonly #left: string[];

  /** They begin at once, so many at a time. @param to a port of 127.0.0.1, or how to get to the server */
  constructor(to: number | (() => Promise<Dialogue>), names: readonly string[], agents: number) {
    this.#open = typeof to === 'number' ? () => Dialogue.open(to) : to;
    this.#left = [...names].reverse();
    this.done = Promise.all(Array.from({ length: agents }, () => this.#agent()));
  }

  async #agent(): Promise<void> {
    while (this.#left.length > 0) {
      const dialogue = await this.#open().catch(() => undefined);
      if (dialogue !== undefined) await this.#talk(dialogue);
      // The server is being started again.
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #talk(dialogue: Dialogue): Promise<void> {
    for (let sent = 0; sent < ON_ONE_CONNECTION; sent++) {
      const name = this.#left.pop();
      if (name === undefined) break;
      const answer = await send(dialogue, name).catch(() => 'lost');
      if (answer === 'SEND OK\n' || answer === 'SEND ERR (file already exists)\n') this.confirmed.push(name);
      else this.#left.push(name);
      if (answer === 'lost') break;
    }
    dialogue.stream.destroy();
  }
}

/** @returns the last answer */
export async function send(dialogue: Dialogue, name: string): Promise<string> {
  const content = contentOf(name);
  const first = await dialogue.ask(`SEND <${name}> SIZE ${String(content.length)}\n`);
  return first === 'SEND OK\n' ? dialogue.ask(content) : first;
}

/** Waits until nothing is left in the queue, not even what was refused or half received; then all must be at the centre. */
export async function expectForwarded(
  names: readonly string[],
  queue: string,
  centre: string,
): Promise<void> {
  await expect.poll(() => readdirSync(queue), { timeout: 120_000 }).toEqual([]);
  expect(readdirSync(centre).sort()).toEqual([...names].sort());
  const wrong = names.filter((name) => !readFileSync(join(centre, name)).equals(contentOf(name)));
  expect(wrong).toEqual([]);
}
