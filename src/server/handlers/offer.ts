/** The common end of RECV, ZRECV, LS and MV: announce, wait for the client's OK, send, log (W13). */
import { progressOf, type Session } from './handler.ts';
import { peerFields, peerText } from '../peer.ts';
import { printable } from '../../log/printable.ts';
import { FileChanged, PeerClosed } from '../../protocol/errors.ts';
import * as replies from '../../protocol/replies.ts';

export interface Offer {
  readonly kind: 'RECV' | 'ZRECV' | 'LS' | 'MV';
  readonly name: string;
  /** What the log calls it, in the reference's words. */
  readonly what: string;
  /** What is announced. */
  readonly bytes: number;
  readonly content: AsyncIterable<Buffer>;
}

/**
 * Whether the client took it. Any other answer than OK means that it did not, and the session goes on (W13).
 * @throws FileChanged rather than sending more or fewer bytes than announced
 */
export async function offer({ kind, name, what, bytes, content }: Offer, session: Session): Promise<boolean> {
  const { reader, writer, lineLimit, log, peer, progress } = session;
  const start = performance.now();
  // From here on it is the client's turn, however long our disk took.
  progress();
  await writer.reply(replies.size(kind, bytes));
  const answer = await reader.readLine(lineLimit);
  if (answer === undefined) throw new PeerClosed(`closed instead of answering ${kind} SIZE`);
  const taken = `${answer}\n` === replies.ok(kind);
  if (taken) await write(content, bytes, session);
  const ms = Math.round(performance.now() - start);
  const file = printable(name);
  const end = taken ? `sent (${String(bytes)}b in ${String(ms)} ms)` : 'not sent';
  log.event(`${what} '${file}' from ${peerText(peer)} ${end}`, {
    event: taken ? 'sent' : 'not sent',
    command: kind,
    ...peerFields(peer),
    file,
    bytes,
    ms,
  });
  return taken;
}

async function write(content: AsyncIterable<Buffer>, bytes: number, session: Session): Promise<void> {
  const moved = progressOf(session);
  let left = bytes;
  for await (const chunk of content) {
    left -= chunk.length;
    if (left < 0) break;
    await session.writer.bytes(chunk);
    moved(chunk.length);
  }
  if (left !== 0) throw new FileChanged('a file changed while it was being sent');
}
