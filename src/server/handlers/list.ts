/** LS: the names in the directory that the filters choose (W15). */
import type { Session } from './handler.ts';
import { offer } from './offer.ts';
import { mayFetch } from '../client-files.ts';
import type { CommandOf } from '../../protocol/commands.ts';
import { isValidName } from '../../protocol/file-name.ts';

/** @throws Refusal */
export async function list({ kind, name }: CommandOf<'LS'>, session: Session): Promise<undefined> {
  const { store, rules, peer } = session;
  // What this peer could not ask for is not shown either.
  const names = (await store.list(name)).filter(
    (each) =>
      isValidName(each, rules.invalidChars) && (!rules.clientFiles || mayFetch(each, peer.commonName)),
  );
  const listing = Buffer.from(names.map((each) => `${each}\n`).join(''), 'latin1');
  const what = 'Requested directory listing';
  await offer({ kind, name, what, bytes: listing.length, content: once(listing) }, session);
  return undefined;
}

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of every other content
async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
