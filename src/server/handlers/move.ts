/** MV: gives the client a file, and deletes it once the client has shown that it has it (W16). */
import type { OnNextCommand, Session } from './handler.ts';
import { offer } from './offer.ts';
import { peerFields, peerText } from '../peer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import type { Outgoing } from '../../store/store.ts';

/**
 * W16: the file goes with the client's next command. A bare close leaves it, since a killed client closes too.
 * @throws Refusal
 */
export async function move(
  { kind, name }: CommandOf<'MV'>,
  session: Session,
): Promise<OnNextCommand | undefined> {
  const outgoing = await session.store.open(name, 'move');
  let taken = false;
  try {
    const { size: bytes } = outgoing;
    const what = 'Requested file';
    taken = await offer({ kind, name, what, bytes, content: outgoing.content() }, session);
  } finally {
    if (!taken) await outgoing.close();
  }
  if (!taken) return undefined;
  return {
    run: () => remove(outgoing, { kind, name }, session).finally(() => outgoing.close()),
    drop: () => outgoing.close(),
  };
}

/** Never throws: the client has the file all the same, and its next command wants its answer. */
async function remove(
  outgoing: Outgoing,
  { kind, name }: CommandOf<'MV'>,
  { log, peer }: Session,
): Promise<void> {
  const requested = `Requested file '${printable(name)}' from ${peerText(peer)}`;
  const fields = { event: 'moved', command: kind, ...peerFields(peer), file: printable(name) };
  try {
    if (await outgoing.remove()) log.event(`${requested} sent and deleted`, fields);
    else log.event(`${requested} not deleted: another took its name`, fields);
  } catch (error) {
    log.error(`${requested} cannot be deleted: ${(error as Error).message}`, fields);
  }
}
