/** Passes on the lines of a stream as they come. */
import type { Readable } from 'node:stream';

/** Bytes; a line that is longer is cut. */
const LONGEST_LINE = 64 * 1024;
const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

/**
 * Hands over whole lines, as many at a time as have come; an unfinished last one with an LF of its own when the stream
 * ends, however it ends.
 * @param stream of bytes, without an encoding; its errors are taken for its end
 */
export function relayLines(stream: Readable, write: (lines: Buffer) => void): void {
  let rest = NOTHING;
  stream.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LF) + 1;
    const tail = chunk.subarray(end);
    if (end > 0) {
      write(Buffer.concat([rest, chunk.subarray(0, end)]));
      rest = NOTHING;
    }
    // A copy: a part would hold on to the whole chunk.
    rest = Buffer.concat([rest, tail]);
    if (rest.length >= LONGEST_LINE) finish();
  });
  const finish = (): void => {
    if (rest.length === 0) return;
    const line = Buffer.concat([rest, Buffer.from('\n')]);
    rest = NOTHING;
    write(line);
  };
  stream.on('error', finish);
  // `end` comes before a child process's own `close`; `close` also when a stream is destroyed.
  stream.on('end', finish);
  stream.on('close', finish);
}
