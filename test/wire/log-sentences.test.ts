/** The sentences of the log with their tags: log watchers look for them as the reference wrote them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import type { Token } from '../../src/settings/options.ts';
import { Dialogue } from '../support/dialogue.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker } from '../support/worker.ts';

interface Case {
  readonly what: string;
  readonly tokens?: Partial<Record<Token, string>>;
  /** What the client sends, each piece after the answer to the one before. */
  readonly sends: readonly (readonly [send: string, answer: string])[];
  /** How it ends, unless the server closes. */
  readonly end?: 'quits' | 'closes';
  /** What is logged after `Client connected from`, without dates and ports. */
  readonly lines: readonly string[];
}

const PEER = '127.0.0.1 port N';
const CLOSED = `[info]Connection closed from ${PEER}.`;
const SECRET = { password: 'secret' };
const PASS = `PASS ${passwordDigest(Buffer.from('secret'))}\n`;
const WRONG = `PASS ${passwordDigest(Buffer.from('wrong'))}\n`;
const INSECURE = { insecure: '1' };
const ARCHIVE = readFileSync('test/testdata/zip/one-byte.zip', 'latin1');

function request(command: string, name: string): string {
  return `[info]Request to ${command} '${name}' from ${PEER}.`;
}

const PASSWORDS: readonly Case[] = [
  {
    what: 'a wrong password',
    tokens: SECRET,
    sends: [[WRONG, '']],
    lines: [`[err]Invalid password from ${PEER}.`],
  },
  {
    what: 'no password',
    tokens: SECRET,
    sends: [['SEND <a> SIZE 1\n', '']],
    lines: [`[err]Client ${PEER} did not authenticate.`],
  },
  {
    what: 'the right password',
    tokens: SECRET,
    sends: [[PASS, 'PASS OK\n']],
    end: 'quits',
    lines: [`[log]Client ${PEER} authenticated.`, CLOSED],
  },
  {
    what: 'a password that nobody asked for, whose digest is nobody else’s business',
    sends: [[PASS, '']],
    lines: [`[log]Unknown command 'PASS [redacted]' from ${PEER}.`],
  },
];

