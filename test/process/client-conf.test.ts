/** --conf proves an agent's configuration: its servers, options, password and secondary server. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { ClientProcess, runClient, startPeer } from '../support/client-program.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function conf(lines: readonly string[]): string {
  const path = join(temporaryDirectory(), 'pandora_agent.conf');
  writeFileSync(path, ['# Base config file', '', ...lines, 'module_begin', 'module_end', ''].join('\n'));
  return path;
}

function filesOf(...names: readonly string[]): string {
  const cwd = temporaryDirectory();
  for (const name of names) writeFileSync(join(cwd, name), name);
  return cwd;
}

interface Target {
  readonly spool: string;
  readonly port: number;
  /** Of a configuration file, with this prefix. */
  readonly lines: (prefix?: string) => readonly string[];
}

async function target(options: readonly string[] = []): Promise<Target> {
  const spool = temporarySpool();
  const { port } = await ServerProcess.start(['-s', spool, ...options]);
  return {
    spool,
    port,
    lines: (prefix = '') => [`${prefix}server_ip 127.0.0.1`, `${prefix}server_port ${String(port)}`],
  };
}

async function deadLines(prefix = ''): Promise<readonly string[]> {
  return [`${prefix}server_ip 127.0.0.1`, `${prefix}server_port ${String(await freePort())}`];
}

