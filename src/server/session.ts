/** One conversation: reads commands in order and runs them; the call stack is its state. */
import { peerFields, peerText } from './peer.ts';
import { runCommand } from './handlers.ts';
import type { OnNextCommand, Session } from './handlers/handler.ts';
import { type Command, parseCommand } from '../protocol/commands.ts';
import {
  InsecureDisabled,
  NotAuthenticated,
  ProtocolError,
  UnknownCommand,
  WrongPassword,
} from '../protocol/errors.ts';
import { digestMatches } from '../protocol/password.ts';
import * as replies from '../protocol/replies.ts';
import type { TransferRules } from '../settings/settings.ts';

const TLS_HANDSHAKE_RECORD = 0x16;

/**
 * Serves a client until it quits or closes.
 * @throws ProtocolError, WrongPassword, PeerTimeout, PeerClosed, FileChanged, ServerStopping: all end the connection without a reply
 */
export async function runSession(session: Session): Promise<void> {
  const { log, peer } = session;
  if (await welcome(session)) await converse(session);
  log.detail(() => `Connection closed from ${peerText(peer)}`, { event: 'closed', ...peerFields(peer) });
}

/** Runs one command after the other. */
async function converse(session: Session): Promise<void> {
  const { progress } = session;
  let pending: OnNextCommand | undefined;
  try {
    for (;;) {
      const line = await session.nextLine();
      if (line === undefined) break;
      const command = understand(line, session.rules);
      progress();
      const due = pending;
      pending = undefined;
      await due?.run();
      if (command.kind === 'QUIT') break;
      pending = await runCommand(command, session);
      progress();
    }
  } finally {
    await pending?.drop();
  }
}

/** What is needed of a session until its first command. */
export type Welcome = Pick<
  Session,
  'reader' | 'nextLine' | 'writer' | 'peer' | 'passwordDigests' | 'log' | 'progress'
>;

/**
 * W10: PASS comes first, where there is a password. False when the client closed instead.
 * @throws ProtocolError, NotAuthenticated, WrongPassword, and as a session
 */
export async function welcome(session: Welcome): Promise<boolean> {
  const { reader, writer, passwordDigests } = session;
  if ((await reader.peek()) === TLS_HANDSHAKE_RECORD) {
    throw new ProtocolError('a TLS client spoke to a plain port');
  }
  if (passwordDigests.length === 0) return true;
  const line = await session.nextLine();
  if (line === undefined) return false;
  const command = parseCommand(line);
  if (command?.kind !== 'PASS') throw new NotAuthenticated('did not authenticate');
  if (!digestMatches(command.digest, passwordDigests)) throw new WrongPassword('wrong password');
  session.progress();
  session.log.detail(`Client ${peerText(session.peer)} authenticated`, {
    event: 'authenticated',
    ...peerFields(session.peer),
  });
  await writer.reply(replies.ok('PASS'));
  return true;
}

/** W3, W15, W16: the command a line holds, as far as this server serves it. */
function understand(line: string, rules: TransferRules): Exclude<Command, { kind: 'PASS' }> {
  const command = parseCommand(line);
  // A digest can be replayed, so no log may hold it.
  if (command?.kind === 'PASS' || /^\s*PASS/i.test(line)) throw new UnknownCommand('PASS [redacted]');
  if (command === undefined) throw new UnknownCommand(line);
  if ((command.kind === 'LS' || command.kind === 'MV') && !rules.insecure) {
    const what = command.kind === 'LS' ? 'list files matched by filter' : 'move file';
    throw new InsecureDisabled(`${what} ${command.name}`);
  }
  return command;
}
