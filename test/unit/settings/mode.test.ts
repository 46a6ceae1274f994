/** What the server is: a receiver, a relay, or a proxy that stores and forwards. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { Mode } from '../../../src/settings/settings.ts';
import { type Material, validate, type Validated } from '../../../src/settings/validate.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { NO_MATERIAL } from '../../support/worker.ts';

type Given = Partial<Record<Token, string>>;

/** The outcome for tokens as a file called `f` would give them. @param now in milliseconds since the epoch */
function outcome(tokens: Given, material: Partial<Material> = {}, now = Date.now()): Validated {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    ...{ token, value, source: `f ${token}`, typed: false },
  }));
  return validate(mergeAssignments(OPTIONS, assignments), { ...NO_MATERIAL, ...material }, now);
}

function problems(...given: Parameters<typeof outcome>): string[] {
  return outcome(...given).problems.map(({ severity, source, text }) => `${severity} ${source}: ${text}`);
}

/** The mode of settings without an error. */
function mode(tokens: Given, material: Partial<Material> = {}): Mode {
  const { settings, problems: told } = outcome(tokens, material);
  if (settings === undefined) throw new Error(JSON.stringify(told));
  return settings.mode;
}

interface Issued {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

function issue(options: { readonly days?: number; readonly passphrase?: string } = {}): Issued {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('proxy', options);
  return { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(authority.ca) };
}

// Keys take long to make: the first test makes them for all.
let made: Issued | undefined;
function issued(): Issued {
  return (made ??= issue());
}

function proxyMaterial({ cert, key, ca }: Issued): Partial<Material> {
  return { proxyCert: cert, proxyKey: key, proxyCa: ca };
}

const FAR = { proxy_ip: '10.0.0.1' } as const;
const LISTENER_TLS = { ssl_cert: '/c', ssl_key: '/k' } as const;
const VERIFIED = { ...FAR, proxy_ssl: '1', proxy_ssl_ca: '/ca' } as const;
const KNOWN = { ...VERIFIED, proxy_ssl_cert: '/c', proxy_ssl_key: '/k' } as const;

describe('a relay', () => {
  test('P1 is what proxy_ip makes, with these defaults', () => {
    expect(mode(FAR)).toEqual({
      kind: 'relay',
      upstream: {
        servers: [{ host: '10.0.0.1', port: 41121 }],
        policy: 'failover',
        tls: undefined,
        password: undefined,
        proxyProtocol: undefined,
      },
      relayTimeoutMs: 60_000,
    });
  });

  test('with everything said', () => {
    const material = issued();
    const proxyPassword = new Secret('pw');
    const tokens = {
      ...{ ...KNOWN, proxy_ip: 'a,[::1]:7', proxy_port: '9', proxy_policy: 'balance', relay_timeout: '5' },
      proxy_protocol_send: 'v2',
    };
    expect(mode(tokens, { ...proxyMaterial(material), proxyPassword })).toEqual({
      kind: 'relay',
      upstream: {
        servers: [
          { host: 'a', port: 9 },
          { host: '::1', port: 7 },
        ],
        policy: 'balance',
        tls: material,
        password: proxyPassword,
        proxyProtocol: 'v2',
      },
      relayTimeoutMs: 5000,
    });
  });

  test('neither needs nor checks directory and filters, whatever they say', () => {
    expect(problems({ ...FAR, directory: '/nonexistent', filters: 'a:..;b(:c;x' })).toEqual([]);
    expect(problems({ ...FAR, filters: 'a:..' })).toEqual([]);
  });

  test.each(['relay', 'store'])('a %s refuses permissions, which it would not keep', (proxy_mode) => {
    const tokens = { ...FAR, proxy_mode, directory: '/spool' };
    expect(problems({ ...tokens, filters: 'a:b;.*\\.conf:conf=r' })).toEqual([
      'error f filters: filters: a proxy keeps no directories, so =r and =w would protect nothing: set them at the servers of proxy_ip',
    ]);
    expect(problems({ ...tokens, filters: 'a:b=rw' })).toEqual([]);
  });

  test('sees no names, and so cannot keep ssl_client_files', () => {
    const { cert, key, ca } = issued();
    const tokens = { ...VERIFIED, ...LISTENER_TLS, ssl_ca: '/ca', ssl_client_files: '1' };
    const material = { cert, key, ca, proxyCa: ca };
    expect(problems(tokens, material)).toEqual([
      'error f ssl_client_files: ssl_client_files needs the names of files, which a relay does not see: set proxy_mode store, or leave it to the servers of proxy_ip',
    ]);
    const store = { ...tokens, proxy_mode: 'store', directory: '/queue' };
    expect(mode(store, material)).toMatchObject({ kind: 'store', rules: { clientFiles: true } });
  });

  test('needs servers that can be understood', () => {
    expect(problems({ proxy_ip: 'a,,b', directory: '/spool' })).toEqual([
      'error f proxy_ip: proxy_ip: "" is not a server: give host, host:port or [IPv6]:port',
    ]);
    expect(outcome({ proxy_ip: 'a:0' }).mode).toBeUndefined();
  });

  test('its settings are frozen and show no secret', () => {
    const { settings } = outcome(FAR, { proxyPassword: new Secret('open-sesame') });
    if (settings?.mode.kind !== 'relay') throw new Error('no relay');
    const { upstream } = settings.mode;
    expect([upstream, upstream.servers, upstream.servers[0]].every(Object.isFrozen)).toBe(true);
    expect(inspect(settings, { depth: null, showHidden: true })).toContain('[redacted]');
    expect(inspect(settings, { depth: null, showHidden: true })).not.toContain('open-sesame');
    expect(JSON.stringify(settings)).not.toContain('open-sesame');
  });
});

describe('store and forward', () => {
  const STORE = { ...FAR, proxy_mode: 'store', directory: '/spool' } as const;

  test('receives into its directory, and knows its upstream', () => {
    expect(
      mode({ ...STORE, proxy_connections: '7', overwrite: '1', max_size: '5', insecure: '1' }),
    ).toMatchObject({
      kind: 'store',
      upstream: { servers: [{ host: '10.0.0.1' }] },
      spool: { directory: '/spool', filters: [], overwrite: false, fsync: true },
      rules: { maxSize: 5, insecure: true },
      connections: 7,
    });
    expect(mode(STORE)).toMatchObject({ connections: 4 });
  });

  test.each([
    ['overwrite', '1', 'overwrite has no effect with proxy_mode store'],
    ['fsync', '0', 'a power cut loses files that agents believe delivered'],
  ])('%s %s is warned of', (token, value, text) => {
    expect(problems({ ...STORE, [token]: value })).toEqual([expect.stringContaining(text)]);
    expect(problems({ ...STORE, [token]: value === '1' ? '0' : '1' })).toEqual([]);
  });

  test('filters do not route here, and are not checked', () => {
    expect(problems({ ...STORE, filters: 'a:..;x' })).toEqual([]);
    expect(mode({ ...STORE, filters: 'a:conf' })).toMatchObject({ spool: { filters: [] } });
  });

  test('without directory is an error', () => {
    expect(problems({ ...FAR, proxy_mode: 'store' })).toEqual([
      'error f proxy_mode: proxy_mode store needs directory (-s DIR): where files wait until they are sent on',
    ]);
  });

  test('without proxy_ip is an error', () => {
    expect(problems({ proxy_mode: 'store', directory: '/spool' })).toEqual([
      'error f proxy_mode: proxy_mode store without proxy_ip: send files on to where?',
    ]);
  });
});

describe('without proxy_ip', () => {
  test('what is said about the upstream is warned about', () => {
    const tokens = {
      ...{ proxy_ssl: '1', proxy_ssl_ca: '/ca', proxy_ssl_cert: '/c', proxy_ssl_key: '/k' },
      ...{ proxy_password: 'pw', proxy_password_file: '/p', proxy_protocol_send: 'v1' },
    };
    expect(problems({ directory: '/spool', ...tokens })).toEqual(
      Object.keys(tokens).map((token) => `warning f ${token}: ${token} without proxy_ip has no effect`),
    );
  });

  test('but not a default that is written out', () => {
    const tokens = { proxy_ssl: '0', proxy_protocol_send: 'off', proxy_mode: 'relay', proxy_port: '41121' };
    expect(problems({ directory: '/spool', ...tokens })).toEqual([]);
  });
});

describe('TLS to the upstream', () => {
  test('with a CA and without a certificate', () => {
    const { ca } = issued();
    expect(problems(VERIFIED, { proxyCa: ca })).toEqual([]);
    expect(mode(VERIFIED, { proxyCa: ca })).toMatchObject({
      upstream: { tls: { ca, cert: undefined, key: undefined } },
    });
  });

  test('without a CA is warned about', () => {
    expect(problems({ ...FAR, proxy_ssl: '1' })).toEqual([
      'warning f proxy_ssl: proxy_ssl without proxy_ssl_ca: anybody could pose as the server of proxy_ip',
    ]);
  });

  test('but not when its file has a problem of its own', () => {
    expect(problems({ ...FAR, proxy_ssl: '1', proxy_ssl_ca: 'relative.pem' })).toEqual([]);
  });

  test.each(['proxy_ssl_ca', 'proxy_ssl_cert', 'proxy_ssl_key'] as const)(
    '%s without proxy_ssl 1 is an error: whoever wrote it wants TLS',
    (token) => {
      const text = `error f ${token}: ${token} does nothing without proxy_ssl 1: TLS is off`;
      expect(problems({ ...FAR, [token]: '/f' })).toEqual([text]);
      expect(problems({ ...FAR, [token]: '/f', proxy_ssl: '0' })).toEqual([text]);
    },
  );

  test('S3 the key may be in the file of the certificate', () => {
    const { cert, key, ca } = issued();
    const both = Buffer.concat([cert, key]);
    const tokens = { ...VERIFIED, proxy_ssl_cert: '/c' };
    expect(mode(tokens, { proxyCert: both, proxyCa: ca })).toMatchObject({
      upstream: { tls: { cert: both, key: both } },
    });
    expect(problems(tokens, { proxyCert: cert, proxyCa: ca })).toEqual([
      'error f proxy_ssl_cert: proxy_ssl_key is required: the file of proxy_ssl_cert holds no private key',
    ]);
  });

  test('a key without a certificate', () => {
    const { key, ca } = issued();
    const tokens = { ...VERIFIED, proxy_ssl_key: '/k' };
    expect(problems(tokens, { proxyKey: key, proxyCa: ca })).toEqual([
      'error f proxy_ssl_key: proxy_ssl_key is the key of what? Set proxy_ssl_cert',
    ]);
    const refused = { ...tokens, proxy_ssl_cert: 'relative.pem' };
    expect(problems(refused, { proxyKey: key, proxyCa: ca })).toEqual([]);
  });

  test('a key that does not fit', () => {
    const { key } = issue();
    expect(problems(KNOWN, { ...proxyMaterial(issued()), proxyKey: key })).toEqual([
      'error f proxy_ssl_key: proxy_ssl_key is not the private key of proxy_ssl_cert',
    ]);
  });

  test('S8 an encrypted key, of which nobody is asked the passphrase', () => {
    const material = proxyMaterial(issue({ passphrase: 'right' }));
    const text =
      'error f proxy_ssl_key: proxy_ssl_key is encrypted: ' +
      'store it without a passphrase, readable only for the user of this server';
    expect(problems(KNOWN, material)).toEqual([text]);
    // That of ssl_key is not its.
    expect(problems(KNOWN, { ...material, passphrase: new Secret('right') })).toEqual([text]);
  });

  test('an expired certificate or CA is a warning', () => {
    const material = proxyMaterial(issued());
    const later = Date.now() + 400 * 86_400_000;
    expect(problems(KNOWN, material, later)).toEqual([
      expect.stringMatching(/^warning f proxy_ssl_cert: proxy_ssl_cert \(CN=proxy\) expired on /),
      expect.stringMatching(/^warning f proxy_ssl_ca: proxy_ssl_ca \(CN=Test CA\) expired on /),
    ]);
  });

  test('rubbish in each file is told at once', () => {
    const rubbish = Buffer.from('rubbish');
    const told = problems(KNOWN, { proxyCert: rubbish, proxyKey: rubbish, proxyCa: rubbish });
    expect(told).toEqual([
      'error f proxy_ssl_cert: proxy_ssl_cert holds no certificate in PEM form',
      'error f proxy_ssl_key: proxy_ssl_key holds no private key in PEM form (are certificate and key swapped?)',
      'error f proxy_ssl_ca: proxy_ssl_ca holds no certificate in PEM form',
    ]);
  });

  test('what could not be read is judged no further', () => {
    expect(problems(KNOWN)).toEqual([]);
  });
});

describe('what would go on in clear', () => {
  const inClear =
    'warning f proxy_ip: proxy_ip: what comes over TLS goes on to HOST in clear: set proxy_ssl 1';

  test.each([
    ['an address', '10.0.0.1', '10.0.0.1'],
    ['a name', 'centre', 'centre'],
    ['the second of two', '127.0.0.1,10.0.0.1:7', '10.0.0.1'],
    ['IPv6', '[2001:db8::1]:7', '2001:db8::1'],
  ])('P2 TLS that ends here is warned about: %s', (_what, proxy_ip, host) => {
    const { cert, key } = issued();
    expect(problems({ proxy_ip, ...LISTENER_TLS }, { cert, key })).toEqual([inClear.replace('HOST', host)]);
  });

  test('also in a store', () => {
    const { cert, key } = issued();
    const tokens = { ...FAR, ...LISTENER_TLS, proxy_mode: 'store', directory: '/spool' };
    expect(problems(tokens, { cert, key })).toEqual([inClear.replace('HOST', '10.0.0.1')]);
  });

  test.each(['127.0.0.1', 'localhost', '::1', '[::1]:7,127.0.0.2:7'])(
    'but not to %s, which nobody can listen in on',
    (proxy_ip) => {
      const { cert, key } = issued();
      const proxyPassword = new Secret('pw');
      expect(problems({ proxy_ip, ...LISTENER_TLS }, { cert, key, proxyPassword })).toEqual([]);
    },
  );

  test('nor with TLS to the upstream, nor without any TLS', () => {
    const { cert, key, ca } = issued();
    const proxyPassword = new Secret('pw');
    const both = { ...VERIFIED, ...LISTENER_TLS };
    expect(problems(both, { cert, key, proxyCa: ca, proxyPassword })).toEqual([]);
    expect(problems(FAR)).toEqual([]);
  });

  test.each(['proxy_password', 'proxy_password_file'] as const)('%s is warned about', (token) => {
    expect(problems({ ...FAR, [token]: '/pw' }, { proxyPassword: new Secret('pw') })).toEqual([
      `warning f ${token}: ${token}: a password without TLS can be overheard and replayed: set proxy_ssl 1`,
    ]);
  });
});