describe('C5 the server of the configuration', () => {
  test('server_ip, server_port and server_pwd', async () => {
    const { spool, lines } = await target(['-x', 'pass word']);
    const path = conf([...lines(), 'server_pwd pass word']);
    const cwd = filesOf('a.data');
    expect(await runClient(['--conf', path, 'a.data'], { cwd })).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  test('server_opts wins over server_pwd, as the later option; quotes group', async () => {
    const { lines } = await target(['-x', 'the right']);
    const path = conf([...lines(), 'server_pwd wrong', "server_opts -z -x 'the right'"]);
    expect(await runClient(['--conf', path, 'a.data'], { cwd: filesOf('a.data') })).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  testWith(['openssl'], 'server_ssl yes is -c', async () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    const { lines } = await target(['-e', cert, '-k', key]);
    const { code, stdout } = await runClient(['--check', '--conf', conf([...lines(), 'server_ssl yes'])]);
    expect(stdout).toMatch(/TLS: TLSv1\.3/);
    expect(code).toBe(0);
  });

  test('the command line and TENTACLE_EXT_OPTS win over it', async () => {
    const { spool, port } = await target(['-x', 'secret']);
    const path = conf([...(await deadLines()), 'server_pwd wrong']);
    const env = { TENTACLE_EXT_OPTS: '-x secret' };
    const result = await runClient(['--conf', path, '-p', String(port), 'a.data'], {
      cwd: filesOf('a.data'),
      env,
    });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  testWith(['openssl'], 'a relative certificate path works from here, with a warning', async () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('server');
    const { lines } = await target(['-e', cert, '-k', key]);
    const path = conf([...lines(), 'server_opts -f ca.pem']);
    const { code, stdout, stderr } = await runClient(['--check', '--conf', path], {
      cwd: join(authority.ca, '..'),
    });
    expect(stderr).toMatch(/^\[err\] .*-f: the path ca\.pem is not absolute[^\n]*\n$/);
    expect(stdout).toContain('server verified: yes');
    expect(code).toBe(0);
  });

  test.each([
    ['a file that is missing', () => '/missing/pandora_agent.conf', /\/missing\/pandora_agent\.conf/],
    ['an agent without Tentacle', () => conf(['transfer_mode local']), /does not use Tentacle/],
    [
      'an unknown option in server_opts',
      () => conf(['server_ip 127.0.0.1', 'server_opts --bogus']),
      /unknown option --bogus/,
    ],
  ])('%s is told', async (_name, path, says) => {
    const { code, stderr } = await runClient(['--conf', path(), 'a.data'], { cwd: filesOf('a.data') });
    expect(stderr).toMatch(/^\[err\] [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
  });
});

describe('C5 secondary_mode', () => {
  test('on_error: the secondary gets the file when the primary is dead', async () => {
    const { spool, lines } = await target();
    const path = conf([...(await deadLines()), ...lines('secondary_'), 'secondary_mode on_error']);
    const { code, stderr } = await runClient(['--conf', path, 'a.data'], { cwd: filesOf('a.data') });
    expect(stderr).toMatch(/connection refused/);
    expect(code).toBe(0);
    expect(readdirSync(spool)).toEqual(['a.data']);
  });

  test('on_error: the secondary gets nothing when the primary is well', async () => {
    const [primary, secondary] = [await target(), await target()];
    const path = conf([...primary.lines(), ...secondary.lines('secondary_'), 'secondary_mode on_error']);
    expect((await runClient(['--conf', path, 'a.data'], { cwd: filesOf('a.data') })).code).toBe(0);
    expect([readdirSync(primary.spool), readdirSync(secondary.spool)]).toEqual([['a.data'], []]);
  });

  test('on_error: the secondary gets only what the primary did not confirm, as the agent does it file by file', async () => {
    const [primary, secondary] = [await target(), await target()];
    writeFileSync(join(primary.spool, 'b.data'), 'old');
    const path = conf([...primary.lines(), ...secondary.lines('secondary_'), 'secondary_mode on_error']);
    const { code } = await runClient(['--conf', path, 'a.data', 'b.data'], {
      cwd: filesOf('a.data', 'b.data'),
    });
    expect(code).toBe(0);
    expect(readdirSync(primary.spool).sort()).toEqual(['a.data', 'b.data']);
    expect(readdirSync(secondary.spool)).toEqual(['b.data']);
  });

  test('always: both get the file, and one that is dead makes it exit 1', async () => {
    const [primary, secondary] = [await target(), await target()];
    const both = conf([...primary.lines(), ...secondary.lines('secondary_'), 'secondary_mode always']);
    expect((await runClient(['--conf', both, 'a.data'], { cwd: filesOf('a.data') })).code).toBe(0);
    expect([readdirSync(primary.spool), readdirSync(secondary.spool)]).toEqual([['a.data'], ['a.data']]);
    const one = conf([...primary.lines(), ...(await deadLines('secondary_')), 'secondary_mode always']);
    expect((await runClient(['--conf', one, 'b.data'], { cwd: filesOf('b.data') })).code).toBe(1);
  });

  test('never, which is the default: the secondary gets nothing', async () => {
    const { spool, lines } = await target();
    const path = conf([...(await deadLines()), ...lines('secondary_')]);
    expect((await runClient(['--conf', path, 'a.data'], { cwd: filesOf('a.data') })).code).toBe(1);
    expect(readdirSync(spool)).toEqual([]);
  });

  test('standard input reaches the secondary too', async () => {
    const { spool, lines } = await target();
    const path = conf([...(await deadLines()), ...lines('secondary_'), 'secondary_mode on_error']);
    const { code } = await runClient(['--conf', path, '--name', 'in.data', '-'], { input: 'hello' });
    expect(code).toBe(0);
    expect(readdirSync(spool)).toEqual(['in.data']);
  });

  test('a file that is missing here is told once', async () => {
    const [primary, secondary] = [await target(), await target()];
    const path = conf([...primary.lines(), ...secondary.lines('secondary_'), 'secondary_mode on_error']);
    const { code, stderr } = await runClient(['--conf', path, 'missing'], { cwd: temporaryDirectory() });
    expect(stderr).toBe('[err] Cannot read missing: it does not exist\n');
    expect(code).toBe(1);
  });

  test('SIGTERM ends it, instead of turning it to the secondary', async () => {
    const { spool, lines } = await target();
    let asked = (): void => undefined;
    const command = new Promise<void>((done) => (asked = done));
    const hanging = await startPeer(async (client) => {
      await client.line();
      asked();
      await client.rest();
    });
    const primary = ['server_ip 127.0.0.1', `server_port ${String(hanging)}`];
    const path = conf([...primary, ...lines('secondary_'), 'secondary_mode on_error']);
    const client = new ClientProcess(['--conf', path, 'a.data'], { cwd: filesOf('a.data') });
    await command;
    client.child.kill('SIGTERM');
    expect((await client.result).code).not.toBe(0);
    expect(readdirSync(spool)).toEqual([]);
  });
});

test('--check tries both servers of a configuration', async () => {
  const [primary, secondary] = [await target(), await target()];
  const path = conf([...primary.lines(), ...secondary.lines('secondary_'), 'secondary_mode on_error']);
  const { code, stdout } = await runClient(['--check', '--conf', path]);
  expect(stdout).toContain(`port ${String(primary.port)}: connected`);
  expect(stdout).toContain(`port ${String(secondary.port)}: connected`);
  expect(code).toBe(0);
});
