/** SEND and ZSEND: takes a file from the client into the store (W11, W12). */
import { peerFields, peerText } from '../peer.ts';
import { progressOf, type Session } from './handler.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { Refusal } from '../../protocol/errors.ts';
import { isValidName } from '../../protocol/file-name.ts';
import * as replies from '../../protocol/replies.ts';
import { unzip } from '../../protocol/zip/unzip.ts';

/** @throws Refusal, at once or after the file's bytes */
export async function receive(command: CommandOf<'SEND' | 'ZSEND'>, session: Session): Promise<void> {
  const { kind, name, size } = command;
  const { reader, writer, store, rules, log, peer } = session;
  const file = printable(name);
  const packed = kind === 'ZSEND';
  log.detail(
    `Request to send ${packed ? 'compressed ' : ''}file '${file}' size ${String(size)}b from ${peerText(peer)}`,
    { event: 'request', command: kind, ...peerFields(peer), file, bytes: size },
  );
  if (!isValidName(name, rules.invalidChars)) throw new Refusal('invalid file name');
  if (size < 1 || size > rules.maxSize) throw new Refusal('file is too big');
  const start = performance.now();
  const incoming = await store.receive(name, size);
  const moved = progressOf(session);
  let stored = 0;
  try {
    await writer.reply(replies.ok(kind));
    const body = reader.body(size);
    for await (const chunk of packed ? unzip(body, rules.maxSize) : body) {
      stored += chunk.length;
      await incoming.write(chunk);
      moved(chunk.length);
    }
    await incoming.commit();
  } finally {
    await incoming.discard();
  }
  const ms = Math.round(performance.now() - start);
  log.event(
    `Received ${packed ? 'compressed ' : ''}file '${file}' size ${String(size)}b from ${peerText(peer)} in ${String(ms)} ms`,
    { event: 'received', command: kind, ...peerFields(peer), file, bytes: stored, ms },
  );
  await writer.reply(replies.ok(kind));
}
