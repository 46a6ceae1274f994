/** A reload: what it takes over, what it leaves alone, and who notices. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { ServerProcess, freePort } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** W4 far away, so that only what is tested ends anything. */
const PATIENT = 'timeout 60';
/** For a reload on a busy machine. */
const BUSY = { timeout: 20_000 };
const REFUSED = 'RECV ERR (file does not exist)\n';

function pass(password: string): string {
  return `PASS ${passwordDigest(Buffer.from(password))}\n`;
}

/** A server with a configuration file of these lines; `rewrite` replaces them. */
async function serverWith(
  lines: readonly string[],
  port?: number,
): Promise<{
  readonly server: ServerProcess;
  readonly conf: string;
  readonly spool: string;
  readonly rewrite: (lines: readonly string[]) => void;
}> {
  const conf = join(temporaryDirectory(), 'tentacle_server.conf');
  const spool = temporarySpool();
  const rewrite = (now: readonly string[]): void => {
    writeFileSync(`${conf}.new`, [`directory ${spool}`, 'addresses 127.0.0.1', ...now, ''].join('\n'));
    renameSync(`${conf}.new`, conf);
  };
  rewrite(lines);
  const server = await ServerProcess.start(['-F', conf, '-v'], port === undefined ? {} : { port });
  return { server, conf, spool, rewrite };
}

/** How often the server said it. */
function times(server: ServerProcess, text: string): number {
  return server.output.split(text).length - 1;
}

describe('SIGHUP', () => {
  test('new connections get the new settings, old ones keep theirs', async () => {
    const { server, rewrite } = await serverWith([PATIENT, 'password one']);
    const old = await Dialogue.open(server.port);
    expect(await old.ask(pass('one'))).toBe('PASS OK\n');
    const silent = await Dialogue.open(server.port);
    await server.logged('Server listening');
    rewrite([PATIENT, 'password two']);
    server.child.kill('SIGHUP');
    await server.logged('Reloaded');
    // Nobody is disturbed: neither between two commands, nor before the first one.
    expect(await old.ask('RECV <nothing>\n')).toBe(REFUSED);
    expect(await silent.ask(pass('one'))).toBe('PASS OK\n');
    const fresh = await Dialogue.open(server.port);
    expect(await fresh.ask(pass('two'))).toBe('PASS OK\n');
    expect(server.output).toMatch(/\[log\]Reloaded \(.*\): password: changed\.\n/);
    expect(server.output).not.toContain('two');
  });

  test('without any change serves on with new workers, and says so', async () => {
    const { server } = await serverWith([PATIENT]);
    const [before] = server.workers();
    server.child.kill('SIGHUP');
    await server.logged('Reloaded (SIGHUP): nothing changed.');
    await expect.poll(() => server.workers().includes(before ?? 0)).toBe(false);
    const fresh = await Dialogue.open(server.port);
    expect(await fresh.ask('RECV <nothing>\n')).toBe(REFUSED);
  });

  test('a transfer in progress goes on, and its file is stored', async () => {
    const { server, spool } = await serverWith([PATIENT]);
    const old = await Dialogue.open(server.port);
    expect(await old.ask('SEND <a.1.data> SIZE 6\n')).toBe('SEND OK\n');
    old.send('abc');
    server.child.kill('SIGHUP');
    await server.logged('Reloaded');
    expect(await old.ask('def')).toBe('SEND OK\n');
    expect(readFileSync(join(spool, 'a.1.data'), 'utf8')).toBe('abcdef');
    old.send('QUIT\n');
    expect(await old.rest()).toBe('');
  });

  test('drain_timeout ends what does not end by itself', async () => {
    const { server } = await serverWith([PATIENT, 'drain_timeout 1']);
    const old = await Dialogue.open(server.port);
    expect(await old.ask('RECV <nothing>\n')).toBe(REFUSED);
    server.child.kill('SIGHUP');
    await server.logged('Reloaded');
    expect(await old.rest()).toBe('');
  });

  test('several at once end in settings that are the last ones', async () => {
    const { server, rewrite } = await serverWith([PATIENT]);
    for (let round = 1; round <= 5; round++) {
      rewrite([PATIENT, `password p${String(round)}`]);
      server.child.kill('SIGHUP');
    }
    await server.logged('Reloaded');
    await expect
      .poll(async () => {
        const dialogue = await Dialogue.open(server.port);
        return dialogue.ask(pass('p5')).catch(() => 'closed');
      }, BUSY)
      .toBe('PASS OK\n');
  });
});

