/** Command lines and bodies, as the reader takes them off a stream: what it finds may not depend on how they arrive. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { printable } from '../../../src/log/printable.ts';
import { ByteReader } from '../../../src/protocol/byte-reader.ts';
import { parseCommand } from '../../../src/protocol/commands.ts';
import { PeerClosed, ProtocolError } from '../../../src/protocol/errors.ts';
import { compileInvalidChars, DEFAULT_INVALID_CHARS, isValidName } from '../../../src/protocol/file-name.ts';
import { commandLine, mutilated, session } from '../arbitraries.ts';
import { CONTROL, readCommand, validName } from '../reference.ts';
import { bytewise, cut, latin1, must, shown, type Target } from '../target.ts';

const LIMIT = 300;
const INVALID_CHARS = compileInvalidChars(DEFAULT_INVALID_CHARS);
/** Longer ones are not tried byte by byte. */
const BYTEWISE = 400;
const IDLE_MS = 60_000;
/** printable() cuts at 300 characters, of which each becomes at most `\u{10ffff}`. */
const LONGEST_SHOWN = 300 * 10 + 3;

export function lines(): Promise<Target> {
  return Promise.resolve({
    seeds: [
      ...[
        'SEND <a.data> SIZE 5\nhelloQUIT\n',
        'ZSEND <a> SIZE 0\n',
        'RECV <a>\nRECV OK\n',
        'MV <x>\nLS <>\n',
      ],
      ...['PASS 5f4dcc3b5aa765d61d8327deb882cf99\n', `SEND <${'n'.repeat(280)}> SIZE 1\nx`],
      ...[`${'x'.repeat(LIMIT - 1)}\n`, 'SEND <\xc3\xa9\x1b[2J\u0085> SIZE 007\n1234567\n', '\r\n', ''],
    ].map(latin1),
    words: [
      'SEND <',
      'ZSEND <',
      'RECV <',
      'ZRECV <',
      'LS <',
      'MV <',
      'PASS ',
      'QUIT',
      '> SIZE ',
      '>',
      '\n',
      '\r\n',
    ],
    structure: fc.oneof(session, mutilated(commandLine)),
    longest: 4096,
    run: judge,
    close: () => Promise.resolve(),
  });
}

async function judge(input: Buffer): Promise<void> {
  const expected = expectation(input);
  const ways = [[input], cut(input, input), ...(input.length <= BYTEWISE ? [bytewise(input)] : [])];
  for (const pieces of ways) {
    const found = await readAll(pieces);
    must(JSON.stringify(found) === JSON.stringify(expected), () => {
      return `in ${String(pieces.length)} pieces: ${shown(found.join('|'))} instead of ${shown(expected.join('|'))}`;
    });
  }
  for (const line of input.toString('latin1').split('\n')) judgeLine(line);
}

/** What a stream holds: lines, bodies, and how it ends. */
async function readAll(pieces: readonly Buffer[]): Promise<string[]> {
  const rest = [...pieces];
  const stream = new Readable({
    highWaterMark: 1,
    // A socket stays open on our side, too.
    autoDestroy: false,
    read() {
      // An empty piece would not be asked for again.
      while (rest[0]?.length === 0) rest.shift();
      this.push(rest.shift() ?? null);
    },
  });
  const reader = new ByteReader(stream, IDLE_MS);
  const found: string[] = [];
  try {
    for (let line = await reader.readLine(LIMIT); line !== undefined; line = await reader.readLine(LIMIT)) {
      found.push(line);
      const command = parseCommand(line);
      if (command === undefined || !('size' in command)) continue;
      const body: Buffer[] = [];
      for await (const chunk of reader.body(command.size)) body.push(chunk);
      found.push(Buffer.concat(body).toString('latin1'));
    }
    return [...found, 'end'];
  } catch (error) {
    must(error instanceof ProtocolError || error instanceof PeerClosed, () => `it throws ${String(error)}`);
    return [...found, error.name];
  } finally {
    stream.destroy();
  }
}

/** The same, the plain way. */
function expectation(input: Buffer): string[] {
  const text = input.toString('latin1');
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    if ((end < 0 ? text.length : end + 1) - at > LIMIT || (end < 0 && text.length - at === LIMIT)) {
      return [...found, 'ProtocolError'];
    }
    if (end < 0) return [...found, 'PeerClosed'];
    const line = text.slice(at, end);
    found.push(line);
    at = end + 1;
    const { size } = readCommand(line) ?? {};
    if (size === undefined) continue;
    if (text.length - at < size) return [...found, 'PeerClosed'];
    found.push(text.slice(at, at + size));
    at += size;
  }
  return [...found, 'end'];
}

function judgeLine(line: string): void {
  const { kind, name, size } = readCommand(line) ?? {};
  const command = parseCommand(line);
  const found = [
    command?.kind,
    command && 'name' in command ? command.name : undefined,
    command && 'size' in command ? command.size : undefined,
  ];
  must(
    JSON.stringify(found) === JSON.stringify([kind, name, size]),
    () => `${shown(line)} is read as ${shown(JSON.stringify(command))}`,
  );
  if (name !== undefined) {
    must(isValidName(name, INVALID_CHARS) === validName(name), () => `${shown(name)} is judged wrongly`);
  }
  const text = printable(line);
  must(
    !CONTROL.test(text) && text.length <= LONGEST_SHOWN,
    () => `${shown(line)} is shown as ${shown(text)}`,
  );
}
