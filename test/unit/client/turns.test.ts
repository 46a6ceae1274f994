/** W2: the client says nothing before it has read the answer to what it said before. */
import { expect, test } from 'vitest';
import { type TentacleClient } from '../../../src/client/client.ts';
import { UnexpectedReplyError } from '../../../src/client/errors.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';
import { allQuiet, connectTo, failure, type Peer, startScripted, upload } from '../../wire/scripted-server.ts';

/** Holds each answer back until nothing more comes, and records what had come by then: one entry a turn. */
async function interview(peer: Peer, answers: readonly string[], turns: string[]): Promise<void> {
  for (const answer of [...answers, undefined]) {
    const before = peer.heard.length;
    await peer.take(1);
    await allQuiet();
    const said = peer.heard.slice(before);
    await peer.take(said.length - 1);
    turns.push(said);
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
  for await (const chunk of content) void chunk;
}

const ARCHIVE = await archiveOf('hello');

const conversations: [
  string,
  (client: TentacleClient) => Promise<unknown>,
  { said: string[]; answers: string[] },
][] = [
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
  const server = await startScripted((peer) => interview(peer, ['PASS OK\n', ...expected.answers], turns));
  const client = await connectTo(server, { password: 'secret' });
  await talk(client);
  await client.quit();
  const said = [expect.stringMatching(/^PASS [0-9a-f]{32}\n$/) as string, ...expected.said, 'QUIT\n'];
  await expect.poll(() => turns).toEqual(said);
});

test('W2 several files: the next command waits for the confirmation', async () => {
  const turns: string[] = [];
  const server = await startScripted((peer) => interview(peer, Array(4).fill('SEND OK\n'), turns));
  const client = await connectTo(server);
  await client.send(upload());
  await client.send(upload('x', 'b.data'));
  await client.quit();
  const said = ['SEND <a.data> SIZE 5\n', 'hello', 'SEND <b.data> SIZE 1\n', 'x', 'QUIT\n'];
  await expect.poll(() => turns).toEqual(said);
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
