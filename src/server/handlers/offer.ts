/** The common end of RECV, ZRECV, LS and MV: announce, wait for the client's OK, send (W13). */
import { progressOf, type Session } from './handler.ts';
import { FileChanged, ProtocolError } from '../../protocol/errors.ts';
import * as replies from '../../protocol/replies.ts';

export interface Offer {
  readonly kind: 'RECV' | 'ZRECV' | 'LS' | 'MV';
  /** What is announced. */
  readonly bytes: number;
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Whether the client took it. Any other answer than OK means that it did not, and the session goes on (W13).
 * @throws FileChanged rather than sending more or fewer bytes than announced
 */
export async function offer({ kind, bytes, content }: Offer, session: Session): Promise<boolean> {
  const { reader, writer, lineLimit } = session;
  await writer.reply(replies.size(kind, bytes));
  const answer = await reader.readLine(lineLimit);
  if (answer === undefined) throw new ProtocolError(`closed instead of answering ${kind} SIZE`);
  if (`${answer}\n` !== replies.ok(kind)) return false;
  const moved = progressOf(session);
  let left = bytes;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) break;
    await writer.bytes(chunk);
    moved(chunk.length);
  }
  if (left !== 0) throw new FileChanged('a file changed while it was being sent');
  return true;
}
