/** Settings arrive in another process as they were made here. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { build, pack, unpack } from '../../../src/settings/blueprint.ts';
import { loadSettings, readRequest } from '../../../src/settings/load.ts';
import { Secret } from '../../../src/settings/secret.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

test('with everything that a proxy is made of', async () => {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('proxy');
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'password'), 'p\xff\n', { encoding: 'latin1', mode: 0o600 });
  const tls = [
    '--proxy-ssl',
    '--proxy-ssl-ca',
    authority.ca,
    '--proxy-ssl-cert',
    cert,
    '--proxy-ssl-key',
    key,
  ];
  const words = [
    ...['-a', '127.0.0.1', '-b', '10.0.0.1,[::1]:7', '--proxy-mode', 'store', '-s', temporarySpool(), ...tls],
    ...['--proxy-password-file', 'password', '--proxy-policy', 'balance', '--proxy-protocol-send', 'v2'],
    ...['--proxy-protocol-accept', '10.0.0.0/8,::1'],
  ];
  const request = await readRequest({ words, extOpts: undefined, directory, defaultsFile: '' });
  const { settings, material, problems } = await loadSettings(request, () => Promise.resolve(undefined));
  expect(problems).toEqual([]);
  const built = build(unpack(structuredClone(pack({ ...request, material }))));
  expect(built).toEqual(settings);
  if (built.mode.kind !== 'store') throw new Error('no store');
  const { upstream } = built.mode;
  expect(upstream.tls).toEqual({
    ...{ ca: readFileSync(authority.ca), cert: readFileSync(cert), key: readFileSync(key) },
  });
  expect(upstream.password).toBeInstanceOf(Secret);
  expect(upstream.password?.reveal()).toEqual(Buffer.from('p\xff', 'latin1'));
});