describe('a changed file', () => {
  test('is taken over without a signal', async () => {
    const { server, rewrite } = await serverWith([PATIENT, 'max_size 10']);
    rewrite([PATIENT, 'max_size 20']);
    await server.logged('Reloaded (a file changed): max_size: 10 -> 20.');
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask('SEND <a.1.data> SIZE 15\n')).toBe('SEND OK\n');
  });

  test('written with the same content changes nothing', async () => {
    const { server, rewrite } = await serverWith([PATIENT]);
    const before = server.workers();
    rewrite([PATIENT]);
    rewrite([PATIENT, 'max_size 77']);
    await server.logged('Reloaded');
    expect(times(server, 'Reloaded')).toBe(1);
    expect(server.output).toContain('max_size: 2000000 -> 77');
    await expect.poll(() => server.workers().some((pid) => before.includes(pid))).toBe(false);
  });

  test('that the refused settings name, and that was missing, is waited for', async () => {
    const { server, rewrite } = await serverWith([PATIENT]);
    const missing = join(temporaryDirectory(), 'password');
    rewrite([PATIENT, `password_file ${missing}`]);
    await server.logged(`password_file: cannot read ${missing}: it does not exist`);
    writeFileSync(missing, 'late', { mode: 0o600 });
    // Without a signal, and long before everything is looked at again anyway.
    await server.logged(`Reloaded (a file changed): password_file: none -> ${missing}`);
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(pass('late'))).toBe('PASS OK\n');
  });

  test('with mistakes changes nothing, names each with its line, and is tried again', async () => {
    const { server, conf, rewrite } = await serverWith([PATIENT, 'password one']);
    rewrite([PATIENT, 'max_size x', 'ssl_cert relative.pem']);
    await server.logged('the settings of before stay in force');
    expect(server.output).toContain(
      `[err]Reload refused: ${conf}:4: max_size must be a whole number, not "x".`,
    );
    expect(server.output).toContain(`[err]Reload refused: ${conf}:5: ssl_cert must be an absolute path`);
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(pass('one'))).toBe('PASS OK\n');
    rewrite([PATIENT, 'password two']);
    await server.logged('Reloaded (a file changed): password: changed.');
    expect(times(server, 'stay in force')).toBe(1);
  });

  test('with a word that nobody knows says so once, though nothing changes', async () => {
    const { server, conf, rewrite } = await serverWith([PATIENT, 'max_sise 10']);
    await server.logged(`[log]Warning: ${conf}:4: unknown token "max_sise"`);
    rewrite([PATIENT, 'max_sise 10', 'dirctory /tmp']);
    await server.logged(`[log]Warning: ${conf}:5: unknown token "dirctory"; did you mean "directory"?`);
    rewrite([PATIENT, 'max_size 10']);
    await server.logged('Reloaded');
    expect([times(server, '"max_sise"'), times(server, 'Reloaded')]).toEqual([1, 1]);
  });

  test('that is gone changes nothing until it is back', async () => {
    const { server, conf, rewrite } = await serverWith([PATIENT, 'max_size 10']);
    renameSync(conf, `${conf}.away`);
    await server.logged('cannot read the configuration file: it does not exist');
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask('SEND <a.1.data> SIZE 15\n')).toBe('SEND ERR (file is too big)\n');
    rewrite([PATIENT, 'max_size 30']);
    await server.logged('max_size: 10 -> 30');
  });

  test('what cannot change while it runs is named and kept', async () => {
    const { server, rewrite } = await serverWith([PATIENT]);
    rewrite([PATIENT, 'pid_file /nonexistent/pid', 'max_size 10']);
    await server.logged(/Reloaded.*max_size: 2000000 -> 10/);
    expect(server.output).toMatch(/kept until a restart: pid_file/);
  });

  test('the defaults file of the service counts, and wins over the inherited variable', async () => {
    const defaults = join(temporaryDirectory(), 'tentacle_serverd');
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    writeFileSync(conf, `directory ${temporarySpool()}\nmax_size 10\n`);
    const env = { TENTACLE_EXT_OPTS: '-m 20', TENTACLE_DEFAULTS_FILE: defaults };
    const server = await ServerProcess.start(['-F', conf, '-v'], { env });
    const ask = async (): Promise<string> => {
      const dialogue = await Dialogue.open(server.port);
      return dialogue.ask('SEND <a.1.data> SIZE 25\n');
    };
    expect(await ask()).toBe('SEND ERR (file is too big)\n');
    writeFileSync(defaults, 'TENTACLE_EXT_OPTS="-m 30 -x \'the secret\'"\n');
    await server.logged('Reloaded');
    const dialogue = await Dialogue.open(server.port);
    expect(await dialogue.ask(pass('the secret'))).toBe('PASS OK\n');
    expect(await dialogue.ask('SEND <a.1.data> SIZE 25\n')).toBe('SEND OK\n');
  });
});

