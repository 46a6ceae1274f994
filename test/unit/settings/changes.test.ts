/** What a reload changes, in words, and what it keeps. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { changesOf, FIXED, type Ingredients, isSame, keepFixed } from '../../../src/settings/changes.ts';
import { loadSettings, readRequest, type Request } from '../../../src/settings/load.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

let directory = '';
beforeEach(() => {
  directory = temporaryDirectory();
});

/** What is read of a configuration file with this content. */
async function read(content: string): Promise<Request & Ingredients> {
  writeFileSync(join(directory, 'my.conf'), content);
  const request = await readRequest({
    ...{ words: ['-F', 'my.conf'], extOpts: undefined, defaultsFile: '' },
    directory,
  });
  const { material } = await loadSettings(request, () => Promise.resolve(undefined));
  return { ...request, material };
}

async function changes(before: string, after: string): Promise<string[]> {
  const [one, other] = [await read(before), await read(after)];
  const found = changesOf(one, other);
  expect(isSame(one, other)).toBe(found.length === 0);
  return found;
}

describe('a change in words', () => {
  test.each([
    ['port 1', 'port 2', ['port: 1 -> 2']],
    ['', 'port 2\nverbose 1', ['port: 41121 -> 2', 'verbose: 0 -> 1']],
    ['addresses ::1', '', ['addresses: ::1 -> none']],
    ['', 'addresses ::1', ['addresses: none -> ::1']],
    ['umask 77', 'umask 027', ['umask: 077 -> 027']],
    ['log_max_size 1k', 'log_max_size 1025', ['log_max_size: 1k -> 1025']],
    ['overwrite 1', '', ['overwrite: 1 -> 0']],
    ['filters ä:a', 'filters ä\x07:b', ['filters: ä:a -> ä?:b']],
    ['password one', 'password two', ['password: changed']],
    ['', 'password two', ['password: changed']],
    ['password one', '', ['password: changed']],
    ['proxy_password one', 'proxy_password two', ['proxy_password: changed']],
    ['proxy_ip a', 'proxy_ip a,b:7', ['proxy_ip: a -> a,b:7']],
    ['', 'proxy_mode store\nproxy_ssl 1', ['proxy_mode: relay -> store', 'proxy_ssl: 0 -> 1']],
    ['', 'proxy_protocol_accept ::1', ['proxy_protocol_accept: none -> ::1']],
  ])('%j, %j', async (before, after, expected) => {
    expect(await changes(before, after)).toEqual(expected);
  });

  test.each([
    ['the same', 'port 7\npassword x\n', 'port 7\npassword x\n'],
    ['a comment, an order', 'port 7\nverbose 1\n', '# hello\nverbose 1\nport 7\n'],
    ['a default written out', '', 'port 41121\nfsync 1\n'],
    ['a number written otherwise', 'log_max_size 10m', 'log_max_size 10240k'],
  ])('none: %s', async (_what, before, after) => {
    expect(await changes(before, after)).toEqual([]);
  });
});

describe('the content of a file', () => {
  test('of each token that names one', async () => {
    const names = [
      ...['ssl_cert', 'ssl_key', 'ssl_ca', 'password_file', 'ssl_password_file'],
      ...['proxy_ssl_cert', 'proxy_ssl_key', 'proxy_ssl_ca', 'proxy_password_file'],
    ];
    const conf = names.map((name) => `${name} ${join(directory, name)}\n`).join('');
    for (const name of names) writeFileSync(join(directory, name), 'one\n');
    const before = await read(conf);
    for (const name of names) writeFileSync(join(directory, name), 'two\n');
    const after = await read(conf);
    expect(isSame(before, after)).toBe(false);
    expect(changesOf(before, after)).toEqual(
      names.map((name) => `${name}: the content of ${join(directory, name)} changed`),
    );
    expect(changesOf(before, after).join()).not.toMatch(/one|two/);
  });

  test('the same bytes in another file', async () => {
    const { cert } = new CertificateAuthority().issue('server');
    const copy = join(directory, 'copy.pem');
    expect(await changes(`ssl_cert ${cert}`, `ssl_cert ${cert}`)).toEqual([]);
    expect(await changes(`ssl_ca ${cert}`, `ssl_ca ${copy}`)).toEqual([`ssl_ca: ${cert} -> ${copy}`]);
  });

  test('another password is a change, another empty line is none', async () => {
    const path = join(directory, 'password');
    writeFileSync(path, 'one\nold\n');
    const before = await read(`password_file ${path}`);
    writeFileSync(path, 'one\n\nold');
    expect(isSame(before, await read(`password_file ${path}`))).toBe(true);
    writeFileSync(path, 'one\nnew\n');
    expect(isSame(before, await read(`password_file ${path}`))).toBe(false);
  });
});

describe('what cannot change while the server runs', () => {
  const conf = 'user one\nallow_root 0\ndaemon 0\npid_file /one\nport 1\n';

  test('is kept with its source, and named', async () => {
    const running = await read(conf);
    const wanted = await read('port 2\nuser two\nallow_root 1\ndaemon 1\npid_file /two\n');
    const { request, kept } = keepFixed(wanted, running);
    expect(kept).toEqual(FIXED);
    for (const token of FIXED) {
      expect([request.values[token], request.sources[token]]).toEqual([
        running.values[token],
        running.sources[token],
      ]);
    }
    const rest = OPTIONS.map(({ token }) => token).filter((token) => !FIXED.some((each) => each === token));
    for (const token of rest) expect(request.values[token]).toBe(wanted.values[token]);
    const after = { ...request, material: wanted.material };
    expect(changesOf(running, after)).toEqual(['port: 1 -> 2']);
  });

  test('and nothing else', async () => {
    const running = await read(conf);
    const { request, kept } = keepFixed(await read(`${conf}user two\n`), running);
    expect(kept).toEqual(['user']);
    expect(isSame(running, { ...request, material: running.material })).toBe(true);
    expect(keepFixed(await read(conf), running).kept).toEqual([]);
  });
});
