/** A conversation's rules: what is said, what each answer means, and what it leaves behind. */
import { describe, expect, test } from 'vitest';
import { type Sink } from '../../../src/client/client.ts';
import { ClosedError, LocalFileError, RefusedError } from '../../../src/client/errors.ts';
import { unzip } from '../../../src/protocol/zip/unzip.ts';
import { zip } from '../../../src/protocol/zip/zip.ts';
import { connectTo, failure, oblige, type Peer, startScripted, upload } from '../../wire/scripted-server.ts';

async function bytesOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A sink, and what fell into it. */
function collector(): { sink: Sink; got: Buffer[] } {
  const got: Buffer[] = [];
  return {
    got,
    sink: async (content) => {
      got.push(await bytesOf(content));
    },
  };
}

describe('sending', () => {
  test('W10 W11 W17 password, file and farewell, as the wire wants them', async () => {
    const server = await startScripted((peer) => oblige(peer));
    const client = await connectTo(server, { password: 'secret' });
    await client.send(upload(['hel', 'lo']));
    await client.quit();
    // md5(raw md5("secret")), by openssl.
    expect(server.peers[0]?.heard).toBe(
      'PASS 9e769017c85f064977fe6a658f207fa6\nSEND <a.data> SIZE 5\nhelloQUIT\n',
    );
  });

  test('W1 a name and a password are bytes', async () => {
    const server = await startScripted((peer) => oblige(peer));
    const client = await connectTo(server, { password: Buffer.from([0xff, 0x00]) });
    await client.send(upload('x', '\xff\xe9 .data'));
    expect(server.peers[0]?.heard).toContain('SEND <\xff\xe9 .data> SIZE 1\nx');
  });

  test('W12 a compressed file is one archive of the announced size', async () => {
    const files = new Map<string, string>();
    const server = await startScripted((peer) => oblige(peer, files));
    const client = await connectTo(server);
    await client.send(upload('abc'.repeat(1000)), { compress: true });
    const archive = Buffer.from(files.get('a.data') ?? '', 'latin1');
    expect(server.peers[0]?.heard).toMatch(`ZSEND <a.data> SIZE ${String(archive.length)}\n`);
    expect((await bytesOf(unzip(asStream(archive), 10_000))).toString()).toBe('abc'.repeat(1000));
  });

  test('C4 a file counts as sent only when SEND OK was read a second time', async () => {
    let confirm: () => void = () => undefined;
    const server = await startScripted(async (peer) => {
      await peer.answer('SEND OK\n');
      await peer.take(5);
      confirm = () => {
        peer.send('SEND OK\n');
      };
      confirmed.push('ready');
    });
    const confirmed: string[] = [];
    const client = await connectTo(server);
    const sending = client.send(upload()).then(() => confirmed.push('resolved'));
    await expect.poll(() => confirmed).toEqual(['ready']);
    confirm();
    await sending;
    expect(confirmed).toEqual(['ready', 'resolved']);
  });

  test.each([
    ['SEND ERR (file already exists)\n', 'file already exists'],
    ['SEND ERR\n', ''],
    ['SEND ERR (\x1b[31m)\n', '\\x1b[31m'],
  ])('C4 a refusal, %j, keeps the connection', async (reply, reason) => {
    const server = await startScripted(async (peer) => {
      await peer.answer(reply);
      await oblige(peer);
    });
    const client = await connectTo(server);
    const error = await failure(client.send(upload()));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toHaveProperty('reason', reason);
    await client.send(upload('more', 'b.data'));
    await client.quit();
    expect(server.peers[0]?.heard).toBe('SEND <a.data> SIZE 5\nSEND <b.data> SIZE 4\nmoreQUIT\n');
  });

  test('C4 a refusal in place of the confirmation keeps the connection too', async () => {
    const server = await startScripted(async (peer) => {
      await peer.answer('SEND OK\n');
      await peer.take(5);
      peer.send('SEND ERR (not enough space)\n');
      await oblige(peer);
    });
    const client = await connectTo(server);
    await expect(client.send(upload())).rejects.toBeInstanceOf(RefusedError);
    await client.send(upload('more', 'b.data'));
  });

  test.each([
    ['fewer', upload(['he'], 'a.data', 5)],
    ['more', upload(['hello', '!'], 'a.data', 5)],
    ['none of the', upload([], 'a.data', 5)],
  ])('content of %s bytes than announced is dropped, and the connection with it', async (_, file) => {
    const server = await startScripted((peer) => oblige(peer));
    const client = await connectTo(server);
    expect((await failure(client.send(file))).message).toContain('changed while it was being sent');
    await server.peers[0]?.gone;
    expect(server.peers[0]?.heard).not.toContain('!');
    expect(client.stream.destroyed).toBe(true);
  });

  test('a local error in mid-file ends the connection: the next command would become part of the file', async () => {
    const server = await startScripted((peer) => oblige(peer));
    const client = await connectTo(server);
    const broken = {
      ...upload('', 'a.data', 5),
      content: async function* () {
        yield* upload('he').content();
        throw new LocalFileError('Cannot read a.data: i/o error');
      },
    };
    await expect(client.send(broken)).rejects.toThrow('i/o error');
    expect(client.stream.destroyed).toBe(true);
    await client.quit();
    await server.peers[0]?.gone;
    expect(server.peers[0]?.heard).toBe('SEND <a.data> SIZE 5\nhe');
  });
});

