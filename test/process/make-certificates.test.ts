/** --make-certificates as a program: what it leaves in the directory, and what it refuses. */
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { madeCertificates } from '../support/made-certificates.ts';
import { type Result, runServer } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const BOTH = [
  '--host',
  'tentacle.example',
  '--host',
  '10.0.0.1',
  '--host',
  '2001:DB8::1',
  '--client',
  'agent1',
];
const DAY = 86_400_000;

/** Every file with its bytes. */
function contents(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  );
}

function certificate(directory: string, name: string): X509Certificate {
  return new X509Certificate(readFileSync(join(directory, name)));
}

function make(directory: string, ...args: readonly string[]): Result {
  return runServer(['--make-certificates', directory, ...args]);
}

/** Says why, and has left the directory as it was, or not made it. */
function refuses(directory: string, args: readonly string[]): string {
  const before = existsSync(directory) ? contents(directory) : undefined;
  const { status, stdout, stderr } = make(directory, ...args);
  expect([status, stdout]).toEqual([1, '']);
  expect(existsSync(directory) ? contents(directory) : undefined).toEqual(before);
  return stderr;
}

function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

describe.each([
  { kind: 'ECDSA', more: [], type: 'ec' },
  { kind: 'RSA', more: ['--rsa'], type: 'rsa' },
])('$kind', ({ more, type }) => {
  test('keys only for their owner, whatever the umask, in a directory only for its owner', () => {
    const umask = process.umask(0);
    const { directory } = madeCertificates([...BOTH, ...more]);
    process.umask(umask);
    const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777]);
    expect(Object.fromEntries(modes)).toEqual({
      ...{ 'ca.pem': 0o644, 'server.pem': 0o644, 'agent1.pem': 0o644 },
      ...{ 'ca.key': 0o600, 'server.key': 0o600, 'agent1.key': 0o600 },
    });
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  test('names, kind of key, and how long', () => {
    const { directory } = madeCertificates([...BOTH, ...more]);
    const [ca, server, agent] = ['ca.pem', 'server.pem', 'agent1.pem'].map((name) =>
      certificate(directory, name),
    );
    expect(server?.subjectAltName).toBe(
      'DNS:tentacle.example, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1',
    );
    expect([server?.subject, agent?.subject, agent?.subjectAltName]).toEqual([
      ...['CN=tentacle.example', 'CN=agent1', 'DNS:agent1'],
    ]);
    for (const each of [ca, server, agent]) expect(each?.publicKey.asymmetricKeyType).toBe(type);
    const days = [ca, server, agent].map((each) =>
      Math.round((Date.parse(each?.validTo ?? '') - Date.parse(each?.validFrom ?? '')) / DAY),
    );
    expect(days).toEqual([3650, 825, 825]);
    expect(new Set([ca, server, agent].map((each) => each?.serialNumber)).size).toBe(3);
    expect(server?.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  testWith(['openssl'], 'openssl finds nothing wrong with them, each for what it is for', () => {
    const { directory } = madeCertificates([...BOTH, ...more]);
    const isGood = (name: string, purpose: string): boolean => {
      const args = ['verify', '-x509_strict', '-CAfile', join(directory, 'ca.pem'), '-purpose', purpose];
      return spawnSync('openssl', [...args, join(directory, name)]).status === 0;
    };
    expect(isGood('server.pem', 'sslserver')).toBe(true);
    // A proxy shows it to the next server.
    expect(isGood('server.pem', 'sslclient')).toBe(true);
    expect(isGood('agent1.pem', 'sslclient')).toBe(true);
    expect(isGood('agent1.pem', 'sslserver')).toBe(false);
    const text = openssl('x509', '-in', join(directory, 'ca.pem'), '-noout', '-text');
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0\s/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/);
  });
});

describe('a second time', () => {
  test('nothing that is there is touched, and what to do is said', () => {
    const { directory } = madeCertificates(BOTH);
    expect(refuses(directory, BOTH)).toMatch(
      /^\[err\] --make-certificates: \S+\/server\.pem exists already, and nothing was changed: for further clients leave out --host; to renew it, .* move server\.pem and server\.key away, and run this again$/m,
    );
    expect(refuses(directory, ['--client', 'agent2', '--client', 'agent1'])).toContain(
      'agent1.pem exists already, and nothing was changed: to renew it move agent1.pem and agent1.key away',
    );
    rmSync(join(directory, 'agent1.pem'));
    expect(refuses(directory, ['--client', 'agent1'])).toContain('agent1.key exists already');
  });

  test('further clients get certificates of the same CA, and their lines name the server as before', () => {
    const { directory } = madeCertificates(BOTH);
    const before = contents(directory);
    const { stdout } = madeCertificates(['--client', 'agent2'], directory);
    expect(contents(directory)).toMatchObject(before);
    const [ca, added] = [certificate(directory, 'ca.pem'), certificate(directory, 'agent2.pem')];
    expect(added.verify(ca.publicKey) && added.checkIssued(ca)).toBe(true);
    expect(stdout).toContain(`with the CA there, ${ca.subject} (ECDSA)`);
    expect(stdout).toContain('tentacle_client --check -a tentacle.example -e /etc/pandora/agent2.pem');
    expect(stdout).not.toMatch(/^ {2}(server|ca)\.pem/m);
  });

  test('a server is renewed once its files are moved away', () => {
    const { directory } = madeCertificates(['--host', 'old.example']);
    const authority = readFileSync(join(directory, 'ca.pem'), 'utf8');
    for (const name of ['server.pem', 'server.key'])
      renameSync(join(directory, name), join(directory, `${name}.old`));
    madeCertificates(['--host', 'new.example'], directory);
    expect(certificate(directory, 'server.pem').subjectAltName).toBe('DNS:new.example');
    expect(readFileSync(join(directory, 'ca.pem'), 'utf8')).toBe(authority);
  });

  test('no certificate outlives its CA, but a CA outlives what is made with it', () => {
    const long = madeCertificates(['--host', 'a.example', '--days', '5000']).directory;
    const end = certificate(long, 'ca.pem').validTo;
    expect(certificate(long, 'server.pem').validTo).toBe(end);
    madeCertificates(['--client', 'agent', '--days', '9000'], long);
    expect(certificate(long, 'agent.pem').validTo).toBe(end);
  });

  test('keys are of the kind of the CA that is there', () => {
    const { directory } = madeCertificates(['--host', 'a.example', '--rsa']);
    madeCertificates(['--client', 'agent'], directory);
    expect(certificate(directory, 'agent.pem').publicKey.asymmetricKeyType).toBe('rsa');
    const ecdsa = madeCertificates(['--host', 'a.example']).directory;
    expect(refuses(ecdsa, ['--client', 'agent', '--rsa'])).toContain(
      'ca.key is no RSA key, which --rsa is to spare',
    );
  });

  testWith(['openssl'], 'a CA that openssl made signs as well', () => {
    const directory = temporaryDirectory();
    const [pem, key] = [join(directory, 'ca.pem'), join(directory, 'ca.key')];
    openssl(
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '100', '-keyout', key, '-out', pem],
      ...['-subj', '/C=DE/O=Bücher & Söhne/CN=Our CA', '-utf8'],
    );
    madeCertificates(['--host', 'a.example'], directory);
    expect(openssl('verify', '-CAfile', pem, join(directory, 'server.pem'))).toMatch(/: OK\n$/);
  });

  test('a CA that cannot sign is refused, and what is wrong with it is said', () => {
    const { directory } = madeCertificates(['--host', 'a.example']);
    const other = madeCertificates(['--host', 'a.example']).directory;
    const client = ['--client', 'agent'];
    cpSync(join(other, 'ca.key'), join(directory, 'ca.key'));
    expect(refuses(directory, client)).toContain(
      'ca.key is not the private key of ca.pem; nothing was changed',
    );
    writeFileSync(join(directory, 'ca.key'), 'rubbish');
    expect(refuses(directory, client)).toContain('ca.key holds no private key in PEM form');
    rmSync(join(directory, 'ca.key'));
    expect(refuses(directory, client)).toContain(
      'ca.key cannot be read: it does not exist; nothing was changed',
    );
    cpSync(join(directory, 'server.pem'), join(other, 'ca.pem'));
    expect(refuses(other, client)).toContain('ca.pem is not the certificate of a CA');
  });
});

describe('names', () => {
  test('a wildcard, an international name and one in capitals', () => {
    const hosts = ['*.branch.example', 'bücher.example', 'TENTACLE.Example', 'tentacle.example', 'db_1'];
    const { directory, stdout } = madeCertificates(hosts.flatMap((host) => ['--host', host]));
    expect(certificate(directory, 'server.pem').subjectAltName).toBe(
      'DNS:*.branch.example, DNS:xn--bcher-kva.example, DNS:tentacle.example, DNS:db_1',
    );
    expect(stdout).toContain('server_ip xn--bcher-kva.example');
  });

  test('a name longer than a CN can be', () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.example`;
    const { directory } = madeCertificates(['--host', host, '--host', 'short.example']);
    const { subject, subjectAltName } = certificate(directory, 'server.pem');
    expect([subject, subjectAltName]).toEqual(['CN=short.example', `DNS:${host}, DNS:short.example`]);
  });

  test('of agents with blanks, accents and quotes: their files have plainer ones', () => {
    const names = ['branch 7', 'Büro', `it's; rm -rf "$HOME"`, 'subjectAltName=DNS:evil', 'x\u0301'];
    const { directory } = madeCertificates(names.flatMap((name) => ['--client', name]));
    const files = readdirSync(directory).filter((name) => name.endsWith('.key') && name !== 'ca.key');
    expect(files.sort()).toEqual(
      [
        'branch_7.key',
        'Büro.key',
        'it_s__rm_-rf___HOME_.key',
        'subjectAltName_DNS_evil.key',
        'x_.key',
      ].sort(),
    );
    expect(certificate(directory, 'it_s__rm_-rf___HOME_.pem').toLegacyObject().subject.CN).toBe(names[2]);
  });

  test.each([
    [
      ['--host', ''],
      '--host: "" is neither a host name nor an IP address: give it as agents have it in server_ip',
    ],
    [['--host', '10.0.0.256'], '--host: "10.0.0.256" is neither'],
    [['--host', 'a.example:41121'], '--host: "a.example:41121" is neither'],
    [['--host', 'a b'], '--host: "a b" is neither'],
    [['--host', 'a.example,DNS:evil'], '--host: "a.example,DNS:evil" is neither'],
    [['--host', 'fe80::1%eth0'], '--host: "fe80::1%eth0" is neither'],
    [['--host', 'a%2eb/c'], '--host: "a%2eb/c" is neither'],
    [['--host', 'ä/b'], '--host: "ä/b" is neither'],
    [['--host', '*'], '--host: "*" is too wide'],
    [['--host', '*.example'], '--host: "*.example" is too wide'],
    [['--host', 'a.*.example'], '--host: "a.*.example" is neither'],
    [['--client', ''], '--client: "" is no name: give the one of the agent, as in agent_name'],
    [['--client', '../x'], '--client: "../x" cannot be the name of a file'],
    [['--client', '/etc/passwd'], '--client: "/etc/passwd" cannot be the name of a file'],
    [['--client', '..'], '--client: ".." cannot be the name of a file'],
    [['--client', '-rf'], '--client: "-rf" cannot be the name of a file'],
    [['--client', 'a\nb'], String.raw`--client: "a\x0ab" holds what is no character that can be shown`],
    [['--client', 'CA'], '--client: "CA" is taken'],
    [['--client', 'server'], '--client: "server" is taken'],
    [['--client', 'a'.repeat(65)], 'is longer than the 64 characters'],
    [['--client', 'a b', '--client', 'a_b'], 'would have the same files, a_b.pem and .key'],
    [['--host', 'a.example', '--days', '0'], '--days: "0" is no number of days from 1 to 36500'],
    [['--host', 'a.example', '--days', '1e3'], '--days: "1e3" is no number of days'],
    [[], '--make-certificates: for whom? Give --host NAME_OR_IP'],
    [['--host', 'a.example', '--hots', 'b'], 'unknown option --hots; did you mean --host?'],
    [['--host', 'a.example', 'b.example'], 'word 5 belongs to no option'],
  ])('%j is refused before anything is made', (args, text) => {
    const directory = join(temporaryDirectory(), 'pki');
    expect(refuses(directory, args)).toContain(text);
    expect(existsSync(directory)).toBe(false);
  });

  test.each(['--host', '--client', '--days'])('%s alone does nothing, and says so', (option) => {
    const { status, stderr } = runServer([option, '1']);
    expect(status).toBe(1);
    expect(stderr).toContain(`[err] ${option}: does something only with --make-certificates\n`);
  });
});

