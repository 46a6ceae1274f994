/** What --make-certificates makes and prints, pasted as it stands, in the set-ups of the security guide. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { describe, expect, onTestFinished } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import { type ClientResult, runClient } from '../support/client-program.ts';
import { Dialogue } from '../support/dialogue.ts';
import { type MadeCertificates, madeCertificates } from '../support/made-certificates.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NAMES = ['--host', '127.0.0.1', '--host', 'localhost', '--client', 'agent1'];
const KINDS = [
  { kind: 'ECDSA', args: NAMES },
  { kind: 'RSA', args: [...NAMES, '--rsa'] },
];
const TLS_SET_UPS = ['S2', 'S3', 'S4', 'S5'];
const PASSWORDS = [
  { password: undefined, name: 'without a password' },
  { password: 'SECRET', name: 'with a password' },
];
const SENT = Buffer.alloc(20_000, '<agent_data/>\n');

interface SetUp {
  readonly made: MadeCertificates;
  readonly name: string;
  readonly password?: string | undefined;
  /** Further lines of the server's configuration. */
  readonly more?: readonly string[];
}

interface Running {
  readonly server: ServerProcess;
  readonly spool: string;
}

function fileWith(name: string, lines: readonly string[]): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  return path;
}

/** A server with the printed lines in its configuration file. */
async function serverOf({ made, name, password, more = [] }: SetUp): Promise<Running> {
  const spool = temporarySpool();
  const port = await freePort();
  const conf = fileWith('tentacle_server.conf', [
    ...[`directory ${spool}`, 'addresses 127.0.0.1', `port ${String(port)}`],
    ...made.lines(name, 'tentacle_server.conf'),
    ...(password === undefined ? [] : made.lines(name, 'with a password, also in tentacle_server.conf')),
    ...more,
  ]);
  return { server: await ServerProcess.start(['-F', conf, '-v'], { port }), spool };
}

/** Sends SENT as an agent would whose configuration has these lines. */
function sendAs(conf: string, file: string, port: number, lines: readonly string[]): Promise<ClientResult> {
  const path = fileWith(conf, [...lines, `server_port ${String(port)}`]);
  const data = join(temporaryDirectory(), file);
  writeFileSync(data, SENT);
  return runClient(['--conf', path, data]);
}

/** The printed command, but for its port. */
function byHand(line: string | undefined, port: number): string {
  if (line === undefined) throw new Error('nothing to do by hand');
  return line.replace(':41121', `:${String(port)}`);
}

