/** The client of a fuzzed conversation: says all it has to say, in pieces, and listens until the server closes. */
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';

/**
 * @param isHopeless whether to give up before the server closes
 * @returns all that the server said
 */
export async function converse(
  stream: Duplex,
  pieces: readonly Buffer[],
  isHopeless: () => boolean = () => false,
): Promise<Buffer> {
  const said: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => said.push(chunk));
  stream.on('error', () => undefined);
  for (const piece of pieces) {
    if (stream.destroyed || stream.writableEnded) break;
    if (piece.length > 0) stream.write(piece);
    await turn();
  }
  if (!stream.destroyed) stream.end();
  while (!stream.closed) {
    await turn();
    if (isHopeless()) stream.destroy();
  }
  return Buffer.concat(said);
}
