/** The server's answers, word for word as clients compare them (W10-W18). Each ends in its LF. */
import type { Command } from './commands.ts';
import type { RefusalReason } from './errors.ts';

type Transfer = Exclude<Command['kind'], 'PASS' | 'QUIT'>;

/** `SEND OK`, `PASS OK`, ...: W18: nothing may follow it on its line. */
export function ok(kind: Transfer | 'PASS'): string {
  return `${kind} OK\n`;
}

/** `RECV SIZE n`: the announcement of n bytes that follow once the client says OK. */
export function size(kind: Transfer, bytes: number): string {
  return `${kind} SIZE ${String(bytes)}\n`;
}

/** Clients know no others: to an agent or a forwarder, what is not permitted is a file that is never wanted. */
const WORDS: Partial<Record<RefusalReason, string>> = {
  'not permitted': 'invalid file name',
  'too many files': 'not enough space',
};

/** The answer to a refused command; LS, MV and an archive that does not unpack have no text of their own. */
export function refusal(kind: Transfer, reason: RefusalReason): string {
  if (kind === 'LS' || kind === 'MV' || reason === 'does not unpack') return `${kind} ERR\n`;
  const download = kind === 'RECV' || kind === 'ZRECV';
  const words = WORDS[reason] ?? reason;
  const text = download && words === 'invalid file name' ? 'file has an invalid file name' : words;
  return `${kind} ERR (${text})\n`;
}
