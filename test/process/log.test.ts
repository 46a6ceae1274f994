/** What the log shows at each level and in each form, as the README says. */
import { spawn } from 'node:child_process';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, SERVER, ServerProcess } from '../support/program.ts';
import { isRoot } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** A file stored, one that cannot be, one that is not there, a command nobody knows. */
async function converse(port: number): Promise<void> {
  const client = await Dialogue.open(port);
  expect(await client.ask('SEND <a.1.data> SIZE 4\n')).toBe('SEND OK\n');
  expect(await client.ask('data')).toBe('SEND OK\n');
  expect(await client.ask('SEND <a.conf> SIZE 4\n')).toBe('SEND ERR (cannot store file)\n');
  expect(await client.ask('RECV <nope>\n')).toBe('RECV ERR (file does not exist)\n');
  expect(await client.ask('RECV <a.1.data>\n')).toBe('RECV SIZE 4\n');
  expect(await client.ask('RECV OK\nRECV <nope>\n')).toBe('dataRECV ERR (file does not exist)\n');
  client.send('nonsense\n');
  expect(await client.rest()).toBe('');
}

describe('verbose', () => {
  const PEER = '127.0.0.1 port N';
  const START = [
    '[log]Warning: -i, --filters: filter directory SPOOL/conf does not exist: create it; until then its files are refused.',
    '[log]Server listening on 127.0.0.1 port N (press <ctr-c> to stop).',
    '[log]Files go to SPOOL; TLS off, no password.',
  ];
  const ERROR = `[err]File 'a.conf' size 4b from ${PEER} cannot be stored: SPOOL/conf: it does not exist.`;
  const STOP = ['[log]Server going down.', '[log]Server stopped.'];
  const RECEIVED = `[info]Received file 'a.1.data' size 4b from ${PEER} in N ms.`;
  const REFUSED = `[log]Requested file 'nope' from ${PEER} does not exist.`;
  const SENT = `[log]Requested file 'a.1.data' from ${PEER} sent (4b in N ms).`;
  const UNKNOWN = `[log]Unknown command 'nonsense' from ${PEER}.`;

  test.each([
    ['0: start, stop, warnings and errors', [], [...START, ERROR, ...STOP]],
    [
      '1: also files, refused commands and connections',
      ['-v'],
      [...START, RECEIVED, ERROR, REFUSED, SENT, REFUSED, UNKNOWN, ...STOP],
    ],
    [
      '2: everything',
      ['-V'],
      [
        ...START,
        `[info]Client connected from ${PEER}.`,
        `[info]Request to send file 'a.1.data' size 4b from ${PEER}.`,
        RECEIVED,
        `[info]Request to send file 'a.conf' size 4b from ${PEER}.`,
        ERROR,
        `[info]Request to receive file 'nope' from ${PEER}.`,
        REFUSED,
        `[info]Request to receive file 'a.1.data' from ${PEER}.`,
        SENT,
        `[info]Request to receive file 'nope' from ${PEER}.`,
        REFUSED,
        UNKNOWN,
        ...STOP,
      ],
    ],
  ])('%s', async (_what, options, lines) => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-i', 'conf$:conf', ...options]);
    await converse(server.port);
    expect(await server.stop()).toBe(0);
    const logged = server.output.trimEnd().split('\n');
    for (const line of logged) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\[/);
    const plain = logged.map((line) =>
      line
        .slice('2024-02-03 04:05:06'.length)
        .replaceAll(spool, 'SPOOL')
        .replace(/port \d+/, 'port N')
        .replace(/in \d+ ms/, 'in N ms'),
    );
    expect(plain).toEqual(lines);
  });
});

test('log_format json writes an object a line, with what a program wants to know', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, '-i', 'conf$:conf', '-V', '--log-format', 'json']);
  await converse(server.port);
  expect(await server.stop()).toBe(0);
  const records = server.output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const record of records) {
    expect(record).toMatchObject({
      level: expect.any(String) as string,
      time: expect.any(Number) as number,
      event: expect.any(String) as string,
      msg: expect.any(String) as string,
    });
  }
  const peer = { peer: '127.0.0.1', port: expect.any(Number) as number };
  const ms = expect.any(Number) as number;
  const ofEvent = (event: string): unknown[] => records.filter((record) => record.event === event);
  expect(ofEvent('received')).toMatchObject([
    { level: 'event', command: 'SEND', ...peer, file: 'a.1.data', bytes: 4, ms },
  ]);
  expect(ofEvent('sent')).toMatchObject([
    { level: 'event', command: 'RECV', ...peer, file: 'a.1.data', bytes: 4, ms },
  ]);
  const nope = { level: 'event', command: 'RECV', ...peer, file: 'nope', reason: 'file does not exist' };
  expect(ofEvent('refused')).toMatchObject([
    { level: 'error', command: 'SEND', ...peer, file: 'a.conf', bytes: 4, reason: 'cannot store file' },
    nope,
    nope,
  ]);
  expect(ofEvent('ended')).toMatchObject([{ level: 'event', ...peer, reason: 'protocol' }]);
  // One connection: the same port in all of it.
  const ports = records.filter((record) => 'peer' in record).map(({ port }) => port);
  expect(new Set(ports).size).toBe(1);
});

describe('quiet', () => {
  /** Connects as soon as somebody listens: there is no line that would say so. */
  async function connected(port: number): Promise<Dialogue> {
    for (;;) {
      const dialogue = await Dialogue.open(port).catch(() => undefined);
      if (dialogue !== undefined) return dialogue;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('logs nothing, and the password counts all the same', async () => {
    const port = await freePort();
    const child = spawn(
      process.execPath,
      [
        ...[SERVER, ...(isRoot ? ['--allow-root'] : []), '-a', '127.0.0.1', '-p', String(port)],
        ...['-s', temporarySpool(), '-q', '-V', '-x', 'secret'],
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TENTACLE_EXT_OPTS: '' } },
    );
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    const ended = new Promise((resolve) => child.once('close', resolve));
    const guessing = await connected(port);
    guessing.send(`PASS ${passwordDigest(Buffer.from('wrong'))}\nSEND <a.1.data> SIZE 1\n`);
    expect(await guessing.rest()).toBe('');
    const silent = await Dialogue.open(port);
    silent.send('SEND <a.1.data> SIZE 1\n');
    expect(await silent.rest()).toBe('');
    const honest = await Dialogue.open(port);
    expect(await honest.ask(`PASS ${passwordDigest(Buffer.from('secret'))}\n`)).toBe('PASS OK\n');
    expect(await honest.ask('SEND <a.1.data> SIZE 1\n')).toBe('SEND OK\n');
    expect(await honest.ask('x')).toBe('SEND OK\n');
    honest.send('QUIT\n');
    expect(await honest.rest()).toBe('');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(output).toBe('');
  });
});
