/** The table of handlers, and the one place where a refusal becomes a reply. */
import { list } from './handlers/list.ts';
import { move } from './handlers/move.ts';
import { receive } from './handlers/receive.ts';
import { send } from './handlers/send.ts';
import { peerFields, peerText } from './peer.ts';
import type { OnNextCommand, Session } from './handlers/handler.ts';
import { printable } from '../log/printable.ts';
import type { Command } from '../protocol/commands.ts';
import { Refusal } from '../protocol/errors.ts';
import * as replies from '../protocol/replies.ts';
import { isDiskTrouble } from '../store/disk-error.ts';

export type FileCommand = Exclude<Command, { kind: 'PASS' | 'QUIT' }>;

/** Runs one command. A refusal is answered, and the session goes on in step (W11). */
export async function runCommand(command: FileCommand, session: Session): Promise<OnNextCommand | undefined> {
  try {
    return await handle(command, session);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    logRefusal(command, error, session);
    await session.reader.skipRest();
    await session.writer.reply(replies.refusal(command.kind, error.reason));
    return undefined;
  }
}

async function handle(command: FileCommand, session: Session): Promise<OnNextCommand | undefined> {
  switch (command.kind) {
    case 'SEND':
    case 'ZSEND':
      await receive(command, session);
      return undefined;
    case 'RECV':
    case 'ZRECV':
      await send(command, session);
      return undefined;
    case 'LS':
      await list(command, session);
      return undefined;
    case 'MV':
      return move(command, session);
    default:
      return command satisfies never;
  }
}

function logRefusal(command: FileCommand, refusal: Refusal, { log, peer }: Session): void {
  const write = isDiskTrouble(refusal) ? log.error : log.event;
  const size = 'size' in command ? ` size ${String(command.size)}b` : '';
  const subject = 'size' in command ? 'File' : 'Requested file';
  const file = printable(command.name);
  // The reason leads; what exactly happened follows where it says more.
  const detail = refusal.message === refusal.reason ? '' : `: ${printable(refusal.message)}`;
  write(`${subject} '${file}'${size} from ${peerText(peer)} ${sentence(refusal)}${detail}`, {
    event: 'refused',
    ...peerFields(peer),
    command: command.kind,
    file,
    ...('size' in command ? { bytes: command.size } : {}),
    reason: refusal.reason,
  });
}

/** The reference's words, which log watchers look for. */
function sentence({ reason }: Refusal): string {
  switch (reason) {
    case 'invalid file name':
      return 'has an invalid file name';
    case 'file is too big':
      return 'is too big';
    case 'file already exists':
      return 'already exists';
    case 'file does not exist':
      return 'does not exist';
    case 'not enough space':
      return 'not stored, not enough space';
    case 'cannot store file':
      return 'cannot be stored';
    case 'does not unpack':
      return 'not stored';
    case 'cannot list':
      return 'cannot be listed';
    default:
      return reason satisfies never;
  }
}
