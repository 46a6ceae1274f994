/** What becomes of a file to send, and of one to fetch, with names, compression and order. */
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ClosedError, LocalFileError, RefusedError } from '../../../src/client/errors.ts';
import { checkName, Compression, fetchTask, sendTask } from '../../../src/client/tasks.ts';
import { type Task, transfer } from '../../../src/client/transfer.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import {
  connectTo,
  failure,
  oblige,
  PATIENT_MS,
  type Script,
  startScripted,
} from '../../wire/scripted-server.ts';

/** What happened to the disk, and on the wire, in order. */
const journal = vi.hoisted((): string[] => []);
vi.mock(import('node:fs'), async (original) => {
  const real = await original();
  const noted = <F extends (...args: never[]) => void>(name: string, call: F): F =>
    ((...args: never[]) => {
      journal.push(name);
      call(...args);
    }) as F;
  const fsync = noted('fsync', real.fsync);
  const rename = noted('rename', real.rename as (...args: never[]) => void) as typeof real.rename;
  return { ...real, fsync, rename };
});

/** A file of this content. */
function localFile(content: string, name = 'a.data'): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content, 'latin1');
  return path;
}

describe('names', () => {
  test.each(Array.from("?[]/\\=+<>:;',*~\x01\n\x7f"))('N1 %j is refused, and named', (character) => {
    const check = (): void => {
      checkName(`a${character}b`, 'the file');
    };
    expect(check).toThrow(LocalFileError);
    expect(check).toThrow(`servers refuse names with ${JSON.stringify(character)}`);
  });

  test.each(['', '.', '..'])('N1 %j is no name', (name) => {
    expect(() => {
      checkName(name, 'the file');
    }).toThrow('it has no name');
  });

  test.each(['a b', 'a|b', '`a`', '$a', '%a&', '\xff\xe9', 'a.1.data'])('N1 %j is a name', (name) => {
    checkName(name, 'the file');
  });
});

describe('sending', () => {
  const options = { compression: new Compression() };

  test('C3 the base name is sent, as bytes', async () => {
    const files = new Map<string, string>();
    const client = await connectTo(await startScripted((peer) => oblige(peer, files)));
    await sendTask(localFile('hello', 'größe.data'), options).run(client);
    expect([...files]).toEqual([[Buffer.from('größe.data').toString('latin1'), 'hello']]);
  });

  test('another name, and how far it is', async () => {
    const files = new Map<string, string>();
    const client = await connectTo(await startScripted((peer) => oblige(peer, files)));
    const moved: number[][] = [];
    const progress = (...now: number[]): void => {
      moved.push(now);
    };
    const content = 'x'.repeat(200_000);
    await sendTask(localFile(content), { ...options, name: 'b', progress }).run(client);
    expect(files.get('b')).toBe(content);
    expect(moved.at(-1)).toEqual([200_000, 200_000]);
  });

  test('a file that was truncated after the announcement is dropped', async () => {
    const path = localFile('hello');
    const server = await startScripted(async (peer) => {
      await peer.line();
      truncateSync(path, 2);
      peer.send('SEND OK\n');
    });
    const client = await connectTo(server);
    expect((await failure(sendTask(path, options).run(client))).message).toContain('changed while');
    await server.peers[0]?.gone;
    expect(server.peers[0]?.heard).toBe('SEND <a.data> SIZE 5\nhe');
  });

  test('check() refuses what cannot be sent', async () => {
    await expect(sendTask(localFile(''), options).check()).rejects.toThrow('it is empty');
    await expect(sendTask(temporaryDirectory(), options).check()).rejects.toThrow('it is a directory');
  });
});

describe('--compress=auto', () => {
  /** Sends two files, and tells what the server heard on each connection, and each file's fate. */
  async function compressed(
    script: Script,
    compress: 'yes' | 'auto' = 'auto',
  ): Promise<{ heard: string[]; told: string[] }> {
    const server = await startScripted(script);
    const compression = new Compression();
    const tasks = ['f1', 'f2'].map((name): Task =>
      sendTask(localFile('hello', name), { compress, compression }),
    );
    const told: string[] = [];
    await transfer(tasks, {
      servers: [server.host],
      connect: { port: server.port, idleMs: PATIENT_MS },
      report: ({ error }) => told.push(error?.name ?? 'sent'),
    });
    return { heard: server.peers.map(({ heard }) => heard.replaceAll(/PK.*QUIT/gs, 'PKQUIT')), told };
  }

  const knowsNoZsend: Script = async (peer, count) => {
    if (count > 0) return oblige(peer);
    await peer.line();
    peer.close();
  };

  test('a server that closes on ZSEND gets plain files over a new connection', async () => {
    const { heard, told } = await compressed(knowsNoZsend);
    expect(told).toEqual(['sent', 'sent']);
    expect(heard).toEqual([
      expect.stringMatching(/^ZSEND <f1> SIZE [0-9]+\n$/),
      'SEND <f1> SIZE 5\nhelloSEND <f2> SIZE 5\nhelloQUIT\n',
    ]);
  });

  test('-z alone does not fall back, and says what may be wrong', async () => {
    const { heard, told } = await compressed(knowsNoZsend, 'yes');
    expect(told).toEqual(['ClosedError', 'ClosedError']);
    expect(heard).toHaveLength(1);
  });

  test('a server that agreed to ZSEND and then closes is not taken for one that does not know it', async () => {
    const { heard, told } = await compressed(async (peer) => {
      await peer.answer('ZSEND OK\n');
      await peer.take(1);
      peer.close();
    });
    expect(told).toEqual(['ClosedError', 'ClosedError']);
    expect(heard).toHaveLength(1);
  });

  test('only a closed connection makes it fall back, and only once', () => {
    const task = sendTask('f', { compress: 'auto', compression: new Compression() });
    expect(task.fallBack?.(new ClosedError('closed'))).toBe(false);
    expect(task.fallBack?.(new RefusedError('no', ''))).toBe(false);
  });
});

describe('fetching', () => {
  test('the file appears under its base name, or another one', async () => {
    const directory = temporaryDirectory();
    const client = await connectTo(await startScripted((peer) => oblige(peer, undefined, '\0\xff')));
    const options = { move: false, compress: false };
    await fetchTask('dir/f.conf', directory, options).run(client);
    await fetchTask('f.conf', directory, { ...options, name: 'g' }).run(client);
    expect(readdirSync(directory)).toEqual(['f.conf', 'g']);
    expect(readFileSync(join(directory, 'g'), 'latin1')).toBe('\0\xff');
  });

  test('W16 MV: the file is synced and has its name before the next command', async () => {
    const directory = temporaryDirectory();
    const server = await startScripted(async (peer) => {
      await peer.answer('MV SIZE 5\n');
      journal.push(await peer.line());
      journal.length = 0;
      peer.send('hello');
      const next = await peer.line();
      journal.push(
        next,
        existsSync(join(directory, 'f')) ? readFileSync(join(directory, 'f'), 'latin1') : '',
      );
    });
    const client = await connectTo(server);
    await fetchTask('f', directory, { move: true, compress: false }).run(client);
    await client.quit();
    await expect.poll(() => journal).toEqual(['fsync', 'rename', 'fsync', 'QUIT\n', 'hello']);
  });
});
