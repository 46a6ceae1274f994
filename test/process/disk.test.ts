/** What happens when the disk is full, read-only or not there. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { zip } from '../../src/protocol/zip/zip.ts';
import { Dialogue } from '../support/dialogue.ts';
import { fill } from '../support/full-disk.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const MIB = 1024 * 1024;
const NO_SPACE = 'SEND ERR (not enough space)\n';
const CANNOT = 'SEND ERR (cannot store file)\n';
const NEEDS = ['root', 'mount'];

/** Mounts an empty file system of 64 MiB for the current test. */
function mountTmpfs(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tentacle-test', directory]);
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', directory]);
  });
}

/** A spool that is a file system of its own. */
function smallSpool(): string {
  const spool = temporaryDirectory();
  mountTmpfs(spool);
  return spool;
}

function start(spool: string, ...args: readonly string[]): Promise<ServerProcess> {
  // Patient, and large files: nothing but the disk refuses.
  return ServerProcess.start(['-s', spool, '-t', '60', '-m', '100000000', ...args]);
}

/** Sends a whole file and gives the last answer. */
async function send(dialogue: Dialogue, name: string, content: string | Buffer): Promise<string> {
  const first = await dialogue.ask(`SEND <${name}> SIZE ${String(content.length)}\n`);
  return first === 'SEND OK\n' ? dialogue.ask(content) : first;
}

/** An archive, far smaller than the so many zero bytes in it. */
function packed(bytes: number): Promise<Buffer> {
  return buffer(zip(Readable.from([Buffer.alloc(bytes)])));
}

describe('a full disk', () => {
  testWith(NEEDS, 'is told to peer and log, the session goes on, and freed space is used', async () => {
    const spool = smallSpool();
    fill(join(spool, 'ballast'));
    const server = await start(spool);
    const dialogue = await Dialogue.open(server.port);
    expect(await send(dialogue, 'a.data', 'x'.repeat(5000))).toBe(NO_SPACE);
    expect(await send(dialogue, 'b.data', 'x')).toBe(NO_SPACE);
    await server.logged(
      new RegExp(`\\[err\\]File 'a\\.data' size 5000b from 127.* not enough space: .*${spool}.* 0 are free`),
    );
    truncateSync(join(spool, 'ballast'), 32 * MIB);
    expect(await send(dialogue, 'a.data', 'x'.repeat(5000))).toBe('SEND OK\n');
    expect(statSync(join(spool, 'a.data')).size).toBe(5000);
    expect(readdirSync(spool).sort()).toEqual(['a.data', 'ballast']);
  });

  testWith(NEEDS, 'that fills up in mid-file leaves nothing, and the session stays in step', async () => {
    const spool = smallSpool();
    const server = await start(spool);
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(`SEND <a.data> SIZE ${String(8 * MIB)}\n`)).toBe('SEND OK\n');
    dialogue.send(Buffer.alloc(MIB));
    fill(join(spool, 'ballast'));
    expect(await dialogue.ask(Buffer.alloc(7 * MIB))).toBe(NO_SPACE);
    await server.logged(
      new RegExp(`\\[err\\]File 'a\\.data' .* not enough space: ${spool}/a\\.data: the disk is full\\.\n`),
    );
    expect(readdirSync(spool)).toEqual(['ballast']);
    rmSync(join(spool, 'ballast'));
    expect(await send(dialogue, 'a.data', 'whole')).toBe('SEND OK\n');
    expect(readFileSync(join(spool, 'a.data'), 'utf8')).toBe('whole');
  });

  testWith(
    NEEDS,
    'is foreseen: of files that only fit one by one, the last is refused up front',
    async () => {
      const server = await start(smallSpool(), '-v');
      const size = 24 * MIB;
      const dialogues = await Promise.all([1, 2, 3].map(() => Dialogue.open(server.port)));
      const answers: string[] = [];
      for (const [index, dialogue] of dialogues.entries()) {
        answers.push(await dialogue.ask(`SEND <${String(index)}.data> SIZE ${String(size)}\n`));
      }
      expect(answers).toEqual(['SEND OK\n', 'SEND OK\n', NO_SPACE]);
      const [first, second, third] = dialogues;
      expect(await first?.ask(Buffer.alloc(size))).toBe('SEND OK\n');
      // What a lost transfer was promised is free again.
      second?.stream.destroy();
      await server.logged('unexpectedly closed');
      expect(await third?.ask(`SEND <2.data> SIZE ${String(size)}\n`)).toBe('SEND OK\n');
    },
  );
});

