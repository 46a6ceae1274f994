/** Proves that our archives and those of Perl and of Info-ZIP are understood on either side. */
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { unzip } from '../../src/protocol/zip/unzip.ts';
import { zip } from '../../src/protocol/zip/zip.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const LIMIT = 10_000_000;
/** As the Perl client unpacks what ZRECV gives it. */
const PERL_UNZIP = `use IO::Uncompress::Unzip qw(unzip $UnzipError); binmode STDOUT;
  unzip($ARGV[0] => '-', Strict => $ARGV[1]) or die $UnzipError;`;

const CONTENTS: readonly [string, Buffer][] = [
  ['empty', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['an agent’s XML', Buffer.from('<agent_data>ü</agent_data>\n'.repeat(1000))],
  ['random bytes', randomBytes(300_000)],
  ['looks like a descriptor', Buffer.from('PK\x07\x08'.repeat(100))],
];

// eslint-disable-next-line @typescript-eslint/require-await -- the shape of what arrives from a peer
async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (let start = 0; start < bytes.length; start += 1000) yield bytes.subarray(start, start + 1000);
}

async function collect(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of source) all.push(chunk);
  return Buffer.concat(all);
}

/** Runs a program and gives what it wrote. @throws Error when it complains */
function outputOf(program: string, ...args: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { maxBuffer: 2 * LIMIT });
  if (error !== undefined) throw error;
  if (status !== 0 || stderr.length > 0)
    throw new Error(`${program}: ${String(status)} ${stderr.toString()}`);
  return stdout;
}

async function ourArchive(content: Buffer): Promise<string> {
  const path = join(temporaryDirectory(), 'ours.zip');
  writeFileSync(path, await collect(zip(inPieces(content))));
  return path;
}

for (const [what, content] of CONTENTS) {
  testWith(['unzip'], `T3 unzip unpacks ours: ${what}`, async () => {
    const path = await ourArchive(content);
    expect(outputOf('unzip', '-p', path).equals(content)).toBe(true);
  });

  testWith(['unzip'], `T3 unzip -t finds no fault with ours: ${what}`, async () => {
    expect(outputOf('unzip', '-t', await ourArchive(content)).toString()).toContain('No errors detected');
  });

  for (const strict of ['0', '1']) {
    testWith(['perl'], `T3 Perl unpacks ours, Strict => ${strict}: ${what}`, async () => {
      const path = await ourArchive(content);
      expect(outputOf('perl', '-e', PERL_UNZIP, path, strict).equals(content)).toBe(true);
    });
  }
}

const HOW = [
  '',
  'Method => ZIP_CM_STORE, Stream => 1',
  'Method => ZIP_CM_STORE, Stream => 0',
  'Stream => 0',
  'Name => "/var/spool/a.data", Minimal => 1',
  '-Level => 9, Name => "a", Comment => "c", ZipComment => "bye"',
];

for (const how of HOW) {
  for (const [what, content] of CONTENTS) {
    testWith(['perl'], `T1 ours unpacks Perl's, ${how === '' ? 'by default' : how}: ${what}`, async () => {
      const path = join(temporaryDirectory(), 'plain');
      writeFileSync(path, content);
      // Into a file: without Stream, Perl goes back to write the sizes into the local header.
      outputOf(
        'perl',
        '-e',
        `use IO::Compress::Zip qw(:all); zip($ARGV[0] => "$ARGV[0].zip", ${how}) or die $ZipError;`,
        path,
      );
      const archive = readFileSync(`${path}.zip`);
      expect((await collect(unzip(inPieces(archive), LIMIT))).equals(content)).toBe(true);
    });
  }
}