describe('ports and addresses', () => {
  test('one address cannot become all of them without a restart, and the log says so', async () => {
    const port = await freePort();
    const { server, conf, spool } = await serverWith([PATIENT, `port ${String(port)}`], port);
    writeFileSync(conf, `directory ${spool}\naddresses 0.0.0.0\nport ${String(port)}\n`);
    await server.logged('the settings of before stay in force');
    expect(server.output).toContain('this server itself listens on that port, for other addresses');
    const dialogue = await Dialogue.open(port);
    expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
  });

  test('change without a lost session', async () => {
    const other = await freePort();
    const { server, rewrite } = await serverWith([PATIENT, `port ${String(other)}`], other);
    const old = await Dialogue.open(other);
    expect(await old.ask('RECV <nothing>\n')).toBe(REFUSED);
    const third = await freePort();
    rewrite([PATIENT, `port ${String(third)}`]);
    await server.logged(`port: ${String(other)} -> ${String(third)}`);
    await server.logged(`Server listening on 127.0.0.1 port ${String(third)} `);
    expect(await old.ask('RECV <nothing>\n')).toBe(REFUSED);
    const fresh = await Dialogue.open(third);
    expect(await fresh.ask('RECV <nothing>\n')).toBe(REFUSED);
    await expect
      .poll(() =>
        Dialogue.open(other).then(
          () => 'open',
          () => 'refused',
        ),
      )
      .toBe('refused');
  });

  test('a port in use changes nothing', async () => {
    const occupant = createServer();
    const taken = await new Promise<number>((resolve) => {
      occupant.listen(0, '127.0.0.1', () => {
        resolve((occupant.address() as { port: number }).port);
      });
    });
    onTestFinished(() => {
      occupant.close();
    });
    const mine = await freePort();
    const { server, rewrite } = await serverWith([PATIENT, `port ${String(mine)}`], mine);
    rewrite([PATIENT, `port ${String(taken)}`]);
    await server.logged('the settings of before stay in force');
    expect(server.output).toContain(`on port ${String(taken)}: another program is listening there`);
    const dialogue = await Dialogue.open(mine);
    expect(await dialogue.ask('RECV <nothing>\n')).toBe(REFUSED);
  });
});

describe('a reload that is refused', () => {
  test('loses nobody whom its workers served for a moment', async () => {
    const port = await freePort();
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(port, '127.0.0.2', resolve));
    onTestFinished(() => {
      occupant.close();
    });
    const { server, conf, spool } = await serverWith(['workers 2', `port ${String(port)}`], port);
    const lines = [
      `directory ${spool}`,
      'workers 2',
      `port ${String(port)}`,
      'addresses 127.0.0.1,127.0.0.2',
    ];
    writeFileSync(conf, [...lines, ''].join('\n'));
    const ROUNDS = 5;
    const failed: string[] = [];
    let sent = 0;
    const client = async (): Promise<void> => {
      while (times(server, 'Reload refused (SIGHUP)') < ROUNDS) {
        const answer = await deliver(port, `agent.${String(sent++)}.data`).catch((error: unknown) =>
          String(error),
        );
        if (answer !== 'OK') failed.push(answer);
      }
    };
    const clients = Array.from({ length: 4 }, client);
    for (let round = 1; round <= ROUNDS; round++) {
      server.child.kill('SIGHUP');
      await expect.poll(() => times(server, 'Reload refused (SIGHUP)'), BUSY).toBe(round);
    }
    await Promise.all(clients);
    expect(failed).toEqual([]);
    expect(readdirSync(spool)).toHaveLength(sent);
  }, 60_000);
});

