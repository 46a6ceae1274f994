/** How many are served at a time, and who has to leave for others. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { clientHello } from '../support/flood.ts';
import { ServerProcess } from '../support/program.ts';
import { temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that it ends nothing here. */
const PATIENT = ['-t', '60'];
const PASS = `PASS ${passwordDigest(Buffer.from('secret'))}\n`;

/** Sends one small file from the first byte to the server's close. */
async function deliver(port: number, name: string): Promise<void> {
  const dialogue = await Dialogue.open(port);
  expect(await dialogue.ask(`SEND <${name}> SIZE 4\n`)).toBe('SEND OK\n');
  expect(await dialogue.ask('data')).toBe('SEND OK\n');
  dialogue.send('QUIT\n');
  expect(await dialogue.rest()).toBe('');
}

function many<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)));
}

/** Says something, and resets the connection. */
async function beRude(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await new Promise<void>((said) => {
    socket.write(text, () => {
      said();
    });
  });
  socket.resetAndDestroy();
}

describe('max_connections', () => {
  test('further clients wait unanswered, and are served as soon as there is a place', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-c', '2', ...PATIENT]);
    const inside = await many(2, () => Dialogue.open(server.port));
    const busy = (): Promise<string[]> =>
      Promise.all(inside.map((dialogue) => dialogue.ask('RECV <nothing>\n')));
    await busy();
    const waiting = await Dialogue.open(server.port);
    let served = false;
    const answer = waiting.ask('RECV <waiting>\n').finally(() => (served = true));
    for (let round = 0; round < 20; round++) await busy();
    expect(served).toBe(false);
    inside[0]?.send('QUIT\n');
    expect(await answer).toBe('RECV ERR (file does not exist)\n');
    // The other one was not disturbed.
    expect(await inside[1]?.ask('RECV <nothing>\n')).toBe('RECV ERR (file does not exist)\n');
  });

  test('a crowd larger than it is served to the last', async () => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-c', '5', '--fsync', '0', ...PATIENT]);
    await many(60, (index) => deliver(server.port, `${String(index)}.data`));
    for (let index = 0; index < 60; index++) {
      expect(readFileSync(join(spool, `${String(index)}.data`), 'utf8')).toBe('data');
    }
  });

  test('silent sockets hold no place: an honest client does not even wait, and nobody leaves', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-c', '5', '-v', ...PATIENT]);
    const silent = [];
    for (let index = 0; index < 10; index++) silent.push(await Dialogue.open(server.port));
    for (const dialogue of silent.slice(5)) dialogue.send('RECV <half');
    await deliver(server.port, 'honest.data');
    expect(server.output).not.toContain('make room');
    // Whoever speaks in the end is served.
    expect(await silent[9]?.ask('>\n')).toBe('RECV ERR (file does not exist)\n');
  });

  test('sockets that fall silent after a command leave, too', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-c', '3', ...PATIENT]);
    for (let index = 0; index < 3; index++) {
      const dialogue = await Dialogue.open(server.port);
      expect(await dialogue.ask(`SEND <${String(index)}> SIZE 4\n`)).toBe('SEND OK\n');
    }
    await deliver(server.port, 'honest.data');
  });

  test('clients that come and go give their places back', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-c', '1', '-V', '-o', ...PATIENT]);
    for (let round = 0; round < 10; round++) {
      await beRude(server.port, round % 2 === 0 ? 'SEND <a> SIZE 9\nhalf' : 'nonsense\n');
      await deliver(server.port, 'a');
    }
    // Nobody had to be thrown out for that.
    expect(server.output).not.toContain('make room');
  });
});

test('half-done TLS handshakes do not keep an honest client out either', async () => {
  const { cert, key } = new CertificateAuthority().issue('server');
  const server = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key, ...PATIENT]);
  // As many as may be unfinished at a time.
  const hello = await clientHello();
  for (let index = 0; index < 256; index++) (await Dialogue.open(server.port)).send(hello);
  for (let round = 0; round < 3; round++) {
    const secure = connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false });
    onTestFinished(() => {
      secure.destroy();
    });
    expect(await new Dialogue(secure).ask('RECV <nothing>\n')).toBe('RECV ERR (file does not exist)\n');
  }
});

