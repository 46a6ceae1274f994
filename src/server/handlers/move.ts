/** MV: gives the client a file, and deletes it once the client has shown that it has it (W16). */
import type { OnNextCommand, Session } from './handler.ts';
import { offer } from './offer.ts';
import { peerFields, peerText } from '../peer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';

/**
 * W16: the file goes with the client's next command. A bare close leaves it, since a killed client closes too.
 * @throws Refusal
 */
export async function move(
  { kind, name }: CommandOf<'MV'>,
  session: Session,
): Promise<OnNextCommand | undefined> {
  const { store, log, peer } = session;
  const outgoing = await store.open(name);
  try {
    const { size: bytes } = outgoing;
    const what = 'Requested file';
    if (!(await offer({ kind, name, what, bytes, content: outgoing.content() }, session))) return undefined;
  } finally {
    await outgoing.close();
  }
  return async () => {
    const requested = `Requested file '${printable(name)}' from ${peerText(peer)}`;
    const fields = { event: 'moved', command: kind, ...peerFields(peer), file: printable(name) };
    try {
      if (await outgoing.remove()) log.event(`${requested} sent and deleted`, fields);
      else log.event(`${requested} not deleted: another took its name`, fields);
    } catch (error) {
      // The client has it all the same, and its next command wants its answer.
      log.error(`${requested} cannot be deleted: ${(error as Error).message}`, fields);
    }
  };
}