/** The certificate that new connections are shown, as its SHA-256 fingerprint. */
function fingerprintShown(port: number): string {
  const shown = execFileSync('openssl', ['s_client', '-connect', `127.0.0.1:${String(port)}`], {
    input: '',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: shown }).toString();
}

function fingerprintOf(cert: string): string {
  return execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256', '-in', cert]).toString();
}

describe('S9 a renewed certificate', () => {
  testWith(['openssl'], 'written after its key or before it is shown to new connections', async () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('server');
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', '-e', cert, '-k', key]);
    expect(fingerprintShown(server.port)).toBe(fingerprintOf(cert));
    for (const order of [
      ['cert', 'key'],
      ['key', 'cert'],
    ] as const) {
      const renewed = authority.issue('server');
      const [first, second] = order;
      copyFileSync(renewed[first], { cert, key }[first]);
      // A tool that takes its time: the first half has been seen by now.
      await new Promise((resolve) => setTimeout(resolve, 400));
      copyFileSync(renewed[second], { cert, key }[second]);
      await expect
        .poll(() => fingerprintShown(server.port), { timeout: 20_000 })
        .toBe(fingerprintOf(renewed.cert));
    }
    expect(server.output).not.toContain('refused');
  });

  testWith(['openssl'], 'with the wrong key is refused, and the old one shown on', async () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('server');
    const before = fingerprintOf(cert);
    const server = await ServerProcess.start(['-s', temporarySpool(), '-v', '-e', cert, '-k', key]);
    copyFileSync(authority.issue('other').key, key);
    await server.logged('Reload refused: -k, --ssl-key: ssl_key is not the private key of ssl_cert');
    expect(fingerprintShown(server.port)).toBe(before);
  });
});

/** `npm run test:soak` asks for 20,000. */
const TRANSFERS = Number(process.env.TENTACLE_TRANSFERS ?? 1000);

test(`20 reloads during ${String(TRANSFERS)} transfers: all of them OK`, async () => {
  const RELOADS = 20;
  const CLIENTS = 16;
  const { server, spool, rewrite } = await serverWith(['fsync 0', 'workers 2']);
  let sent = 0;
  let reloads = 0;
  const failed: string[] = [];
  const client = async (): Promise<void> => {
    while (sent < TRANSFERS) {
      const name = `agent.${String(sent++)}.data`;
      if (sent % (TRANSFERS / RELOADS) === 0) {
        rewrite(['fsync 0', 'workers 2', `max_size ${String(1000 + reloads++)}`]);
        server.child.kill('SIGHUP');
      }
      const answer = await deliver(server.port, name).catch((error: unknown) => String(error));
      if (answer !== 'OK') failed.push(`${name}: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  expect(failed).toEqual([]);
  expect(readdirSync(spool)).toHaveLength(TRANSFERS);
  await server.logged(`-> ${String(1000 + RELOADS - 1)}`);
}, 180_000);

/** Sends one small file on a connection of its own. */
async function deliver(port: number, name: string): Promise<string> {
  const dialogue = await Dialogue.open(port);
  try {
    if ((await dialogue.ask(`SEND <${name}> SIZE 4\n`)) !== 'SEND OK\n') return 'refused';
    if ((await dialogue.ask('data')) !== 'SEND OK\n') return 'not stored';
    dialogue.send('QUIT\n');
    return (await dialogue.rest()) === '' ? 'OK' : 'more than asked for';
  } finally {
    dialogue.stream.destroy();
  }
}
