/** Certificates, keys and CAs are judged before anything is started with them. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../../src/settings/assignment.ts';
import {
  checkCiphers,
  contextOptions,
  holdsPrivateKey,
  isEncryptedKey,
  judgeTlsFiles,
} from '../../../src/settings/certificates.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { TlsSettings } from '../../../src/settings/settings.ts';
import { DEFAULT_TLS_VERSIONS } from '../../../src/settings/tls-versions.ts';
import { CertificateAuthority } from '../../support/certificates.ts';

const DAY = 86_400_000;
const TOKENS = {
  cert: ['ssl_cert', 'CERT'],
  key: ['ssl_key', 'KEY'],
  ca: ['ssl_ca', 'CA'],
  encrypted: 'give its passphrase with ssl_password_file, or ssl_password 1 to be asked',
} as const;
const RUBBISH = Buffer.from('rubbish\n');
const BROKEN = Buffer.from('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Fixtures {
  readonly server: Pair;
  readonly soon: Pair;
  readonly long: Pair;
  /** Its passphrase is `right`. */
  readonly locked: Pair;
  /** Its passphrase is `schlüssel`. */
  readonly foreign: Pair;
  readonly ca: Buffer;
}

// Keys take long to make: the first test makes them for all.
let made: Fixtures | undefined;
function fixtures(): Fixtures {
  const make = (): Fixtures => {
    const authority = new CertificateAuthority();
    const issue = (name: string, options = {}): Pair => {
      const { cert, key } = authority.issue(name, options);
      return { cert: readFileSync(cert), key: readFileSync(key) };
    };
    return {
      server: issue('server'),
      soon: issue('soon', { days: 10 }),
      long: issue('long', { days: 3650 }),
      locked: issue('locked', { passphrase: 'right' }),
      foreign: issue('foreign', { passphrase: 'schlüssel' }),
      ca: readFileSync(authority.ca),
    };
  };
  return (made ??= make());
}

function tlsOf(name: Exclude<keyof Fixtures, 'ca'>, more: Partial<TlsSettings> = {}): TlsSettings {
  return {
    ...fixtures()[name],
    ca: undefined,
    crl: undefined,
    clientNames: undefined,
    passphrase: undefined,
    versions: DEFAULT_TLS_VERSIONS,
    ciphers: undefined,
    ...more,
  };
}

/** When the server's certificate begins or ends. */
function date(which: 'validFrom' | 'validTo'): number {
  return Date.parse(new X509Certificate(fixtures().server.cert)[which]);
}

/** Problems as `severity source: text`. */
function judge(tls: TlsSettings, now = Date.now()): string[] {
  return judgeTlsFiles(tls, TOKENS, now).map(
    ({ severity, source, text }) => `${severity} ${source}: ${text}`,
  );
}

test('good ones have no problem', () => {
  expect(judge(tlsOf('server', { ca: fixtures().ca, ciphers: 'HIGH:!aNULL' }))).toEqual([]);
});

describe('files that do not fit', () => {
  test('the key of another certificate', () => {
    const { key } = fixtures().soon;
    expect(judge(tlsOf('server', { key }))).toEqual([
      'error KEY: ssl_key is not the private key of ssl_cert',
    ]);
  });

  test('a key that is none', () => {
    expect(judge(tlsOf('server', { key: RUBBISH }))).toEqual([
      'error KEY: ssl_key holds no private key in PEM form (are certificate and key swapped?)',
    ]);
  });

  test('a certificate that is none', () => {
    expect(judge(tlsOf('server', { cert: RUBBISH }))).toEqual([
      'error CERT: ssl_cert holds no certificate in PEM form',
    ]);
  });

  test.each([
    ['rubbish', RUBBISH, /^error CA: ssl_ca holds no certificate in PEM form$/],
    ['empty', Buffer.alloc(0), /^error CA: ssl_ca holds no certificate in PEM form$/],
    ['broken inside', BROKEN, /^error CA: ssl_ca does not parse: ./],
  ])('a CA that does not parse: %s', (_what, ca, told) => {
    expect(judge(tlsOf('server', { ca }))).toEqual([expect.stringMatching(told)]);
  });

  test('one broken certificate among good ones of the CA', () => {
    const ca = Buffer.concat([fixtures().ca, BROKEN]);
    expect(judge(tlsOf('server', { ca }))).toEqual([
      expect.stringMatching(/^error CA: ssl_ca does not parse/),
    ]);
  });

  test('a cipher list that names nothing', () => {
    expect(() => checkCiphers('NONSENSE')).toThrow('names no cipher that OpenSSL knows');
    expect(checkCiphers('HIGH:!aNULL')).toBe('HIGH:!aNULL');
  });

  test('all are told at once', () => {
    const problems = judge(tlsOf('server', { cert: RUBBISH, key: RUBBISH, ca: RUBBISH }));
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(['error CERT', 'error KEY', 'error CA']);
  });
});