const FILES_SENT: readonly Case[] = [
  {
    what: 'SEND',
    sends: [
      ['SEND <a.data> SIZE 4\n', 'SEND OK\n'],
      ['data', 'SEND OK\n'],
    ],
    end: 'quits',
    lines: [
      `[info]Request to send file 'a.data' size 4b from ${PEER}.`,
      `[info]Received file 'a.data' size 4b from ${PEER} in N ms.`,
      CLOSED,
    ],
  },
  {
    what: 'ZSEND',
    sends: [
      [`ZSEND <a.data> SIZE ${String(ARCHIVE.length)}\n`, 'ZSEND OK\n'],
      [ARCHIVE, 'ZSEND OK\n'],
    ],
    end: 'quits',
    lines: [
      `[info]Request to send compressed file 'a.data' size ${String(ARCHIVE.length)}b from ${PEER}.`,
      `[info]Received compressed file 'a.data' size ${String(ARCHIVE.length)}b from ${PEER} in N ms.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND of a file that is there already',
    sends: [['SEND <there> SIZE 4\n', 'SEND ERR (file already exists)\n']],
    end: 'quits',
    lines: [
      `[info]Request to send file 'there' size 4b from ${PEER}.`,
      `[log]File 'there' size 4b from ${PEER} already exists.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND of a file that is too big',
    tokens: { max_size: '9' },
    sends: [['SEND <a.data> SIZE 10\n', 'SEND ERR (file is too big)\n']],
    end: 'quits',
    lines: [
      `[info]Request to send file 'a.data' size 10b from ${PEER}.`,
      `[log]File 'a.data' size 10b from ${PEER} is too big: max_size is 9.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND of an empty file',
    sends: [['SEND <a.data> SIZE 0\n', 'SEND ERR (file is too big)\n']],
    end: 'quits',
    lines: [
      `[info]Request to send file 'a.data' size 0b from ${PEER}.`,
      `[log]File 'a.data' size 0b from ${PEER} is too big: it is empty, and the protocol has no empty file.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND of a name that tries to look like a log line',
    sends: [["SEND <a' from 10.0.0.1\r> SIZE 1\n", 'SEND ERR (invalid file name)\n']],
    end: 'quits',
    lines: [
      String.raw`[info]Request to send file 'a\' from 10.0.0.1\x0d' size 1b from ${PEER}.`,
      String.raw`[log]File 'a\' from 10.0.0.1\x0d' size 1b from ${PEER} has an invalid file name.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND where its directory is missing',
    tokens: { filters: 'conf$:conf' },
    sends: [['SEND <a.conf> SIZE 1\n', 'SEND ERR (cannot store file)\n']],
    end: 'quits',
    lines: [
      `[info]Request to send file 'a.conf' size 1b from ${PEER}.`,
      `[err]File 'a.conf' size 1b from ${PEER} cannot be stored: SPOOL/conf: it does not exist.`,
      CLOSED,
    ],
  },
  {
    what: 'SEND that stops in mid-file',
    sends: [
      ['SEND <a.data> SIZE 4\n', 'SEND OK\n'],
      ['da', ''],
    ],
    end: 'closes',
    lines: [
      `[info]Request to send file 'a.data' size 4b from ${PEER}.`,
      `[err]Connection from ${PEER} unexpectedly closed: connection closed with 2 bytes of a file missing.`,
    ],
  },
];

const FILES_FETCHED: readonly Case[] = [
  {
    what: 'RECV',
    sends: [
      ['RECV <there>\n', 'RECV SIZE 5\n'],
      ['RECV OK\n', 'hello'],
    ],
    end: 'quits',
    lines: [
      request('receive file', 'there'),
      `[log]Requested file 'there' from ${PEER} sent (5b in N ms).`,
      CLOSED,
    ],
  },
  {
    what: 'RECV that the client does not take',
    sends: [
      ['RECV <there>\n', 'RECV SIZE 5\n'],
      ['RECV ERR\n', ''],
    ],
    end: 'quits',
    lines: [request('receive file', 'there'), `[log]Requested file 'there' from ${PEER} not sent.`, CLOSED],
  },
  {
    what: 'RECV of a file that is not there',
    sends: [['RECV <nope>\n', 'RECV ERR (file does not exist)\n']],
    end: 'quits',
    lines: [
      request('receive file', 'nope'),
      `[log]Requested file 'nope' from ${PEER} does not exist.`,
      CLOSED,
    ],
  },
  {
    what: 'RECV of a name that no file may have',
    sends: [['RECV <../etc/passwd>\n', 'RECV ERR (file has an invalid file name)\n']],
    end: 'quits',
    lines: [
      request('receive file', '../etc/passwd'),
      `[log]Requested file '../etc/passwd' from ${PEER} has an invalid file name.`,
      CLOSED,
    ],
  },
  {
    what: 'ZRECV of a file that is not there',
    sends: [['ZRECV <nope>\n', 'ZRECV ERR (file does not exist)\n']],
    end: 'quits',
    lines: [
      request('receive compressed file', 'nope'),
      `[log]Requested compressed 'nope' from ${PEER} does not exist.`,
      CLOSED,
    ],
  },
];

const INSECURE_MODE: readonly Case[] = [
  {
    what: 'LS where it is not served',
    sends: [['LS <x>\n', '']],
    lines: [`[info]Insecure mode disabled. Rejected request to list files matched by filter x from ${PEER}.`],
  },
  {
    what: 'MV where it is not served',
    sends: [['MV <there>\n', '']],
    lines: [`[info]Insecure mode disabled. Rejected request to move file there from ${PEER}.`],
  },
  {
    what: 'LS',
    tokens: INSECURE,
    sends: [
      ['LS <x>\n', 'LS SIZE 6\n'],
      ['LS OK\n', 'there\n'],
    ],
    end: 'quits',
    lines: [
      request('list files matched by filter', 'x'),
      `[log]Requested directory listing 'x' from ${PEER} sent (6b in N ms).`,
      CLOSED,
    ],
  },
  {
    what: 'MV',
    tokens: INSECURE,
    sends: [
      ['MV <there>\n', 'MV SIZE 5\n'],
      ['MV OK\n', 'hello'],
    ],
    end: 'quits',
    lines: [
      request('move file', 'there'),
      `[log]Requested file 'there' from ${PEER} sent (5b in N ms).`,
      `[log]Requested file 'there' from ${PEER} sent and deleted.`,
      CLOSED,
    ],
  },
];

const ENDS: readonly Case[] = [
  { what: 'a close between commands', sends: [], end: 'closes', lines: [CLOSED] },
  {
    what: 'a command that nobody knows',
    sends: [["it's nonsense\x1b[2J\n", '']],
    lines: [String.raw`[log]Unknown command 'it\'s nonsense\x1b[2J' from ${PEER}.`],
  },
  {
    what: 'a close in the middle of a command',
    sends: [['SEND <a', '']],
    end: 'closes',
    lines: [`[err]Connection from ${PEER} unexpectedly closed: connection closed in the middle of a line.`],
  },
  {
    what: 'a line without an end',
    tokens: { block_size: '64' },
    sends: [['n'.repeat(65), '']],
    lines: [`[log]Connection from ${PEER} closed: a line of over 64 bytes.`],
  },
  {
    what: 'W4 silence',
    tokens: { timeout: '1', retries: '0' },
    sends: [],
    lines: [`[err]Connection from ${PEER} timed out.`],
  },
];

describe.each([
  ['passwords', PASSWORDS],
  ['files that clients send', FILES_SENT],
  ['files that clients fetch', FILES_FETCHED],
  ['insecure mode', INSECURE_MODE],
  ['ends of connections', ENDS],
])('%s', (_name, cases) => {
  test.each(cases)('$what', async ({ tokens, sends, end, lines }) => {
    const spool = temporarySpool();
    writeFileSync(join(spool, 'there'), 'hello');
    const worker = await startWorker({ directory: spool, ...tokens });
    const said = worker.log.length;
    const client = await Dialogue.open(worker.port);
    for (const [send, answer] of sends) {
      client.send(send);
      expect(await client.take(answer.length)).toBe(answer);
    }
    if (end === 'quits') client.send('QUIT\n');
    if (end === 'closes') client.stream.end();
    expect(await client.rest()).toBe('');
    const plain = (): string[] =>
      worker.log.slice(said).map((line) =>
        line
          .slice('2024-02-03 04:05:06'.length, -1)
          .replaceAll(spool, 'SPOOL')
          .replace(/(127\.0\.0\.1 port) \d+/, '$1 N')
          .replace(/in \d+ ms/, 'in N ms'),
      );
    await expect.poll(plain).toEqual([`[info]Client connected from ${PEER}.`, ...lines]);
  });
});
