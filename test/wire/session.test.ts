/** What a conversation means for the files, beyond the words that the recordings pin. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

/** Waits until the worker logged a line that matches. */
async function logged({ log }: TestWorker, pattern: RegExp): Promise<void> {
  await expect.poll(() => log.some((line) => pattern.test(line)), { timeout: 20_000 }).toBe(true);
}

describe('W16 MV', () => {
  async function moved(spool: string, then: (client: Dialogue) => Promise<unknown>): Promise<TestWorker> {
    writeFileSync(join(spool, 'm.data'), 'move me');
    const worker = await startWorker({ directory: spool, insecure: '1' });
    const client = await Dialogue.open(worker.port);
    expect(await client.ask('MV <m.data>\n')).toBe('MV SIZE 7\n');
    client.send('MV OK\n');
    expect(await client.take(7)).toBe('move me');
    expect(existsSync(join(spool, 'm.data'))).toBe(true);
    await then(client);
    return worker;
  }

  test.each(['QUIT\n', 'MV <nope>\n', 'SEND <b.data> SIZE 1\n'])(
    'deletes after the next command %j',
    async (next) => {
      const spool = temporarySpool();
      const worker = await moved(spool, (client) => {
        client.send(next);
        return Promise.resolve();
      });
      await logged(worker, /Requested file 'm\.data' .* sent and deleted/);
      expect(existsSync(join(spool, 'm.data'))).toBe(false);
    },
  );

  test('a bare close leaves the file, since a killed client closes too', async () => {
    const spool = temporarySpool();
    const worker = await moved(spool, (client) => {
      client.stream.end();
      return client.rest();
    });
    await logged(worker, /Connection closed from/);
    expect(readFileSync(join(spool, 'm.data'), 'utf8')).toBe('move me');
  });

  test('garbage instead of a command leaves the file', async () => {
    const spool = temporarySpool();
    const worker = await moved(spool, (client) => {
      client.send('mv ok\n');
      return client.rest();
    });
    await logged(worker, /Unknown command 'mv ok'/);
    expect(existsSync(join(spool, 'm.data'))).toBe(true);
  });

  test('a file that took the name meanwhile stays', async () => {
    const spool = temporarySpool();
    const worker = await moved(spool, (client) => {
      execFileSync('mv', [join(spool, 'm.data'), join(spool, 'kept')]);
      writeFileSync(join(spool, 'm.data'), 'new');
      client.send('QUIT\n');
      return client.rest();
    });
    await logged(worker, /Requested file 'm\.data' .* not deleted: another took its name/);
    expect(readFileSync(join(spool, 'm.data'), 'utf8')).toBe('new');
  });
});

describe('W13 RECV', () => {
  test('serves regular files only, and does not wait for a FIFO', async () => {
    const spool = temporarySpool();
    execFileSync('mkfifo', [join(spool, 'fifo')]);
    mkdirSync(join(spool, 'directory'));
    symlinkSync('/etc/passwd', join(spool, 'link'));
    const { port } = await startWorker({ directory: spool });
    const client = await Dialogue.open(port);
    for (const name of ['fifo', 'directory', 'link']) {
      expect(await client.ask(`RECV <${name}>\n`)).toBe('RECV ERR (file does not exist)\n');
    }
  });

  test('a shell never sees a name', async () => {
    const spool = temporarySpool();
    const { port } = await startWorker({ directory: spool });
    const client = await Dialogue.open(port);
    const name = '`touch pwned`|touch pwned|$(touch pwned)';
    expect(await client.ask(`RECV <${name}>\n`)).toBe('RECV ERR (file does not exist)\n');
    expect(await client.ask(`SEND <${name}> SIZE 1\n`)).toBe('SEND OK\n');
    expect(await client.ask('x')).toBe('SEND OK\n');
    expect(readFileSync(join(spool, name), 'utf8')).toBe('x');
    expect(existsSync('pwned')).toBe(false);
  });

  test.each([
    [
      'shorter',
      (path: string) => {
        truncateSync(path, 10);
      },
    ],
    [
      'longer',
      (path: string) => {
        writeFileSync(path, 'more', { flag: 'a' });
      },
    ],
  ])(
    'a file that becomes %s ends the connection before the announced size is reached',
    async (_how, change) => {
      const spool = temporarySpool();
      const size = 20_000_000;
      writeFileSync(join(spool, 'big.data'), Buffer.alloc(size, 'x'));
      const worker = await startWorker({ directory: spool, timeout: '5' });
      const client = await Dialogue.open(worker.port);
      expect(await client.ask('RECV <big.data>\n')).toBe(`RECV SIZE ${String(size)}\n`);
      client.send('RECV OK\n');
      await client.take(1);
      change(join(spool, 'big.data'));
      expect((await client.rest()).length).toBeLessThan(size - 1);
      await logged(worker, /changed while it was being sent/);
    },
  );
});

