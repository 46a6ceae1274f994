/** What the server says of the certificates that it uses, at its start, after a reload and in --check. */
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';
import { LibcShim } from '../support/libc-shim.ts';
import { runServer, ServerProcess } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function check(...args: readonly string[]): string {
  return runServer(['--check', ...(isRoot ? ['--allow-root'] : []), '-s', temporarySpool(), ...args]).stdout;
}

/** How often the output holds it. */
function times(output: string, text: string): number {
  return output.split(text).length - 1;
}

const ENDINGS = [
  { days: 40, says: undefined },
  { days: 20, says: 'expires in 19 days, on ' },
  { days: 10, says: 'expires in 9 days, on ' },
  { days: 2, says: 'expires in 1 day, on ' },
  { days: -1, says: 'expired on ' },
] as const;

describe.each(ENDINGS)('a certificate of $days days', ({ days, says }) => {
  test('is warned of at the start, once, and by --check in the same words, unless its end is far', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { days });
    const server = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key]);
    await server.logged('Files go to');
    const checked = check('-e', cert, '-k', key);
    const text = `-e, --ssl-cert: ssl_cert (CN=server) ${says ?? 'expire'}`;
    for (const said of [server.output, checked]) expect(times(said, text)).toBe(says === undefined ? 0 : 1);
    expect(await server.stop()).toBe(0);
    expect(times(server.output, 'renew it')).toBe(says === undefined ? 0 : 1);
  });
});

test('CAs and those of a proxy are warned of, too', async () => {
  const parent = new CertificateAuthority('Root');
  const { cert, key } = parent.issue('server');
  const old = parent.issue('Old CA', { days: 20 }).cert;
  const proxy = parent.issue('proxy', { days: 10 });
  const options = [
    ...['-e', cert, '-k', key, '-f', old, '-b', '127.0.0.1:1', '--proxy-ssl', '--proxy-ssl-ca', old],
    ...['--proxy-ssl-cert', proxy.cert, '--proxy-ssl-key', proxy.key],
  ];
  const server = await ServerProcess.start(options);
  await server.logged('Relays to');
  for (const said of [server.output, check(...options)]) {
    expect(times(said, '-f, --ssl-ca: ssl_ca (CN=Old CA) expires in 19 days')).toBe(1);
    expect(times(said, '--proxy-ssl-ca: proxy_ssl_ca (CN=Old CA) expires in 19 days')).toBe(1);
    expect(times(said, '--proxy-ssl-cert: proxy_ssl_cert (CN=proxy) expires in 9 days')).toBe(1);
    expect(times(said, 'renew it')).toBe(3);
  }
});

