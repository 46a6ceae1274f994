/** What a start is given: its directory, the defaults file, and which files to watch. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  DEFAULT_CONF_FILE,
  loadSettings,
  readRequest,
  type Request,
  type Start,
} from '../../../src/settings/load.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { isRoot } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

function start(given: Partial<Start>): Start {
  return { words: [], extOpts: undefined, directory: '/nowhere', defaultsFile: '', ...given };
}

/** A defaults file in a directory of its own. */
function defaults(content: string, mode = 0o640): string {
  const path = join(temporaryDirectory(), 'tentacle_serverd');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function port({ values, sources }: Request): [number, string] {
  return [values.port, sources.port];
}

describe('the defaults file', () => {
  test('wins over the inherited variable, and is named by its line', async () => {
    const file = defaults('# ours\n\nTENTACLE_EXT_OPTS="-p 7"\n');
    const asked = await readRequest(start({ words: ['-v'], extOpts: '-p 6 -r 9', defaultsFile: file }));
    expect(port(asked)).toEqual([7, `${file}:3 -p, --port`]);
    expect(asked.values.retries).toBe(3);
    expect(asked.files).toEqual([file]);
  });

  test('wins even when it is empty; the command line wins over it', async () => {
    const empty = defaults('TENTACLE_EXT_OPTS=""\n');
    expect(port(await readRequest(start({ words: ['-v'], extOpts: '-p 6', defaultsFile: empty })))).toEqual([
      ...[41121, 'default'],
    ]);
    const file = defaults('TENTACLE_EXT_OPTS="-p 7"\n');
    const asked = await readRequest(start({ words: ['-p8'], extOpts: '', defaultsFile: file }));
    expect(port(asked)).toEqual([8, '-p, --port']);
  });

  test('that does not speak of the variable leaves the inherited one', async () => {
    const file = defaults('TENTACLE_USER=pandora\n');
    const asked = await readRequest(start({ words: ['-v'], extOpts: '-p 6', defaultsFile: file }));
    expect(port(asked)).toEqual([6, 'TENTACLE_EXT_OPTS -p, --port']);
  });

  test('P3 is not for a server that somebody starts by hand', async () => {
    const file = defaults('TENTACLE_EXT_OPTS="-p 7"\n');
    for (const words of [
      ['-b', '10.0.0.1'],
      ['-F', '/other.conf'],
      ['-F', 'etc/tentacle_server.conf'],
    ]) {
      const asked = await readRequest(start({ words, defaultsFile: file }));
      expect(port(asked)).toEqual([41121, 'default']);
      expect(asked.files).not.toContain(file);
    }
  });

  test.each([
    { how: 'the variable is there, if empty', given: { words: ['-v'], extOpts: '' } },
    { how: 'the configuration file is the default one', given: { words: ['-F', DEFAULT_CONF_FILE] } },
    { how: 'so by a relative path', given: { words: ['-F', DEFAULT_CONF_FILE.slice(1)], directory: '/' } },
    { how: 'so because nothing else was asked for', given: {} },
    { how: 'so because the command line sets nothing', given: { words: ['--status', '--watch'] } },
  ])('is for the service: $how', async ({ given }) => {
    const file = defaults('TENTACLE_EXT_OPTS="-p 7"\n');
    expect(port(await readRequest(start({ ...given, defaultsFile: file })))[0]).toBe(7);
  });

  test('may be missing, but is watched for', async () => {
    const asked = await readRequest(start({ words: ['-v'], extOpts: '-p 6', defaultsFile: '/none/file' }));
    expect(asked.problems).toEqual([]);
    expect(asked.values.port).toBe(6);
    expect(asked.files).toEqual(['/none/file']);
  });

  test('that cannot be read is a warning, and the inherited variable counts', async () => {
    const directory = temporaryDirectory();
    const asked = await readRequest(start({ words: ['-v'], extOpts: '-p 6', defaultsFile: directory }));
    expect(asked.values.port).toBe(6);
    expect(asked.problems).toEqual([
      {
        severity: 'warning',
        source: directory,
        text: 'cannot read it: it is a directory; the inherited TENTACLE_EXT_OPTS counts',
      },
    ]);
  });

  test('that is forbidden is a warning too', async () => {
    const file = defaults('TENTACLE_EXT_OPTS="-p 7"\n', 0o000);
    if (isRoot) process.seteuid?.('nobody');
    try {
      const asked = await readRequest(start({ words: ['-v'], extOpts: '-p 6', defaultsFile: file }));
      expect(asked.values.port).toBe(6);
      expect(asked.problems).toMatchObject([{ severity: 'warning', source: file }]);
    } finally {
      if (isRoot) process.seteuid?.('root');
    }
  });

  test('with a mistake is told with its line', async () => {
    const file = defaults('TENTACLE_EXT_OPTS="-p 0"\n');
    const { problems } = await readRequest(start({ words: ['-v'], extOpts: '', defaultsFile: file }));
    expect(problems.map(({ source }) => source)).toEqual([`${file}:1 -p, --port`]);
  });

  test('with a password that all can read is warned about', async () => {
    const file = defaults('TENTACLE_EXT_OPTS="-x pw"\n', 0o644);
    const { problems } = await readRequest(start({ words: ['-v'], extOpts: '', defaultsFile: file }));
    expect(problems).toMatchObject([
      { severity: 'warning', text: expect.stringContaining('chmod o-r') as unknown },
    ]);
  });

  test('may name the configuration file', async () => {
    const conf = defaults('port 9\n');
    const file = defaults(`TENTACLE_EXT_OPTS="-F ${conf}"\n`);
    const asked = await readRequest(start({ words: ['-v'], extOpts: '', defaultsFile: file }));
    expect([asked.confFile, asked.values.port]).toEqual([conf, 9]);
    expect(asked.files).toEqual([file, conf]);
  });
});

describe('the directory of the start', () => {
  test('is where relative paths count from, wherever the process is now', async () => {
    const directory = join(temporaryDirectory(), 'größe');
    mkdirSync(directory);
    writeFileSync(join(directory, 'my.conf'), 'directory data_in\nlog_file ../server.log\n');
    const asked = await readRequest(start({ words: ['-F', 'my.conf', '-e', 'a.pem'], directory }));
    expect(asked.problems).toEqual([]);
    expect(asked.confFile).toBe(join(directory, 'my.conf'));
    const { directory: spool = '', log_file: log = '', ssl_cert: cert = '' } = asked.values;
    expect([spool, log, cert].map((path) => Buffer.from(path, 'latin1').toString())).toEqual([
      join(directory, 'data_in'),
      join(directory, '../server.log'),
      join(directory, 'a.pem'),
    ]);
    expect(asked.files).toEqual([join(directory, 'my.conf'), join(directory, 'a.pem')]);
  });

  test('is nothing to absolute paths, nor to standard output', async () => {
    const { values } = await readRequest(start({ words: ['-s', '/a/../spool', '-l', '-'] }));
    expect([values.directory, values.log_file]).toEqual(['/a/../spool', '-']);
  });
});

test('the default file is read when the command line sets nothing, whatever it asks', async () => {
  for (const words of [[], ['--check'], ['--queue'], ['--status', '--json']]) {
    const { files, confFile, unreadable } = await readRequest(start({ words }));
    // It is watched for, and need not be there.
    expect([files, unreadable]).toEqual([[DEFAULT_CONF_FILE], false]);
    expect([undefined, DEFAULT_CONF_FILE]).toContain(confFile);
  }
  for (const words of [['--check', '-s', '/spool'], ['--status', '--status-address', '127.0.0.1:1'], ['-v']])
    expect((await readRequest(start({ words }))).files).toEqual([]);
});

test('every file that counts is named, once', async () => {
  const { cert } = new CertificateAuthority().issue('server');
  const conf = defaults(`ssl_cert ${cert}\nssl_key ${cert}\npassword_file /p\n`);
  const words = ['-F', conf, '-f', '/ca', '--ssl-password-file', '/q'];
  expect((await readRequest(start({ words }))).files).toEqual([conf, cert, '/ca', '/p', '/q']);
  expect((await readRequest(start({}))).files).toEqual([DEFAULT_CONF_FILE]);
});

test('so are those of the way to the upstream', async () => {
  const conf = defaults('proxy_ssl_ca /ca\nproxy_password_file /p\n');
  const words = ['-F', conf, '--proxy-ssl-cert', 'cert', '--proxy-ssl-key=/key'];
  expect((await readRequest(start({ words }))).files).toEqual([conf, '/nowhere/cert', '/key', '/ca', '/p']);
});

test('S8 a reload opens the key with the passphrase that was typed at the start', async () => {
  const { cert, key } = new CertificateAuthority().issue('server', { passphrase: 'typed' });
  const words = ['-s', temporaryDirectory(), '-e', cert, '-k', key, '-w'];
  const asked = await readRequest(start({ words }));
  const loaded = await loadSettings(asked, () => Promise.resolve('typed'));
  expect(loaded.problems).toEqual([]);
  expect(loaded.material.passphrase?.reveal().toString()).toBe('typed');
  expect(loaded.material.cert).toEqual(loaded.settings?.tls?.cert);
});
