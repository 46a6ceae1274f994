/** A file that says which input is being run, so that it is known even after the process was killed over it. */
import { openSync, readFileSync, writeSync } from 'node:fs';

const HEAD = 8;

export interface Recorded {
  /** How many were begun. */
  readonly count: number;
  readonly input: Buffer;
}

/** @returns what is to be called before each run */
export function recordTo(path: string): (input: Buffer) => void {
  const file = openSync(path, 'w');
  let count = 0;
  return (input) => {
    const head = Buffer.alloc(HEAD);
    head.writeUInt32LE(++count >>> 0, 0);
    head.writeUInt32LE(input.length, 4);
    writeSync(file, Buffer.concat([head, input]), 0, HEAD + input.length, 0);
  };
}

export function readRecord(path: string): Recorded {
  const bytes = readFileSync(path);
  if (bytes.length < HEAD) return { count: 0, input: Buffer.alloc(0) };
  return { count: bytes.readUInt32LE(0), input: bytes.subarray(HEAD, HEAD + bytes.readUInt32LE(4)) };
}
