/** SEND and ZSEND: takes a file from the client into the store (W11, W12). */
import { progressOf, type Session } from './handler.ts';
import { peerFields, peerText } from '../peer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { Refusal } from '../../protocol/errors.ts';
import * as replies from '../../protocol/replies.ts';
import { unzip } from '../../protocol/zip/unzip.ts';

/** @throws Refusal, at once or after the file's bytes */
export async function receive(command: CommandOf<'SEND' | 'ZSEND'>, session: Session): Promise<undefined> {
  const { kind, name, size } = command;
  const { reader, writer, store, rules, log, peer, progress } = session;
  const packed = kind === 'ZSEND';
  if (size < 1) throw new Refusal('file is too big', 'it is empty, and the protocol has no empty file');
  if (size > rules.maxSize) throw new Refusal('file is too big', `max_size is ${String(rules.maxSize)}`);
  const start = performance.now();
  const incoming = await store.receive(name, size, peer);
  const moved = progressOf(session);
  let stored = 0;
  try {
    // From here on it is the client's turn, however long our disk took.
    progress();
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
  const file = printable(name);
  log.event(
    () =>
      `Received ${packed ? 'compressed ' : ''}file '${file}' size ${String(size)}b from ${peerText(peer)} in ${String(ms)} ms`,
    { event: 'received', command: kind, ...peerFields(peer), file, bytes: stored, ms },
  );
  await writer.reply(replies.ok(kind));
  return undefined;
}