describe('N3 nothing half-written', () => {
  test.each([
    [
      'closes',
      (client: Dialogue) => {
        client.stream.end();
      },
    ],
    [
      'resets',
      (client: Dialogue) => {
        client.stream.destroy();
      },
    ],
  ])('a client that %s in mid-file leaves nothing', async (_how, end) => {
    const spool = temporarySpool();
    const worker = await startWorker({ directory: spool });
    const client = await Dialogue.open(worker.port);
    expect(await client.ask('SEND <a.1.data> SIZE 1000\n')).toBe('SEND OK\n');
    client.send('x'.repeat(999));
    end(client);
    await logged(worker, /unexpectedly closed/);
    await expect.poll(() => execFileSync('ls', ['-A', spool], { encoding: 'utf8' })).toBe('');
  });

  test('W11 two clients with one new name: exactly one OK, every time', async () => {
    const spool = temporarySpool();
    const { port } = await startWorker({ directory: spool });
    const clients = await Promise.all([Dialogue.open(port), Dialogue.open(port)]);
    for (let round = 0; round < 25; round++) {
      const name = `a.${String(round)}.data`;
      const first = await Promise.all(clients.map((client) => client.ask(`SEND <${name}> SIZE 4\n`)));
      expect(first).toEqual(['SEND OK\n', 'SEND OK\n']);
      const second = await Promise.all(clients.map((client, index) => client.ask(`${String(index)}abc`)));
      expect([...second].sort()).toEqual(['SEND ERR (file already exists)\n', 'SEND OK\n']);
      const winner = second.indexOf('SEND OK\n');
      expect(readFileSync(join(spool, name), 'utf8')).toBe(`${String(winner)}abc`);
    }
  });
});

describe('ZIP', () => {
  test('T2 a bomb is refused, nothing is stored, and the session goes on', async () => {
    const spool = temporarySpool();
    const { port } = await startWorker({ directory: spool });
    const client = await Dialogue.open(port);
    const bomb = readFileSync('test/testdata/zip/bomb-30m.zip');
    expect(await client.ask(`ZSEND <bomb.data> SIZE ${String(bomb.length)}\n`)).toBe('ZSEND OK\n');
    expect(await client.ask(bomb)).toBe('ZSEND ERR (file is too big)\n');
    expect(await client.ask('RECV <bomb.data>\n')).toBe('RECV ERR (file does not exist)\n');
  });

  test.each(['empty', 'named', 'one-byte', 'stored', 'text-10k'])('W12 stores %s unpacked', async (name) => {
    const spool = temporarySpool();
    const { port } = await startWorker({ directory: spool });
    const client = await Dialogue.open(port);
    const archive = readFileSync(`test/testdata/zip/${name}.zip`);
    expect(await client.ask(`ZSEND <z.data> SIZE ${String(archive.length)}\n`)).toBe('ZSEND OK\n');
    expect(await client.ask(archive)).toBe('ZSEND OK\n');
    expect(readFileSync(join(spool, 'z.data')).equals(readFileSync(`test/testdata/zip/${name}.raw`))).toBe(
      true,
    );
  });
});

test('a client that resets while the worker drains does not fail the drain', async () => {
  const worker = await startWorker({ directory: temporarySpool(), drain_timeout: '60' });
  const socket = connect({ port: worker.port, host: '127.0.0.1' });
  const client = new Dialogue(socket);
  expect(await client.ask('SEND <a> SIZE 9\n')).toBe('SEND OK\n');
  const drained = worker.worker.drain();
  socket.resetAndDestroy();
  expect(await drained).toBe(0);
});
