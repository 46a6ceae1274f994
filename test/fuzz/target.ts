/** What the fuzzer can be aimed at: where inputs come from, and what must hold for each of them. */
import { crc32 } from 'node:zlib';
import type fc from 'fast-check';
import { randomOf } from './random.ts';

export interface Target {
  /** Inputs to begin with. */
  readonly seeds: readonly Buffer[];
  /** Words that mutations put in. */
  readonly words: readonly string[];
  /** Valid inputs, and almost valid ones. */
  readonly structure: fc.Arbitrary<Buffer>;
  /** No input is longer; bytes. */
  readonly longest: number;
  /** @throws Error, of whatever kind, when something does not hold */
  readonly run: (input: Buffer) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Makes a target; what it starts is its own until it is closed. */
export type MakeTarget = () => Promise<Target>;

/** A promise of the program that it did not keep. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** @param text what does not hold, and what was found */
export function must(holds: boolean, text: () => string): asserts holds {
  if (!holds) throw new Broken(text());
}

/** Bytes as a person can read them, cut. */
export function shown(bytes: Buffer | string): string {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}

/** About as many pieces are enough. */
const MOST_PIECES = 200;

/** The same bytes in pieces, empty ones among them; the input itself decides where it is cut, so that it says all. */
export function cut(bytes: Buffer, input: Buffer): Buffer[] {
  const random = randomOf(crc32(input));
  // A body comes in segments: thousands of single bytes would only take long.
  const largest = Math.max(random.oneOf([1, 3, 16, 100, 5000]), Math.ceil(bytes.length / MOST_PIECES));
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + random.below(largest + 1));
    pieces.push(piece);
    at += piece.length;
  }
  return pieces;
}

export function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1));
}

export function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
