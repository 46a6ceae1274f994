/** A start's settings: command line, TENTACLE_EXT_OPTS, file and defaults, in this order. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadSettings, readRequest, type Request } from '../../../src/settings/load.ts';
import type { Validated } from '../../../src/settings/validate.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

/** A configuration file with this content, named `test.conf`. */
function conf(content: string | Buffer, mode = 0o600): string {
  const path = join(temporaryDirectory(), 'test.conf');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** What a start in this directory, without a defaults file, asks for. */
function request(words: readonly string[], extOpts: string | undefined): Promise<Request> {
  return readRequest({ words, extOpts, directory: process.cwd(), defaultsFile: '' });
}

function load(words: readonly string[], extOpts = ''): Promise<Validated> {
  return request(words, extOpts).then((asked) => loadSettings(asked, () => Promise.resolve(undefined)));
}

async function problems(words: readonly string[], extOpts = ''): Promise<string[]> {
  const { problems: found } = await load(words, extOpts);
  return found.map(({ severity, source, text }) => `${severity} ${source}: ${text}`);
}

describe('precedence', () => {
  test.each([
    { rule: 'the default', file: '', extOpts: '', words: [], port: 41121, source: 'default' },
    { rule: 'the file wins over it', file: 'port 1', extOpts: '', words: [], port: 1, source: 'FILE:1' },
    {
      rule: 'TENTACLE_EXT_OPTS over the file',
      ...{ file: 'port 1', extOpts: '-p 2', words: [], port: 2, source: 'TENTACLE_EXT_OPTS -p, --port' },
    },
    {
      rule: 'and over the default',
      ...{ file: '', extOpts: '--port 2', words: [], port: 2, source: 'TENTACLE_EXT_OPTS -p, --port' },
    },
    {
      rule: 'the command line over all',
      ...{ file: 'port 1', extOpts: '-p 2', words: ['--port=3', '-v'], port: 3, source: '-p, --port' },
    },
  ])('$rule', async ({ file, extOpts, words, port, source }) => {
    const path = conf(file);
    for (const order of [
      ['-F', path, ...words],
      [...words, '-F', path],
    ]) {
      const { values, sources } = await request(order, extOpts);
      expect([values.port, sources.port]).toEqual([port, source.replace('FILE', path)]);
    }
  });

  test('holds for each token alone', async () => {
    const file = conf('port 1\ntimeout 1\nretries 1\n');
    const { values } = await request(['-F', file, '-r3'], '-t2 -r 2');
    expect([values.port, values.timeout, values.retries]).toEqual([1, 2, 3]);
  });

  test('a switch of the file can be taken back', async () => {
    const { values } = await request(['-F', conf('overwrite 1\nfsync 0\n'), '--overwrite=0', '--fsync'], '');
    expect([values.overwrite, values.fsync]).toEqual([false, true]);
  });

  test('-F of the command line wins over that of TENTACLE_EXT_OPTS', async () => {
    const [one, two] = [conf('port 1'), conf('port 2')];
    expect((await request(['-v'], `-F ${one}`)).values.port).toBe(1);
    expect((await request(['-F', two], `-F ${one}`)).values.port).toBe(2);
  });

  test('TENTACLE_EXT_OPTS alone is something to do', async () => {
    expect((await request([], '-s /spool')).empty).toBe(false);
  });

  test('without the variable', async () => {
    expect((await request(['-p', '7'], undefined)).values.port).toBe(7);
  });
});

describe('problems', () => {
  test('of all sources and steps come at once', async () => {
    const file = conf('prot 1\ntimeout 0\n');
    const found = await problems(['-F', file, '-s', '/nonexistent', '-y', '-e', '/none'], '-p 0 --nonsense');
    expect(found.map((text) => text.split(': ')[0]).sort()).toEqual(
      [
        ...['error ', 'error -e, --ssl-cert', 'error -s, --directory', 'error TENTACLE_EXT_OPTS'],
        ...['error TENTACLE_EXT_OPTS -p, --port', `error ${file}:2`, `warning ${file}:1`],
      ].sort(),
    );
  });

  test('a configuration file that cannot be read', async () => {
    expect(await request(['-F', '/nonexistent'], '')).toMatchObject({ unreadable: true });
    expect(await request(['-F', conf('')], '')).toMatchObject({ unreadable: false });
    expect(await request(['-v'], '')).toMatchObject({ unreadable: false });
    expect(await problems(['-s', temporarySpool(), '-F', '/nonexistent'])).toEqual([
      'error /nonexistent: cannot read the configuration file: it does not exist',
    ]);
  });

  test.each([`-x 'open`, `-p "1`])(
    'a quote of TENTACLE_EXT_OPTS that is never closed: %s',
    async (extOpts) => {
      expect(await problems(['-s', temporarySpool()], extOpts)).toEqual([
        expect.stringMatching(/^error TENTACLE_EXT_OPTS: a ['"] is never closed$/),
      ]);
    },
  );

  test('an unknown token stops nothing', async () => {
    const file = conf('adresses ::\n');
    const { settings, problems: found } = await load(['-s', temporarySpool(), '-F', file]);
    expect(settings).toBeDefined();
    expect(found).toEqual([
      {
        severity: 'warning',
        source: `${file}:1`,
        text: 'unknown token "adresses"; did you mean "addresses"?',
      },
    ]);
  });

  test('a missing spool is fatal, a missing filter directory is not', async () => {
    expect((await load(['-s', '/nonexistent'])).settings).toBeUndefined();
    const { settings, problems: found } = await load(['-s', temporarySpool(), '-i', 'a:conf']);
    expect(settings).toBeDefined();
    expect(found).toMatchObject([{ severity: 'warning', source: '-i, --filters' }]);
  });

  test('with proxy_ip neither spool nor filters are looked at', async () => {
    expect(await problems(['-b', '10.0.0.1', '-s', '/nonexistent', '-i', 'a:..;b:none'])).toEqual([]);
  });

  test('but a proxy that stores has its spool looked at, and no filters', async () => {
    const words = ['-b', '10.0.0.1', '--proxy-mode', 'store', '-i', 'a:..;b:none', '-s'];
    expect(await problems([...words, '/nonexistent'])).toEqual([
      'error -s, --directory: directory /nonexistent does not exist: create it',
    ]);
    const { settings, problems: found } = await load([...words, temporarySpool()]);
    expect(found).toEqual([]);
    expect(settings?.mode.kind).toBe('store');
  });

  test('a proxy that would pass on to itself is fatal, in either mode', async () => {
    const words = ['-a', '127.0.0.1', '-p', '7', '-b', 'localhost:7'];
    for (const more of [[], ['--proxy-mode', 'store', '-s', temporarySpool()]]) {
      const { settings, problems: found } = await load([...words, ...more]);
      expect(settings).toBeUndefined();
      expect(found).toMatchObject([{ severity: 'error', source: '-b, --proxy-ip' }]);
    }
    expect(await problems(['-a', '127.0.0.1', '-p', '7', '-b', 'localhost'])).toEqual([]);
  });

  test("an agent's proxy starts without a spool", async () => {
    const words = ['-a', '127.0.0.1', '-p', '7', '-b', '10.0.0.1', '-g', '9', '-c', '5', '-t', '3'];
    const { settings, problems: found } = await load(words);
    expect(found).toEqual([]);
    expect(settings?.mode).toMatchObject({ upstream: { servers: [{ host: '10.0.0.1', port: 9 }] } });
  });

  test('a log file that cannot be written is fatal', async () => {
    const { settings, problems: found } = await load(['-s', temporarySpool(), '-l', '/nonexistent/log']);
    expect(settings).toBeUndefined();
    expect(found).toMatchObject([{ severity: 'error', source: '-l, --log-file' }]);
  });
});

describe('a password in the configuration file', () => {
  const local = ['-a', '127.0.0.1', '-s'];

  test('is warned about when others can read the file', async () => {
    const file = conf('password pw\n', 0o644);
    expect(await problems([...local, temporarySpool(), '-F', file])).toEqual([
      `warning ${file}: every user can read this file, which holds a password: chmod o-r ${file}`,
    ]);
  });

  test('is fine when they cannot, as is a readable file without one', async () => {
    expect(await problems([...local, temporarySpool(), '-F', conf('password pw\n', 0o640)])).toEqual([]);
    expect(await problems([...local, temporarySpool(), '-F', conf('port 7\n', 0o644)])).toEqual([]);
  });

  test('arrives byte for byte', async () => {
    const file = conf(Buffer.from('password p\xff #"\xe9\n', 'latin1'));
    const { settings } = await load([...local, temporarySpool(), '-F', file]);
    expect(settings?.passwords[0]?.reveal().toString('latin1')).toBe('p\xff #"\xe9');
  });

  test('is in no problem and in no settings that are shown', async () => {
    const file = conf('password open-sesame \npassword=open-sesame\npasswort open-sesame\n', 0o644);
    const shown = await load(['-s', temporarySpool(), '-F', file]);
    expect(shown.settings?.passwords).toHaveLength(1);
    expect(shown.problems).toHaveLength(5);
    expect(JSON.stringify(shown)).not.toContain('open-sesame');
  });
});

describe('paths of certificates', () => {
  test('relative ones count from the current directory on the command line', async () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    const words = ['-s', temporarySpool(), '-e', relative('.', cert), '--ssl-key', relative('.', key)];
    const { settings, problems: found } = await load(words);
    expect(found).toEqual([]);
    expect(settings?.tls?.cert.toString()).toContain('BEGIN CERTIFICATE');
  });

  test('relative ones are refused in the file and in TENTACLE_EXT_OPTS', async () => {
    const file = conf('ssl_cert a.pem\nssl_key b.pem\n');
    const text = 'must be an absolute path, not';
    expect(await problems(['-s', temporarySpool(), '-F', file], '-f c.pem')).toEqual([
      `error ${file}:1: ssl_cert ${text} "a.pem": the daemon leaves its directory`,
      `error TENTACLE_EXT_OPTS -f, --ssl-ca: ssl_ca ${text} "c.pem": the daemon leaves its directory`,
      `error ${file}:2: ssl_key ${text} "b.pem": the daemon leaves its directory`,
    ]);
  });

  test('S8 an encrypted key opens with ssl_password_file', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { passphrase: 'right' });
    const passphrase = join(temporaryDirectory(), 'passphrase');
    writeFileSync(passphrase, 'right\n', { mode: 0o600 });
    const file = conf(`ssl_cert ${cert}\nssl_key ${key}\nssl_password_file ${passphrase}\n`);
    const { settings, problems: found } = await load(['-s', temporarySpool(), '-F', file]);
    expect(found).toEqual([]);
    expect(settings?.tls?.passphrase).toBeDefined();
  });

  test('S8 a wrong passphrase is fatal', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { passphrase: 'right' });
    const words = ['-s', temporarySpool(), '-e', cert, '-k', key, '-w'];
    const asked = await request(words, '');
    const { settings, problems: found } = await loadSettings(asked, () => Promise.resolve('wrong'));
    expect(settings).toBeUndefined();
    expect(found).toMatchObject([
      { source: '-k, --ssl-key', text: expect.stringContaining('passphrase') as unknown },
    ]);
  });
});

describe('never a crash', () => {
  test('any bytes as configuration file', async () => {
    const file = conf('');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        writeFileSync(file, bytes);
        const { problems: found } = await load(['-s', '/nonexistent', '-F', file]);
        expect(found.some(({ severity }) => severity === 'error')).toBe(true);
      }),
    );
  });

  test('any string as TENTACLE_EXT_OPTS', async () => {
    const part = fc.constantFrom(
      '-',
      '-v',
      '-x',
      ' ',
      "'",
      '"',
      '--port',
      '=',
      '0',
      'a',
      'é',
      '\n',
      '-F',
      '/',
    );
    const text = fc.oneof(
      fc.array(part).map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }),
    );
    await fc.assert(
      fc.asyncProperty(text, async (extOpts) => {
        const { values } = await request(['-s', '/spool'], extOpts);
        expect(values.directory).toBe('/spool');
      }),
    );
  });
});