describe('dates', () => {
  test('an expired certificate is a warning that says when, and whose', () => {
    const end = date('validTo');
    expect(judge(tlsOf('server'), end - 1000)).toEqual([
      expect.stringMatching(/^warning CERT: ssl_cert \(CN=server\) expires in 1 second, on /),
    ]);
    expect(judge(tlsOf('server'), end + 1000)).toEqual([
      expect.stringMatching(/^warning CERT: ssl_cert \(CN=server\) expired on /),
    ]);
  });

  test('one that ends in 10 days is warned about', () => {
    expect(judge(tlsOf('soon'))).toEqual([
      expect.stringMatching(/^warning CERT: ssl_cert \(CN=soon\) expires in (9|10) days, on /),
    ]);
  });

  test('the warning starts 30 days before', () => {
    const end = date('validTo');
    expect(judge(tlsOf('server'), end - 31 * DAY)).toEqual([]);
    expect(judge(tlsOf('server'), end - 30 * DAY + 1000)).toHaveLength(1);
  });

  test('one that is not valid yet is warned about', () => {
    const start = date('validFrom');
    expect(judge(tlsOf('server'), start - DAY)).toEqual([
      expect.stringMatching(/^warning CERT: ssl_cert \(CN=server\) is not valid before /),
    ]);
  });

  test('the whole chain and the CA are looked at', () => {
    const { ca, long } = fixtures();
    const cert = Buffer.concat([long.cert, ca]);
    const later = Date.parse(new X509Certificate(ca).validTo) + DAY;
    const about = judge(tlsOf('long', { cert, ca }), later).filter((text) => text.startsWith('warning'));
    expect(about).toEqual([
      expect.stringMatching(/^warning CERT: ssl_cert \(CN=Test CA\) expired/),
      expect.stringMatching(/^warning CA: ssl_ca \(CN=Test CA\) expired/),
    ]);
  });
});

describe('S8 an encrypted key', () => {
  test('opens with its passphrase, and serves', () => {
    const tls = tlsOf('locked', { passphrase: new Secret('right') });
    expect(judge(tls)).toEqual([]);
    expect(createSecureContext(contextOptions(tls))).toBeDefined();
  });

  test('does not open with another', () => {
    expect(judge(tlsOf('locked', { passphrase: new Secret('wrong') }))).toEqual([
      'error KEY: ssl_key does not open with this passphrase',
    ]);
  });

  test('without one says what to do', () => {
    expect(judge(tlsOf('locked'))).toEqual([
      'error KEY: ssl_key is encrypted: give its passphrase with ssl_password_file, or ssl_password 1 to be asked',
    ]);
  });

  test('opens with a passphrase beyond ASCII', () => {
    expect(judge(tlsOf('foreign', { passphrase: new Secret(bytesOf('schlüssel')) }))).toEqual([]);
  });

  test('a passphrase that is not needed does no harm', () => {
    expect(judge(tlsOf('server', { passphrase: new Secret('spare') }))).toEqual([]);
  });

  test('is told from a plain one', () => {
    expect(isEncryptedKey(fixtures().locked.key)).toBe(true);
    expect(isEncryptedKey(fixtures().server.key)).toBe(false);
    expect(isEncryptedKey(Buffer.from('-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n'))).toBe(
      true,
    );
  });
});

test('a file with a private key is told from one without', () => {
  expect(holdsPrivateKey(fixtures().server.key)).toBe(true);
  expect(holdsPrivateKey(fixtures().locked.key)).toBe(true);
  expect(holdsPrivateKey(fixtures().server.cert)).toBe(false);
});

test('any bytes as certificate, key or CA are judged without a crash', () => {
  const good = tlsOf('server');
  const framed = fc
    .base64String({ maxLength: 200 })
    .map((text) => Buffer.from(`-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b)),
    framed,
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom('cert', 'key', 'ca'), (content, part) => {
      expect(judge({ ...good, [part]: content })).not.toEqual([]);
    }),
  );
});
