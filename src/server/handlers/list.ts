/** LS: the names in the directory that the filters choose (W15). */
import { peerFields, peerText } from '../peer.ts';
import type { Session } from './handler.ts';
import { offer } from './offer.ts';
import { printable } from '../../log/printable.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { Refusal } from '../../protocol/errors.ts';
import { hasInvalidChars, isValidName } from '../../protocol/file-name.ts';

/** @throws Refusal */
export async function list({ name }: CommandOf<'LS'>, session: Session): Promise<void> {
  const { store, rules, log, peer } = session;
  if (hasInvalidChars(name, rules.invalidChars)) throw new Refusal('invalid file name');
  // What no peer could ask for is not shown either.
  const names = (await store.list(name)).filter((each) => isValidName(each, rules.invalidChars));
  const listing = Buffer.from(names.map((each) => `${each}\n`).join(''), 'latin1');
  const sent = await offer({ kind: 'LS', bytes: listing.length, content: once(listing) }, session);
  log.event(
    `Requested directory listing '${printable(name)}' from ${peerText(peer)} ${sent ? 'sent' : 'not sent'}`,
    {
      event: 'listed',
      command: 'LS',
      ...peerFields(peer),
      file: printable(name),
      bytes: listing.length,
    },
  );
}

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of every other content
async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