/** A dialogue through the printed s_client. */
function sClient(line: string | undefined, port: number): Dialogue {
  const command = byHand(line, port).replace('-brief', '-quiet -no_ign_eof').replace('</dev/null', '');
  const child = spawn('sh', ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  child.stdin.on('error', () => undefined);
  return new Dialogue(Duplex.from({ readable: child.stdout, writable: child.stdin }));
}

/** Runs a command of a shell beside the server. */
function shell(command: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  return new Promise((done) => {
    execFile('sh', ['-c', `${command} 2>&1`], { env: { ...process.env, ...env } }, (_error, stdout) => {
      done(stdout);
    });
  });
}

describe.each(KINDS)('$kind', ({ args }) => {
  for (const name of TLS_SET_UPS) {
    for (const { password, name: how } of PASSWORDS) {
      testWith(['openssl'], `${name} ${how}: agent, satellite, the checks by hand, s_client`, async () => {
        const made = madeCertificates(args);
        const { server, spool } = await serverOf({ made, name, password });
        const { port } = server;
        const withPassword = password !== undefined;
        const instead = withPassword ? 'with a password, instead' : undefined;

        const agent = [
          ...made.lines(name, 'pandora_agent.conf'),
          ...(withPassword ? made.lines(name, 'with a password, also in pandora_agent.conf') : []),
        ];
        const satellite = [
          ...made.lines(name, 'satellite_server.conf'),
          ...(instead === undefined ? [] : made.lines(name, `${instead} in satellite_server.conf`)),
        ];
        const good = { code: 0, stdout: '', stderr: '' };
        expect(await sendAs('pandora_agent.conf', 'agent.1.data', port, agent)).toEqual(good);
        expect(await sendAs('satellite_server.conf', 'satellite.1.data', port, satellite)).toEqual(good);
        for (const file of ['agent.1.data', 'satellite.1.data'])
          expect(readFileSync(join(spool, file)).equals(SENT)).toBe(true);

        const [plainCheck, openssl] = made.lines(name, 'by hand');
        const check = instead === undefined ? plainCheck : made.lines(name, `${instead} by hand`)[0];
        const [, ...words] = check?.split(' ') ?? [];
        const checked = await runClient([...words, '-p', String(port)]);
        const verified = name === 'S3' || name === 'S5';
        expect(checked.stdout).toContain(`server verified: ${verified ? 'yes' : 'no'}`);
        expect(checked.code).toBe(0);

        const looked = await shell(byHand(openssl, port));
        expect(looked).toContain('CONNECTION ESTABLISHED');
        if (verified) expect(looked).toMatch(/^Verification: OK$/m);

        const dialogue = sClient(openssl, port);
        if (withPassword)
          expect(await dialogue.ask(`PASS ${passwordDigest(Buffer.from(password))}\n`)).toBe('PASS OK\n');
        expect(await dialogue.ask('SEND <by-hand.1.data> SIZE 5\n')).toBe('SEND OK\n');
        expect(await dialogue.ask('hello')).toBe('SEND OK\n');
      });
    }
  }

  for (const { password, name: how } of PASSWORDS) {
    testWith(['tentacle_client'], `S2 ${how}: the Perl client of Debian`, async () => {
      const made = madeCertificates(args);
      const { server, spool } = await serverOf({ made, name: 'S2', password });
      const file = join(temporaryDirectory(), 'perl.1.data');
      writeFileSync(file, SENT);
      const options = `-v -a 127.0.0.1 -p ${String(server.port)} -c ${password === undefined ? '' : `-x ${password}`}`;
      // As the text says: today's IO::Socket::SSL verifies by default.
      const [, variable = ''] = /(SSL_CERT_FILE)=\/etc\/pandora\/ca\.pem/.exec(made.stdout) ?? [];
      const env = { [variable]: join(made.directory, 'ca.pem') };
      expect(await shell(`/usr/bin/tentacle_client ${options} ${file}`, env)).toContain('File sent');
      expect(readFileSync(join(spool, 'perl.1.data')).equals(SENT)).toBe(true);
    });
  }

  testWith(['openssl'], 'S4 S5 a client of another CA that was made in the same way is refused', async () => {
    const [made, other] = [madeCertificates(args), madeCertificates(args)];
    const { server } = await serverOf({ made, name: 'S5' });
    const lines = other.lines('S4', 'pandora_agent.conf');
    const result = await sendAs('pandora_agent.conf', 'a.1.data', server.port, lines);
    expect(result.code).toBe(1);
    await server.logged('(CN=agent1) is refused: no CA in ssl_ca signed it (');
    // Nor is the server believed by the other's client.
    const verifying = other.lines('S3', 'pandora_agent.conf');
    const { stderr } = await sendAs('pandora_agent.conf', 'a.1.data', server.port, verifying);
    expect(stderr).toMatch(/no CA of the .* file signed the certificate of the server/);
  });

  testWith(['openssl'], 'S5 an agent that is added later; ssl_client_files goes by its name', async () => {
    const made = madeCertificates(args);
    const { server, spool } = await serverOf({ made, name: 'S5', more: ['ssl_client_files 1'] });
    const later = madeCertificates(['--client', 'branch 7'], made.directory);
    const agent = later.lines('S5', 'pandora_agent.conf');
    expect(agent.join()).toContain('branch_7.pem');
    const send = (file: string): Promise<ClientResult> =>
      sendAs('pandora_agent.conf', file, server.port, agent);
    expect(await send('branch 7.12.data')).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(join(spool, 'branch 7.12.data')).equals(SENT)).toBe(true);
    expect((await send('agent1.12.data')).code).toBe(1);
  });
});

testWith(['openssl'], 'the lines for a proxy: both sides verify it, by the same certificate', async () => {
  const made = madeCertificates([...NAMES, '--host', 'proxy.example']);
  const centre = await serverOf({ made, name: 'S5' });
  const port = await freePort();
  const conf = fileWith('tentacle_server.conf', [
    ...['addresses 127.0.0.1', `port ${String(port)}`],
    ...made
      .lines('The server as a proxy', 'tentacle_server.conf')
      .map((line) => line.replace('CENTRE', `127.0.0.1:${String(centre.server.port)}`)),
  ]);
  await ServerProcess.start(['-F', conf], { port });
  const agent = made.lines('S5', 'pandora_agent.conf');
  expect(await sendAs('pandora_agent.conf', 'a.1.data', port, agent)).toMatchObject({ code: 0 });
  expect(readFileSync(join(centre.spool, 'a.1.data')).equals(SENT)).toBe(true);
  await centre.server.logged('(CN=127.0.0.1)');
});