testWith(NEEDS, 'min_free_space stays free', async () => {
  const spool = smallSpool();
  const server = await start(spool, '--min-free-space', String(60 * MIB));
  const dialogue = await Dialogue.open(server.port);
  expect(await send(dialogue, 'a.data', Buffer.alloc(5 * MIB))).toBe(NO_SPACE);
  expect(await send(dialogue, 'b.data', Buffer.alloc(3 * MIB))).toBe('SEND OK\n');
  expect(await send(dialogue, 'c.data', Buffer.alloc(2 * MIB))).toBe(NO_SPACE);
  await server.logged(`min_free_space ${String(60 * MIB)}`);
});

testWith(NEEDS, 'min_free_space stays free of what a small archive unpacks to, too', async () => {
  const spool = smallSpool();
  const server = await start(spool, '--min-free-space', String(60 * MIB));
  const dialogue = await Dialogue.open(server.port);
  const [large, small] = [await packed(6 * MIB), await packed(2 * MIB)];
  expect(await dialogue.ask(`ZSEND <a.data> SIZE ${String(large.length)}\n`)).toBe('ZSEND OK\n');
  expect(await dialogue.ask(large)).toBe(`Z${NO_SPACE}`);
  await server.logged(/\[err\]File 'a\.data' .* not enough space: .*, min_free_space 62914560\.\n/);
  expect(readdirSync(spool)).toEqual([]);
  expect(await dialogue.ask(`ZSEND <b.data> SIZE ${String(small.length)}\n`)).toBe('ZSEND OK\n');
  expect(await dialogue.ask(small)).toBe('ZSEND OK\n');
  expect(statSync(join(spool, 'b.data')).size).toBe(2 * MIB);
});

testWith(NEEDS, 'a spool that turns read-only refuses files until it is writable again', async () => {
  const spool = smallSpool();
  const server = await start(spool);
  const dialogue = await Dialogue.open(server.port);
  execFileSync('mount', ['-o', 'remount,ro', spool]);
  expect(await send(dialogue, 'a.data', 'one')).toBe(CANNOT);
  await server.logged(
    new RegExp(`\\[err\\]File 'a\\.data' .*cannot be stored: ${spool}/.*: the file system is read-only\\.\n`),
  );
  execFileSync('mount', ['-o', 'remount,rw', spool]);
  expect(await send(dialogue, 'a.data', 'one')).toBe('SEND OK\n');
});

testWith(NEEDS, 'N4 a sub-directory may be another file system, with room of its own', async () => {
  const spool = temporarySpool('conf');
  mountTmpfs(join(spool, 'conf'));
  const server = await start(spool, '-i', 'conf$:conf');
  const dialogue = await Dialogue.open(server.port);
  expect(await send(dialogue, 'a.conf', 'one')).toBe('SEND OK\n');
  expect(readFileSync(join(spool, 'conf', 'a.conf'), 'utf8')).toBe('one');
  fill(join(spool, 'conf', 'ballast'));
  expect(await send(dialogue, 'b.conf', 'two')).toBe(NO_SPACE);
  expect(await send(dialogue, 'b.data', 'two')).toBe('SEND OK\n');
});

test('a missing filter directory refuses its files until it is there', async () => {
  const spool = temporarySpool();
  const server = await start(spool, '-i', 'conf$:conf');
  const dialogue = await Dialogue.open(server.port);
  expect(await send(dialogue, 'a.conf', 'one')).toBe(CANNOT);
  await server.logged(new RegExp(`\\[err\\]File 'a\\.conf' .*: ${spool}/conf: it does not exist\\.\n`));
  expect(await send(dialogue, 'a.data', 'one')).toBe('SEND OK\n');
  mkdirSync(join(spool, 'conf'));
  expect(await send(dialogue, 'a.conf', 'one')).toBe('SEND OK\n');
});

testWith(['root', 'getent'], 'a directory that may no longer be written refuses files', async () => {
  const spool = temporarySpool();
  chmodSync(spool, 0o777);
  const server = await start(spool, '-U', 'nobody');
  const dialogue = await Dialogue.open(server.port);
  chmodSync(spool, 0o555);
  expect(await send(dialogue, 'a.data', 'one')).toBe(CANNOT);
  await server.logged(/\[err\]File 'a\.data' .*cannot be stored: .*: permission denied for user nobody\.\n/);
  chmodSync(spool, 0o777);
  expect(await send(dialogue, 'a.data', 'one')).toBe('SEND OK\n');
});

test('N1 a name of 255 bytes is stored, one of 256 refused', async () => {
  const spool = temporarySpool();
  const dialogue = await Dialogue.open((await start(spool)).port);
  const name = 'n'.repeat(250) + '.data';
  expect(await send(dialogue, name, 'one')).toBe('SEND OK\n');
  expect(await send(dialogue, `n${name}`, 'one')).toBe('SEND ERR (invalid file name)\n');
  expect(readdirSync(spool)).toEqual([name]);
});
