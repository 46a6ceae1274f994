/** RECV and ZRECV: gives the client a file of the store (W13, W14). */
import pLimit from 'p-limit';
import type { Session } from './handler.ts';
import { offer } from './offer.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { PeerClosed } from '../../protocol/errors.ts';
import { zip } from '../../protocol/zip/zip.ts';

/** zlib works in the same few threads as the disk: more packers at once would keep everybody's files waiting. */
const packing = pLimit(2);

/** @throws Refusal */
export async function send(command: CommandOf<'RECV' | 'ZRECV'>, session: Session): Promise<undefined> {
  const { kind, name } = command;
  const packed = kind === 'ZRECV';
  const outgoing = await session.store.open(name);
  try {
    const content = packed ? () => zip(outgoing.content()) : () => outgoing.content();
    const bytes = packed ? await packing(() => lengthOf(content(), session)) : outgoing.size;
    const what = packed ? `Requested compressed` : 'Requested file';
    await offer({ kind, name, what, bytes, content: content() }, session);
  } finally {
    await outgoing.close();
  }
  return undefined;
}

/**
 * W14: the archive's size comes before its first byte. It is packed twice rather than kept: memory stays flat, and
 * nothing is written to the disk.
 */
async function lengthOf(archive: AsyncIterable<Buffer>, { reader }: Session): Promise<number> {
  let bytes = 0;
  for await (const chunk of archive) {
    if (reader.closed) throw new PeerClosed('connection closed while the file was being packed');
    bytes += chunk.length;
  }
  return bytes;
}
