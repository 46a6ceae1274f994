/** Runs commands: what they have in common, the table of handlers, and the one place where a refusal becomes a reply. */
import { checkClientFile } from './client-files.ts';
import type { OnNextCommand, Session } from './handlers/handler.ts';
import { list } from './handlers/list.ts';
import { move } from './handlers/move.ts';
import { receive } from './handlers/receive.ts';
import { send } from './handlers/send.ts';
import { peerFields, peerText } from './peer.ts';
import { printable } from '../log/printable.ts';
import type { Command } from '../protocol/commands.ts';
import { Refusal } from '../protocol/errors.ts';
import { hasInvalidChars, isValidName } from '../protocol/file-name.ts';
import * as replies from '../protocol/replies.ts';
import { isDiskTrouble } from '../store/disk-error.ts';

export type FileCommand = Exclude<Command, { kind: 'PASS' | 'QUIT' }>;

/** Runs one command. A refusal is answered, and the session goes on in step (W11). */
export async function runCommand(command: FileCommand, session: Session): Promise<OnNextCommand | undefined> {
  logRequest(command, session);
  try {
    checkName(command, session);
    return await handle(command, session);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    logRefusal(command, error, session);
    await session.reader.skipRest();
    await session.writer.reply(replies.refusal(command.kind, error.reason));
    return undefined;
  }
}

/** N1, and whose file it is; the name of LS only chooses a directory (W15). */
function checkName(command: FileCommand, { rules, peer }: Session): void {
  const { kind, name } = command;
  const { invalidChars, clientFiles } = rules;
  const valid = kind === 'LS' ? !hasInvalidChars(name, invalidChars) : isValidName(name, invalidChars);
  if (!valid) throw new Refusal('invalid file name');
  if (clientFiles) checkClientFile(command, peer);
}

function handle(command: FileCommand, session: Session): Promise<OnNextCommand | undefined> {
  switch (command.kind) {
    case 'SEND':
    case 'ZSEND':
      return receive(command, session);
    case 'RECV':
    case 'ZRECV':
      return send(command, session);
    case 'LS':
      return list(command, session);
    case 'MV':
      return move(command, session);
    default:
      return command satisfies never;
  }
}

/** The reference's words for each request, and for the same in the log of a refusal. */
const REQUESTS: Readonly<Record<FileCommand['kind'], { readonly request: string; readonly noun: string }>> = {
  SEND: { request: 'send file', noun: 'File' },
  ZSEND: { request: 'send compressed file', noun: 'File' },
  RECV: { request: 'receive file', noun: 'Requested file' },
  ZRECV: { request: 'receive compressed file', noun: 'Requested compressed' },
  LS: { request: 'list files matched by filter', noun: 'Requested directory listing' },
  MV: { request: 'move file', noun: 'Requested file' },
};

function logRequest(command: FileCommand, { log, peer }: Session): void {
  const file = printable(command.name);
  log.detail(
    () => `Request to ${REQUESTS[command.kind].request} '${file}'${sizeText(command)} from ${peerText(peer)}`,
    {
      event: 'request',
      command: command.kind,
      ...peerFields(peer),
      file,
      bytes: 'size' in command ? command.size : undefined,
    },
  );
}

function logRefusal(command: FileCommand, refusal: Refusal, { log, peer, troubles }: Session): void {
  const write = isDiskTrouble(refusal) && troubles.take(refusal) ? log.error : log.event;
  const file = printable(command.name);
  // The reason leads; what exactly happened follows where it says more.
  const detail = refusal.message === refusal.reason ? '' : `: ${printable(refusal.message)}`;
  const subject = `${REQUESTS[command.kind].noun} '${file}'${sizeText(command)}`;
  write(`${subject} from ${peerText(peer)} ${SENTENCES[refusal.reason]}${detail}`, {
    event: 'refused',
    ...peerFields(peer),
    command: command.kind,
    file,
    bytes: 'size' in command ? command.size : undefined,
    reason: refusal.reason,
  });
}

function sizeText(command: FileCommand): string {
  return 'size' in command ? ` size ${String(command.size)}b` : '';
}

/** The reference's words, which log watchers look for. */
const SENTENCES: Readonly<Record<Refusal['reason'], string>> = {
  'invalid file name': 'has an invalid file name',
  'not permitted': 'is not permitted',
  'file is too big': 'is too big',
  'file already exists': 'already exists',
  'file does not exist': 'does not exist',
  'not enough space': 'not stored, not enough space',
  'too many files': 'not stored, too many files',
  'cannot store file': 'cannot be stored',
  'does not unpack': 'not stored',
  'cannot list': 'cannot be listed',
};