describe('fetching', () => {
  const ask = {
    RECV: (name: string, sink: Sink, to: Awaited<ReturnType<typeof connectTo>>) => to.receive(name, sink),
    MV: (name: string, sink: Sink, to: Awaited<ReturnType<typeof connectTo>>) => to.move(name, sink),
  };

  test.each(['RECV', 'MV'] as const)('W13 W16 %s: announced, agreed, taken whole', async (command) => {
    const server = await startScripted((peer) => oblige(peer, undefined, 'a\0\xff\nb'));
    const client = await connectTo(server);
    const { sink, got } = collector();
    await ask[command]('f.conf', sink, client);
    await client.quit();
    expect(got).toEqual([Buffer.from('a\0\xff\nb', 'latin1')]);
    expect(server.peers[0]?.heard).toBe(`${command} <f.conf>\n${command} OK\nQUIT\n`);
  });

  test('W13 an empty file is received', async () => {
    const server = await startScripted((peer) => oblige(peer, undefined, ''));
    const { sink, got } = collector();
    await (await connectTo(server)).receive('f', sink);
    expect(got).toEqual([Buffer.alloc(0)]);
  });

  test('W14 an archive is received unpacked', async () => {
    const archive = await bytesOf(zip(asStream(Buffer.from('hello'))));
    const server = await startScripted((peer) => oblige(peer, undefined, archive.toString('latin1')));
    const { sink, got } = collector();
    await (await connectTo(server)).receive('f', sink, { compress: true });
    expect(got).toEqual([Buffer.from('hello')]);
  });

  test('T2 an archive that does not unpack is an error, and the connection ends', async () => {
    const server = await startScripted((peer) => oblige(peer, undefined, 'no archive'));
    const client = await connectTo(server);
    const error = await failure(client.receive('f', collector().sink, { compress: true }));
    expect(error.name).toBe('UnexpectedReplyError');
    expect(error.message).toContain('does not unpack');
    await server.peers[0]?.gone;
  });

  test.each([
    ['', []],
    ['a\nb\xe9 c\n', ['a', 'b\xe9 c']],
  ])('W15 a list of %j', async (content, names) => {
    const server = await startScripted((peer) => oblige(peer, undefined, content));
    expect(await (await connectTo(server)).list('f')).toEqual(names);
  });

  test('W13 a refusal keeps the connection', async () => {
    const server = await startScripted(async (peer) => {
      await peer.answer('RECV ERR (file does not exist)\n');
      await oblige(peer);
    });
    const client = await connectTo(server);
    await expect(client.receive('f', collector().sink)).rejects.toBeInstanceOf(RefusedError);
    await client.receive('g', collector().sink);
  });

  test('W16 a sink that fails ends the connection without another command: the server keeps its file', async () => {
    const server = await startScripted((peer) => oblige(peer));
    const client = await connectTo(server);
    const sink = (): Promise<void> => Promise.reject(new LocalFileError('disk full'));
    await expect(client.move('f', sink)).rejects.toThrow('disk full');
    await client.quit();
    await server.peers[0]?.gone;
    expect(server.peers[0]?.heard).toBe('MV <f>\nMV OK\n');
  });

  test.each([
    ['takes nothing', () => Promise.resolve()],
    [
      'stops early',
      async (content: AsyncIterable<Buffer>) => {
        for await (const chunk of content) if (chunk.length > 0) break;
      },
    ],
  ])('W16 a sink that %s is an error, and the server keeps its file', async (_, sink) => {
    const server = await startScripted(async (peer: Peer) => {
      await peer.answer('MV SIZE 6\n');
      await peer.answer('abc');
      await peer.gone;
    });
    const client = await connectTo(server);
    await expect(client.move('f', sink)).rejects.toBeInstanceOf(ClosedError);
    await client.quit();
    await server.peers[0]?.gone;
    expect(server.peers[0]?.heard).toBe('MV <f>\nMV OK\n');
  });
});

// eslint-disable-next-line @typescript-eslint/require-await -- as an archive arrives
async function* asStream(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes;
}
