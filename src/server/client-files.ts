/** ssl_client_files: which files are those of the agent that a certificate names. */
import { createHash } from 'node:crypto';
import type { Peer } from './peer.ts';
import type { Command } from '../protocol/commands.ts';
import { Refusal } from '../protocol/errors.ts';

/** `<agent>.<number>.data`, as agents name what they measured. */
const DATA = /^(.*)\.[0-9]+\.data$/s;
/** What belongs to several agents, or is found under a name that does not tell: all may fetch it. */
const SHARED = /\.(?:md5|zip|rcmd)$/;

/**
 * Sent and moved are only the agent's own files; fetched, too, what agents share.
 * @throws Refusal
 */
export function checkClientFile(
  { kind, name }: Exclude<Command, { kind: 'PASS' | 'QUIT' }>,
  { commonName }: Peer,
): void {
  switch (kind) {
    case 'SEND':
    case 'ZSEND':
      if (!isOwn(name, commonName)) throw refusal('send', commonName);
      return;
    case 'MV':
      // What is shared would be gone for the others.
      if (!isOwn(name, commonName)) throw refusal('take away', commonName);
      return;
    case 'RECV':
    case 'ZRECV':
      if (!mayFetch(name, commonName)) throw refusal('fetch', commonName, ', *.md5, *.zip, *.rcmd');
      return;
    case 'LS':
      // Its name only chooses a directory (W15); what is listed there is chosen by mayFetch().
      return;
    default:
      kind satisfies never;
  }
}

/** Whether a client of this name may fetch a file, and so see that it is there. Both names as latin-1. */
export function mayFetch(name: string, commonName: string | undefined): boolean {
  return SHARED.test(name) || isOwn(name, commonName);
}

function isOwn(name: string, commonName: string | undefined): boolean {
  if (commonName === undefined) return false;
  const id = idOf(commonName);
  return name === `${id}.conf` || name === `${id}.md5` || DATA.exec(name)?.[1] === commonName;
}

/** What an agent calls its configuration at the server. */
function idOf(commonName: string): string {
  return createHash('md5').update(commonName, 'latin1').digest('hex');
}

function refusal(what: string, commonName: string | undefined, more = ''): Refusal {
  const id = commonName === undefined ? '' : idOf(commonName);
  const text =
    commonName === undefined
      ? 'the certificate names no agent: it needs exactly one CN'
      : `this agent may ${what} only ${commonName}.NUMBER.data, ${id}.conf, ${id}.md5${more}`;
  return new Refusal('invalid file name', `ssl_client_files: ${text}`);
}
