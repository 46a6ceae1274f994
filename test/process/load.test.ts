/** Many clients, large files and slow peers: all is stored, and memory stays flat. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { ServerProcess } from '../support/program.ts';
import { temporarySpool } from '../support/temporary.ts';

const MB = 1_000_000;
const LARGE = 20 * MB;
const BODY = randomBytes(LARGE);

function many<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)));
}

/** Peak resident memory of a process, in MB. */
function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return (Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 'NaN') * 1024) / MB;
}

/** Resident memory starts to be counted anew. */
function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${String(pid)}/clear_refs`, '5');
}

async function checksum(path: string): Promise<string> {
  const hash = createHash('sha1');
  await pipeline(createReadStream(path, { highWaterMark: MB }), hash);
  return hash.digest('hex');
}

/** The common body behind 8 bytes that only this client sends. */
function contentOf(index: number, size: number): readonly [Buffer, Buffer] {
  return [Buffer.from(String(index).padStart(8, '0')), BODY.subarray(0, size - 8)];
}

async function send(port: number, name: string, parts: readonly Buffer[]): Promise<void> {
  const dialogue = await Dialogue.open(port);
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  expect(await dialogue.ask(`SEND <${name}> SIZE ${String(size)}\n`)).toBe('SEND OK\n');
  for (const part of parts) dialogue.send(part);
  expect(await dialogue.line()).toBe('SEND OK\n');
  dialogue.send('QUIT\n');
  await dialogue.rest();
}

test('200 clients at once, 50 of them with 20 MB: all stored, checksums equal, under 250 MB', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, '-m', String(LARGE), '-t', '30']);
  const sizes = Array.from({ length: 200 }, (_, index) => (index % 4 === 0 ? LARGE : 2000));
  await many(200, (index) => send(server.port, String(index), contentOf(index, sizes[index] ?? 0)));
  expect(peakMemory(server.pid)).toBeLessThan(250);
  expect(readdirSync(spool)).toHaveLength(200);
  for (const [index, size] of sizes.entries()) {
    const hash = createHash('sha1');
    for (const part of contentOf(index, size)) hash.update(part);
    expect(await checksum(join(spool, String(index)))).toBe(hash.digest('hex'));
  }
});

/** Fetches a file, but reads only its first bytes until the others are done; takes all of it in the end. */
async function fetchSlowly(
  port: number,
  command: 'RECV' | 'ZRECV',
  untilDone: Promise<unknown>,
): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  socket.write(`${command} <file>\n`);
  const [announced] = (await once(socket, 'data')) as [Buffer];
  let left = Number(/SIZE (\d+)\n$/.exec(announced.toString())?.[1]);
  socket.pause().on('data', (chunk) => (left -= chunk.length));
  socket.write(`${command} OK\n`);
  await untilDone;
  socket.resume();
  while (left > 0) await once(socket, 'data');
  expect(left).toBe(0);
  socket.end('QUIT\n');
  await once(socket, 'close');
}

test.each([
  ['RECV', 20],
  ['ZRECV', 8],
] as const)('%s: %i clients that read slowly cost no memory for 20 MB each', async (command, count) => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, '-t', '30']);
  const peakWith = async (content: Buffer): Promise<number> => {
    writeFileSync(join(spool, 'file'), content);
    forgetPeak(server.pid);
    // While the slow ones wait, the server has the time to serve another, and so to read everything for all.
    const quick = fetchSlowly(server.port, command, Promise.resolve());
    await many(count, () => fetchSlowly(server.port, command, quick));
    return peakMemory(server.pid);
  };
  await peakWith(BODY.subarray(0, MB));
  const small = await peakWith(BODY.subarray(0, MB));
  expect((await peakWith(BODY)) - small).toBeLessThan(60);
});

test('20 peers that stop 100 bytes before the end of 20 MB cost no memory for what they sent', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool(), '-m', String(LARGE), '-t', '30']);
  const before = peakMemory(server.pid);
  const dialogues = await many(20, async (index) => {
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(`SEND <${String(index)}> SIZE ${String(LARGE)}\n`)).toBe('SEND OK\n');
    // Taken by the system, whose buffers hold far less: the server has read most of it.
    await new Promise((taken) => dialogue.stream.write(BODY.subarray(100), taken));
    return dialogue;
  });
  expect(peakMemory(server.pid) - before).toBeLessThan(60);
  const answers = await Promise.all(dialogues.map((dialogue) => dialogue.ask(BODY.subarray(0, 100))));
  expect(answers).toEqual(answers.map(() => 'SEND OK\n'));
});

test('two clients sending one new name: exactly one gets OK, and its bytes are stored', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool]);
  const dialogues = [await Dialogue.open(server.port), await Dialogue.open(server.port)];
  for (let round = 0; round < 50; round++) {
    const name = `${String(round)}.data`;
    const answers = await Promise.all(
      dialogues.map(async (dialogue, index) => {
        const first = await dialogue.ask(`SEND <${name}> SIZE 1\n`);
        return first === 'SEND OK\n' ? dialogue.ask(String(index)) : first;
      }),
    );
    expect([...answers].sort()).toEqual(['SEND ERR (file already exists)\n', 'SEND OK\n']);
    expect(readFileSync(join(spool, name), 'utf8')).toBe(String(answers.indexOf('SEND OK\n')));
  }
});