describe('a wrong password', () => {
  test('W10 is closed without text after about a second', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-x', 'secret', '-v', ...PATIENT]);
    const dialogue = await Dialogue.open(server.port);
    const start = performance.now();
    dialogue.send('PASS 0123456789abcdef0123456789abcdef\n');
    expect(await dialogue.rest()).toBe('');
    expect(performance.now() - start).toBeGreaterThan(900);
    expect(server.output.match(/\[err\]Invalid password from 127\.0\.0\.1 port \d+\.\n/g)).toHaveLength(1);
  });

  test('W10 holds no place meanwhile', async () => {
    const server = await ServerProcess.start([
      ...['-s', temporarySpool(), '-x', 'secret', '-c', '1', '-v', ...PATIENT],
    ]);
    const guessing = await Dialogue.open(server.port);
    let closed = false;
    const end = guessing.rest().finally(() => (closed = true));
    guessing.send('PASS 0123456789abcdef0123456789abcdef\n');
    await server.logged('Invalid password');
    const honest = await Dialogue.open(server.port);
    expect(await honest.ask(PASS)).toBe('PASS OK\n');
    expect(closed).toBe(false);
    await end;
  });

  test('W10 in place of a command is closed', async () => {
    const server = await ServerProcess.start(['-s', temporarySpool(), '-x', 'secret', '-v', ...PATIENT]);
    const dialogue = await Dialogue.open(server.port);
    dialogue.send('SEND <a> SIZE 1\n');
    expect(await dialogue.rest()).toBe('');
    await server.logged(/\[err\]Client 127\.0\.0\.1 port \d+ did not authenticate\.\n/);
  });
});

describe('W4 a peer that says nothing for timeout * (retries + 1) seconds is closed, with one log line', () => {
  const BIG = 'SEND <a> SIZE 100\n';
  test.each([
    ['before its first command', [], ''],
    ['in the middle of a line', [], 'SEND <a'],
    ['in the middle of a file', [BIG], 'half'],
    ['instead of RECV OK', ['RECV <there>\n'], ''],
    ['between commands', ['RECV <nothing>\n'], ''],
  ])('%s', async (_when, questions, last) => {
    const spool = temporarySpool();
    const server = await ServerProcess.start(['-s', spool, '-t', '1', '-r', '0', '-v']);
    await deliver(server.port, 'there');
    await server.logged("Received file 'there'");
    const before = server.output.length;
    const dialogue = await Dialogue.open(server.port);
    const start = performance.now();
    for (const question of questions) await dialogue.ask(question);
    dialogue.send(last);
    expect(await dialogue.rest()).toBe('');
    expect(performance.now() - start).toBeGreaterThan(900);
    expect(await server.stop()).toBe(0);
    const lines = server.output.slice(before).split('\n');
    const about = lines.filter((line) => line.includes('127.0.0.1 port') && !line.includes('does not exist'));
    expect(about).toEqual([
      expect.stringMatching(/\[err\]Connection from 127\.0\.0\.1 port \d+ timed out\.$/),
    ]);
  });
});

describe('a balancer that looks every other second whether somebody is there', () => {
  test.each([
    ['without a header', [], ''],
    ['with a header that names nobody', ['--proxy-protocol-accept', '127.0.0.1'], 'PROXY UNKNOWN\r\n'],
  ])('%s, and resets the connection, is not told of at -v', async (_how, options, header) => {
    const args = ['-s', temporarySpool(), '-v', '--workers', '1', ...options];
    const server = await ServerProcess.start(args);
    for (let look = 0; look < 5; look++) await lookAt(server.port, header);
    // Accepted after all of them.
    const socket = connect(server.port, '127.0.0.1');
    const dialogue = new Dialogue(socket);
    expect(await dialogue.ask(`${header}SEND <a> SIZE 4\n`)).toBe('SEND OK\n');
    socket.destroy();
    await server.logged('with 4 bytes of a file missing');
    expect(await server.stop()).toBe(0);
    expect(server.output.match(/unexpectedly closed/g)).toHaveLength(1);
  });

  function lookAt(port: number, header: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => {
        if (header === '') socket.resetAndDestroy();
        else socket.write(header, () => socket.resetAndDestroy());
      });
      socket.once('error', reject).once('close', () => {
        resolve();
      });
    });
  }
});