describe('the log', () => {
  /** A server whose files can be replaced. */
  async function serverWith(
    first: Issued,
    ca?: string,
  ): Promise<{
    readonly server: ServerProcess;
    readonly cert: string;
    readonly replace: (by: Issued) => void;
  }> {
    const directory = temporaryDirectory();
    const [cert, key] = [join(directory, 'server.pem'), join(directory, 'server.key')];
    const replace = (by: Issued): void => {
      for (const [from, to] of [
        [by.key, key],
        [by.cert, cert],
      ] as const) {
        copyFileSync(from, `${to}.new`);
        renameSync(`${to}.new`, to);
      }
    };
    replace(first);
    const verify = ca === undefined ? [] : ['-f', ca];
    const server = await ServerProcess.start(['-s', temporarySpool(), '-e', cert, '-k', key, ...verify]);
    return { server, cert, replace };
  }

  test('names what was loaded, a line for each file', async () => {
    const authority = new CertificateAuthority('Our CA');
    const first = authority.issue('tentacle.example', {
      alternativeNames: 'DNS:tentacle.example,IP:10.0.0.1',
    });
    const { server, cert } = await serverWith(first, authority.ca);
    await server.logged('Files go to');
    const names =
      'CN=tentacle.example, DNS:tentacle.example, IP:10.0.0.1, issued by CN=Our CA, 364 days left';
    expect(server.output).toContain(
      `Certificate ${cert} (ssl_cert): ${names}; chain: complete up to CN=Our CA, which peers need in their CA file.\n`,
    );
    expect(server.output).toContain(`CA certificates ${authority.ca} (ssl_ca): CN=Our CA, 364 days left.\n`);
    expect(times(server.output, 'ertificate')).toBe(2);
  });

  test('names it again after a reload that brought another, and not after one that did not', async () => {
    const authority = new CertificateAuthority();
    const { server, replace } = await serverWith(authority.issue('old'));
    await server.logged('Files go to');
    server.child.kill('SIGHUP');
    await server.logged('Reloaded (SIGHUP)');
    expect(times(server.output, 'ertificate ')).toBe(1);
    replace(authority.issue('new', { days: 10 }));
    await server.logged(/Certificate \S+ \(ssl_cert\): CN=new, .* 9 days left/);
    await server.logged('Reloaded (a file changed)');
    expect(times(server.output, 'ssl_cert (CN=new) expires in 9 days')).toBe(1);
  });

  testWith(['cc'], 'does not warn again of the same certificate because a day went by', async () => {
    const { cert, key } = new CertificateAuthority().issue('server', { days: 20 });
    const shim = LibcShim.compile();
    const conf = join(temporaryDirectory(), 'tentacle_server.conf');
    const spool = temporarySpool();
    const rewrite = (...lines: readonly string[]): void => {
      const all = [`directory ${spool}`, `ssl_cert ${cert}`, `ssl_key ${key}`, ...lines, ''];
      writeFileSync(conf, all.join('\n'));
    };
    rewrite();
    const server = await ServerProcess.start(['-F', conf], { env: shim.env });
    await server.logged('Files go to');
    shim.become('clock+86400');
    rewrite('max_size 1');
    await server.logged('max_size: 2000000 -> 1');
    rewrite('max_size 1', 'nonsense 1');
    await server.logged('unknown token "nonsense"');
    expect(times(server.output, 'renew it')).toBe(1);
    // Whoever asks is told as it is now.
    server.child.kill('SIGHUP');
    await server.logged('ssl_cert (CN=server) expires in 18 days');
  });

  test('warns of a chain that peers cannot follow', async () => {
    const root = new CertificateAuthority('Root');
    const between = new CertificateAuthority('Between', root);
    const { cert, key } = between.issue('server');
    const chain = join(temporaryDirectory(), 'chain.pem');
    writeFileSync(chain, Buffer.concat([cert, root.ca].map((path) => readFileSync(path))));
    const server = await ServerProcess.start(['-s', temporarySpool(), '-e', chain, '-k', key]);
    await server.logged(
      /Warning: Certificate \S+ \(ssl_cert\): CN=server, .*; chain: broken: CN=server is signed by CN=Between, which is missing in this file: put it behind that one\.\n/,
    );
  });
});

describe('--check', () => {
  test('shows each certificate of each file', () => {
    const root = new CertificateAuthority('Root');
    const between = new CertificateAuthority('Between', root);
    const { cert, key } = between.chained(between.issue('server', { alternativeNames: 'DNS:a.example' }));
    const stdout = check('-e', cert, '-k', key, '-f', root.ca);
    const block = /\ncertificates in use\n((?:.+\n)+)\n/
      .exec(stdout)?.[1]
      ?.replaceAll(/until .* GMT/g, 'until then');
    expect(block).toBe(
      [
        `ssl_cert ${cert}`,
        '  subject: CN=server',
        '    for: DNS:a.example',
        '    issuer: CN=Between',
        '    valid until then, 364 days left',
        '    chain: complete up to CN=Root, which peers need in their CA file',
        '  subject: CN=Between',
        '    for: no alternative name',
        '    issuer: CN=Root',
        '    valid until then, 364 days left',
        '    chain: complete up to CN=Root, which peers need in their CA file',
        `ssl_ca ${root.ca}`,
        '  CN=Root, valid until then, 364 days left',
        '',
      ].join('\n'),
    );
  });

  test('shows them although something else is wrong', () => {
    const { cert, key } = new CertificateAuthority().issue('server');
    expect(check('-e', cert, '-k', key, '-p', '0')).toContain('  subject: CN=server\n');
  });

  test('says nothing of certificates where there is none', () => {
    expect(check('-a', '127.0.0.1')).not.toContain('ertificates in use');
  });
});
