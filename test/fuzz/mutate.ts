/** Changes inputs a little: the usual mutations of a byte fuzzer, with the words of its target. */
import type { Random } from './random.ts';

/** What mutations are made of. */
export interface Stock {
  readonly corpus: readonly Buffer[];
  readonly words: readonly string[];
  /** Bytes. */
  readonly longest: number;
}

type Mutation = (input: Buffer, random: Random, stock: Stock) => Buffer;

const NUMBERS = [
  ...[0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000],
  ...[0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff],
] as const;
const DECIMALS = [
  ...['0', '1', '00', '-1', '+1', '1e3', '0x10', '65535', '65536', '2147483648', '4294967295', '4294967296'],
  ...['9007199254740992', '18446744073709551616', '1'.repeat(400)],
] as const;

/** One to four mutations, one after the other. */
export function mutate(input: Buffer, random: Random, stock: Stock): Buffer {
  let mutant = input;
  for (let times = 1 + random.below(4); times > 0; times--) {
    mutant = random.oneOf(MUTATIONS)(mutant, random, stock);
  }
  return mutant.subarray(0, stock.longest);
}

function replace(input: Buffer, range: readonly [number, number], by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, range[0]), by, input.subarray(range[1])]);
}

/** Where a piece of the input begins and ends; most pieces are short. */
function piece(input: Buffer, random: Random): readonly [number, number] {
  const start = random.below(input.length + 1);
  return [start, Math.min(input.length, start + random.below(random.oneOf([2, 5, 17, 300]) + 1))];
}

function word(random: Random, { words }: Stock): Buffer {
  return Buffer.from(words[random.below(words.length)] ?? '', 'latin1');
}

function flipBit(input: Buffer, random: Random): Buffer {
  const mutant = Buffer.from(input);
  const at = random.below(input.length + 1);
  if (at < mutant.length) mutant[at] = (mutant[at] ?? 0) ^ (1 << random.below(8));
  return mutant;
}

function putNumber(input: Buffer, random: Random): Buffer {
  const number = Buffer.alloc(4);
  if (random.below(2) === 0) number.writeUInt32LE(random.oneOf(NUMBERS));
  else number.writeUInt32BE(random.oneOf(NUMBERS));
  const size = random.oneOf([1, 2, 4]);
  const bytes = random.below(2) === 0 ? number.subarray(0, size) : number.subarray(4 - size);
  const at = random.below(input.length + 1);
  return replace(input, [at, Math.min(input.length, at + size)], bytes);
}

/** The digits that stand in the input, by others. */
function putDecimal(input: Buffer, random: Random): Buffer {
  const runs = [...input.toString('latin1').matchAll(/[0-9]+/g)];
  const run = runs[random.below(runs.length + 1)];
  if (run === undefined) return input;
  return replace(input, [run.index, run.index + run[0].length], Buffer.from(random.oneOf(DECIMALS)));
}

function putRandom(input: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(Array.from({ length: 1 + random.below(4) }, () => random.below(256)));
  return replace(input, piece(input, random), bytes);
}

function duplicate(input: Buffer, random: Random): Buffer {
  const range = piece(input, random);
  const bytes = input.subarray(...range);
  const copies = Array.from({ length: random.oneOf([2, 2, 3, 50]) }, () => bytes);
  return replace(input, range, Buffer.concat(copies));
}

function splice(input: Buffer, random: Random, { corpus }: Stock): Buffer {
  const other = corpus[random.below(corpus.length)] ?? input;
  const end = random.below(other.length + 1);
  return Buffer.concat([input.subarray(0, random.below(input.length + 1)), other.subarray(end)]);
}

function move(input: Buffer, random: Random): Buffer {
  const range = piece(input, random);
  const rest = replace(input, range, Buffer.alloc(0));
  const at = random.below(rest.length + 1);
  return replace(rest, [at, at], input.subarray(...range));
}

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  flipBit,
  flipBit,
  putNumber,
  putDecimal,
  putRandom,
  duplicate,
  splice,
  move,
  (input, random) => replace(input, piece(input, random), Buffer.alloc(0)),
  (input, random, stock) => replace(input, piece(input, random), word(random, stock)),
  (input, random, stock) => {
    const at = random.below(input.length + 1);
    return replace(input, [at, at], word(random, stock));
  },
];