describe('the directory', () => {
  test('may be relative, and need not be empty', () => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, 'pki'));
    writeFileSync(join(cwd, 'pki', 'notes'), 'mine');
    const { status, stdout } = runServer(['--make-certificates', 'pki', '--host', 'a.example'], { cwd });
    expect(status).toBe(0);
    expect(stdout).toContain(`install -m 640 -g pandora ${join(cwd, 'pki')}/server.pem`);
    expect(readFileSync(join(cwd, 'pki', 'notes'), 'utf8')).toBe('mine');
    expect(readdirSync(join(cwd, 'pki')).sort()).toEqual([
      ...['ca.key', 'ca.pem', 'notes', 'server.key', 'server.pem'],
    ]);
  });

  test('whose parent is missing, or that is a file, is refused', () => {
    const parent = temporaryDirectory();
    const args = ['--host', 'a.example'];
    expect(make(join(parent, 'no', 'pki'), ...args).stderr).toBe(
      `[err] --make-certificates: cannot make the directory ${parent}/no/pki: ${parent}/no does not exist\n`,
    );
    writeFileSync(join(parent, 'file'), '');
    expect(make(join(parent, 'file'), ...args).stderr).toContain('it is no directory');
  });

  test('in which one file cannot be written is left without any', () => {
    const directory = temporaryDirectory();
    // A dangling link is no file that could be read, but a name that is taken.
    execFileSync('ln', ['-s', '/nowhere/at/all', join(directory, 'zeta.pem')]);
    const { status, stderr } = make(directory, '--host', 'a.example', '--client', 'zeta');
    expect([status, stderr]).toEqual([
      1,
      `[err] --make-certificates: cannot write ${directory}/zeta.pem: it exists already; nothing was changed\n`,
    ]);
    expect(readdirSync(directory)).toEqual(['zeta.pem']);
  });

  testWith(['root'], 'that an ordinary user may not write is told', () => {
    const directory = temporaryDirectory();
    const program = temporaryDirectory();
    cpSync(resolve('dist/bin'), join(program, 'bin'), { recursive: true });
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(program, 'bin', 'tentacle_server.cjs'), '--make-certificates', directory, '--host', 'a.example'],
      { uid: 65_534, gid: 65_534, cwd: '/', encoding: 'utf8' },
    );
    expect(stderr).toMatch(
      /cannot write \S+\/ca\.key: permission denied for user \S+; nothing was changed\n$/,
    );
    expect(status).toBe(1);
  });
});

test('needs nothing but the bundle: no openssl, no node_modules, no settings', () => {
  const home = temporaryDirectory();
  cpSync(resolve('dist/bin'), join(home, 'bin'), { recursive: true });
  chmodSync(home, 0o755);
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(home, 'bin', 'tentacle_server.cjs'), '--make-certificates', 'pki', '--host', 'a.example'],
    { cwd: home, env: { PATH: '/nowhere' }, encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(existsSync(join(home, 'pki', 'server.pem'))).toBe(true);
});

test('settings beside it have no effect, and that is said', () => {
  const directory = join(temporaryDirectory(), 'pki');
  const { status, stderr } = make(directory, '--host', 'a.example', '-p', '7');
  expect([status, stderr]).toEqual([0, '[warning] -p, --port: has no effect beside --make-certificates\n']);
});
