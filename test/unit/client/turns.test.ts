/** W2: the client says nothing before it has read the answer to what it said before. */
import { expect, test } from 'vitest';
import { type TentacleClient } from '../../../src/client/client.ts';
import { UnexpectedReplyError } from '../../../src/client/errors.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';
import {
  allQuiet,
  connectTo,
  failure,
  PATIENT_MS,
  type Peer,
  startScripted,
  upload,
} from '../../wire/scripted-server.ts';

interface Conversation {
  /** What the client is to say, turn by turn. */
  readonly said: readonly string[];
  /** What it is told in between. */
  readonly answers: readonly string[];
}

/** Holds each answer back until nothing more comes, and records what had come by then: one entry a turn. */
async function interview(peer: Peer, { said, answers }: Conversation, turns: string[]): Promise<void> {
  for (const [index, { length }] of said.entries()) {
    const before = peer.heard.length;
    await peer.take(length);
    await allQuiet();
    turns.push(peer.heard.slice(before));
    const answer = answers[index];
    if (answer === undefined) peer.close();
    else peer.send(answer);
  }
}

async function archiveOf(text: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of zip(upload(text).content())) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

async function drop(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of content) expect(chunk).not.toHaveLength(0);
}

const ARCHIVE = await archiveOf('hello');

const conversations: [string, (client: TentacleClient) => Promise<unknown>, Conversation][] = [
  [
    'SEND',
    (client) => client.send(upload()),
    { said: ['SEND <a.data> SIZE 5\n', 'hello'], answers: ['SEND OK\n', 'SEND OK\n'] },
  ],
  [
    'ZSEND',
    (client) => client.send(upload(), { compress: true }),
    {
      said: [`ZSEND <a.data> SIZE ${String(ARCHIVE.length)}\n`, ARCHIVE],
      answers: ['ZSEND OK\n', 'ZSEND OK\n'],
    },
  ],
  [
    'RECV',
    (client) => client.receive('f', drop),
    { said: ['RECV <f>\n', 'RECV OK\n'], answers: ['RECV SIZE 2\n', 'ab'] },
  ],
  ['LS', (client) => client.list('f'), { said: ['LS <f>\n', 'LS OK\n'], answers: ['LS SIZE 2\n', 'a\n'] }],
  [
    'MV',
    (client) => client.move('f', drop),
    { said: ['MV <f>\n', 'MV OK\n'], answers: ['MV SIZE 2\n', 'ab'] },
  ],
  [
    'a refused SEND',
    async (client) => failure(client.send(upload())),
    { said: ['SEND <a.data> SIZE 5\n'], answers: ['SEND ERR\n'] },
  ],
];

test.each(conversations)('W2 PASS, %s and QUIT each wait for their turn', async (_, talk, expected) => {
  const turns: string[] = [];
  const said = ['PASS 9e769017c85f064977fe6a658f207fa6\n', ...expected.said, 'QUIT\n'];
  const answers = ['PASS OK\n', ...expected.answers];
  const server = await startScripted((peer) => interview(peer, { said, answers }, turns));
  const client = await connectTo(server, { password: 'secret' });
  await talk(client);
  await client.quit();
  await expect.poll(() => turns, { timeout: PATIENT_MS }).toEqual(said);
});

test('W2 several files: the next command waits for the confirmation', async () => {
  const turns: string[] = [];
  const said = ['SEND <a.data> SIZE 5\n', 'hello', 'SEND <b.data> SIZE 1\n', 'x', 'QUIT\n'];
  const answers = Array<string>(4).fill('SEND OK\n');
  const server = await startScripted((peer) => interview(peer, { said, answers }, turns));
  const client = await connectTo(server);
  await client.send(upload());
  await client.send(upload('x', 'b.data'));
  await client.quit();
  await expect.poll(() => turns, { timeout: PATIENT_MS }).toEqual(said);
});

test('W2 an answer may come in any segments', async () => {
  const server = await startScripted(async (peer) => {
    for (const answer of ['SEND OK\n', 'SEND OK\n']) {
      await peer.take(5);
      for (const byte of answer) {
        peer.send(byte);
        await allQuiet();
      }
    }
  });
  await (await connectTo(server)).send(upload());
});

test('C4 a SEND OK that came before the file was sent confirms nothing', async () => {
  const server = await startScripted((peer) => peer.answer('SEND OK\nSEND OK\n'));
  const client = await connectTo(server);
  expect(await failure(client.send(upload()))).toBeInstanceOf(UnexpectedReplyError);
});

test('W18 what follows the final OK is not taken for the answer to the next command', async () => {
  const server = await startScripted(async (peer) => {
    await peer.answer('SEND OK\n');
    await peer.take(5);
    peer.send('SEND OK\nSEND OK\nSEND OK\n');
  });
  const client = await connectTo(server);
  await client.send(upload());
  expect(await failure(client.send(upload('x', 'b.data')))).toBeInstanceOf(UnexpectedReplyError);
});

test.each(['a\nQUIT', 'a\rb', 'a\0b'])('W1 a name that would break the line is refused: %j', async (name) => {
  const server = await startScripted((peer) => peer.gone);
  const client = await connectTo(server, { idleMs: 200 });
  const asked = [
    () => client.send(upload('x', name)),
    () => client.receive(name, drop),
    () => client.move(name, drop),
    () => client.list(name),
  ];
  for (const ask of asked) expect((await failure(ask())).name).not.toBe('TimeoutError');
  client.close();
  await server.peers[0]?.gone;
  expect(server.peers[0]?.heard).toBe('');
});
