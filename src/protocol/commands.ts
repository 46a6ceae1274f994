/** Parses one command line of a client. Pure; lines are latin-1 strings without their LF (W1). */

interface Upload<K extends string> {
  readonly kind: K;
  /** As latin-1; not judged yet. */
  readonly name: string;
  /** Bytes that follow. */
  readonly size: number;
}

interface Named<K extends string> {
  readonly kind: K;
  readonly name: string;
}

export type Command =
  | Upload<'SEND'>
  | Upload<'ZSEND'>
  | Named<'RECV'>
  | Named<'ZRECV'>
  | Named<'LS'>
  | Named<'MV'>
  | { readonly kind: 'PASS'; readonly digest: string }
  | { readonly kind: 'QUIT' };

export type CommandOf<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;

const UPLOAD = /^(SEND|ZSEND) <(.*)> SIZE ([0-9]+)$/s;
const NAMED = /^(RECV|ZRECV|LS|MV) <(.*)>$/s;
const PASSWORD = /^PASS (.*)$/s;

/**
 * The command a line holds, or undefined for anything else (W3: lower case, CRLF and empty lines included).
 * W19: a size may have leading zeros, and any number of digits; beyond 2^53 it is only known to be huge.
 */
export function parseCommand(line: string): Command | undefined {
  const upload = UPLOAD.exec(line);
  if (upload !== null) {
    const [, kind, name = '', digits] = upload;
    return { kind: kind === 'SEND' ? 'SEND' : 'ZSEND', name, size: Number(digits) };
  }
  const named = NAMED.exec(line);
  if (named !== null) {
    const [, kind, name = ''] = named;
    return { kind: kind as 'RECV' | 'ZRECV' | 'LS' | 'MV', name };
  }
  const password = PASSWORD.exec(line);
  if (password !== null) return { kind: 'PASS', digest: password[1] ?? '' };
  return line === 'QUIT' ? { kind: 'QUIT' } : undefined;
}
