/** RECV and ZRECV: gives the client a file of the store (W13, W14). */
import { peerFields, peerText } from '../peer.ts';
import type { Session } from './handler.ts';
import { offer } from './offer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { Refusal } from '../../protocol/errors.ts';
import { isValidName } from '../../protocol/file-name.ts';
import { zip } from '../../protocol/zip/zip.ts';

/** @throws Refusal */
export async function send(command: CommandOf<'RECV' | 'ZRECV'>, session: Session): Promise<void> {
  const { kind, name } = command;
  const { store, rules, log, peer } = session;
  const file = printable(name);
  const packed = kind === 'ZRECV';
  log.detail(`Request to receive ${packed ? 'compressed ' : ''}file '${file}' from ${peerText(peer)}`, {
    event: 'request',
    command: kind,
    ...peerFields(peer),
    file,
  });
  if (!isValidName(name, rules.invalidChars)) throw new Refusal('invalid file name');
  const start = performance.now();
  const outgoing = await store.open(name);
  try {
    const content = packed ? () => zip(outgoing.content()) : () => outgoing.content();
    const bytes = packed ? await lengthOf(content()) : outgoing.size;
    const sent = await offer({ kind, bytes, content: content() }, session);
    const ms = Math.round(performance.now() - start);
    log.event(
      `Requested ${packed ? 'compressed ' : ''}file '${file}' from ${peerText(peer)} ${sent ? 'sent' : 'not sent'} in ${String(ms)} ms`,
      {
        event: sent ? 'sent' : 'not sent',
        command: kind,
        ...peerFields(peer),
        file,
        bytes: outgoing.size,
        ms,
      },
    );
  } finally {
    await outgoing.close();
  }
}

/**
 * W14: the archive's size comes before its first byte. It is packed twice rather than kept: memory stays flat, and
 * nothing is written to the disk.
 */
async function lengthOf(archive: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of archive) bytes += chunk.length;
  return bytes;
}
