/** MV: gives the client a file, and deletes it once the client has shown that it has it (W16). */
import { peerFields, peerText } from '../peer.ts';
import type { OnNextCommand, Session } from './handler.ts';
import { offer } from './offer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { Refusal } from '../../protocol/errors.ts';
import { isValidName } from '../../protocol/file-name.ts';

/**
 * W16: the file goes with the client's next command. A bare close leaves it, since a killed client closes too.
 * @throws Refusal
 */
export async function move({ name }: CommandOf<'MV'>, session: Session): Promise<OnNextCommand | undefined> {
  const { store, rules, log, peer } = session;
  if (!isValidName(name, rules.invalidChars)) throw new Refusal('invalid file name');
  const outgoing = await store.open(name);
  const { size } = outgoing;
  const told = (what: string): void => {
    const file = printable(name);
    log.event(`Requested file '${file}' from ${peerText(peer)} ${what}`, {
      event: 'moved',
      command: 'MV',
      ...peerFields(peer),
      file,
      bytes: size,
    });
  };
  let sent: boolean;
  try {
    sent = await offer({ kind: 'MV', bytes: size, content: outgoing.content() }, session);
  } finally {
    await outgoing.close();
  }
  if (!sent) {
    told('not sent');
    return undefined;
  }
  return async () => {
    const removed = await outgoing.remove();
    told(removed ? 'sent and deleted' : 'sent; not deleted, since another took its name');
  };
}
