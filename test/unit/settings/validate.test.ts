/** Merged values become frozen settings, or all their problems at once. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { type OptionRow } from '../../../src/settings/option-row.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';
import { Secret } from '../../../src/settings/secret.ts';
import type { Settings } from '../../../src/settings/settings.ts';
import { type Material, validate, type Validated } from '../../../src/settings/validate.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { NO_MATERIAL } from '../../support/worker.ts';

type Given = Partial<Record<Token, string>>;

/** The outcome for tokens as a file called `f` would give them. */
function outcome(tokens: Given, material: Partial<Material> = {}): Validated {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    token: token as Token,
    value,
    source: `f ${token}`,
    typed: false,
  }));
  return validate(mergeAssignments(OPTIONS, assignments), { ...NO_MATERIAL, ...material }, Date.now());
}

function problems(tokens: Given, material: Partial<Material> = {}): string[] {
  return outcome(tokens, material).problems.map(
    ({ severity, source, text }) => `${severity} ${source}: ${text}`,
  );
}

function settings(tokens: Given = {}, material: Partial<Material> = {}): Settings {
  const made = outcome({ directory: '/spool', ...tokens }, material).settings;
  if (made === undefined) throw new Error('no settings');
  return made;
}

/** A certificate, its key and its CA. */
function tlsMaterial(): { cert: Buffer; key: Buffer; ca: Buffer } {
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  return { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(authority.ca) };
}

const TLS = { ssl_cert: '/c', ssl_key: '/k', ssl_ca: '/ca' } as const;

describe('values become settings', () => {
  test('the defaults', () => {
    expect(settings()).toMatchObject({
      listen: { addresses: [], port: 41121 },
      maxConnections: 1000,
      idleMs: 4000,
      drainMs: 60_000,
      lineLimit: 8192,
      passwords: [],
      tls: undefined,
      log: { level: 'notice', format: 'text', file: undefined },
      umask: 0o007,
      mode: {
        kind: 'receive',
        rules: { maxSize: 2_000_000, insecure: false },
        spool: { directory: '/spool', filters: [], overwrite: false, fsync: true, minFreeSpace: 0 },
      },
    });
  });

  test('W4 the idle limit is timeout * (retries + 1) seconds', () => {
    expect(settings({ timeout: '5', retries: '1' }).idleMs).toBe(10_000);
    expect(settings({ timeout: '5', retries: '0' }).idleMs).toBe(5000);
  });

  test.each([
    ['0', 'notice'],
    ['1', 'event'],
    ['2', 'detail'],
  ])('verbose %s is level %s', (verbose, level) => {
    expect(settings({ verbose }).log.level).toBe(level);
  });

  test('quiet silences the log, and only the log', () => {
    const password = new Secret('pw');
    const quiet = settings({ quiet: '1', verbose: '2' }, { password });
    expect(quiet.log.level).toBe('silent');
    expect(quiet.passwords.map((each) => each.reveal())).toEqual([password.reveal()]);
  });

  test('texts for the system are decoded: paths may be UTF-8', () => {
    const bytes = Buffer.from('/spöol').toString('latin1');
    expect(settings({ directory: bytes }).mode).toMatchObject({ spool: { directory: '/spöol' } });
  });

  test('with everything set they are frozen all the way down', () => {
    const frozen = settings(
      { ...TLS, addresses: '127.0.0.1,::1', filters: 'a:b;c:d' },
      { ...tlsMaterial(), password: new Secret('pw'), passphrase: new Secret('pp') },
    );
    const seen: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
      expect(Object.isFrozen(value), path).toBe(true);
      seen.push(path);
      for (const [key, part] of Object.entries(value)) walk(part, `${path}.${key}`);
    };
    walk(frozen, 'settings');
    expect(seen).toContain('settings.tls.versions');
    expect(seen).toContain('settings.mode.spool.filters.1');
    expect(seen).toContain('settings.listen.addresses');
  });

  test('with everything set they show no secret', () => {
    const shown = settings(TLS, {
      ...tlsMaterial(),
      password: new Secret('open-sesame'),
      passphrase: new Secret('abracadabra'),
    });
    for (const text of [
      JSON.stringify(shown),
      inspect(shown, { depth: null, showHidden: true }),
      `${String(shown.passwords)} ${String(shown.tls?.passphrase)}`,
    ]) {
      expect(text).toContain('[redacted]');
      expect(text).not.toMatch(/open-sesame|abracadabra/);
    }
  });
});

describe('problems', () => {
  test('receive mode needs a directory', () => {
    expect(problems({})).toEqual([expect.stringMatching(/^error : directory is required/)]);
  });

  test('all come at once, each with its source', () => {
    const told = problems({ addresses: '1.2.3', ssl_version: 'x', invalid_chars: 'z-a', filters: 'a:..' });
    expect(told.map((problem) => problem.split(':')[0])).toEqual([
      ...['error f addresses', 'error f ssl_version', 'error f invalid_chars', 'error f filters', 'error '],
    ]);
    expect(outcome({ addresses: '1.2.3', directory: '/spool' }).settings).toBeUndefined();
  });

  test('warnings stop nothing', () => {
    const { settings: made, problems: told } = outcome({ directory: '/spool', filters: 'x' });
    expect(told).toMatchObject([{ severity: 'warning', source: 'f filters' }]);
    expect(made?.mode).toMatchObject({ spool: { filters: [] } });
  });

  test('max_bytes_per_ip that lets no file of max_size through is doubtful', () => {
    const tokens = { directory: '/spool', max_size: '1000' };
    const few = 'a file of max_size (1000) would never arrive; allow more';
    expect(problems({ ...tokens, max_bytes_per_ip: '1000' })).toEqual([
      `warning f max_bytes_per_ip: max_bytes_per_ip allows 1000 bytes: ${few}`,
    ]);
    expect(problems({ ...tokens, max_bytes_per_ip: '2000', workers: '2' })).toEqual([
      `warning f max_bytes_per_ip: max_bytes_per_ip leaves each worker 1000 bytes: ${few}`,
    ]);
    expect(problems({ ...tokens, max_bytes_per_ip: '2000' })).toEqual([]);
    // A relay passes on files of any size.
    expect(problems({ proxy_ip: '127.0.0.1', max_bytes_per_ip: '1000' })).toEqual([]);
  });

  test('proxy_ip wins: directory and filters are neither needed nor checked', () => {
    const { mode, problems: told } = outcome({ proxy_ip: '10.0.0.1', proxy_port: '7', filters: 'a:..;x' });
    expect(mode).toMatchObject({ kind: 'relay', upstream: { servers: [{ host: '10.0.0.1', port: 7 }] } });
    expect(told).toEqual([]);
    expect(outcome({ proxy_ip: '10.0.0.1', directory: '/spool' }).mode?.kind).toBe('relay');
  });

  test('networks that cannot be understood are told, and else become settings', () => {
    expect(problems({ directory: '/spool', proxy_protocol_accept: '10.0.0.0/8,x' })).toEqual([
      'error f proxy_protocol_accept: proxy_protocol_accept: "x" is not an address or a network such as 10.0.0.0/8',
    ]);
    const { proxyProtocolFrom } = settings({ proxy_protocol_accept: '10.0.0.0/8' });
    expect(proxyProtocolFrom).toEqual([{ bytes: [10, 0, 0, 0], bits: 8 }]);
    expect(settings().proxyProtocolFrom).toEqual([]);
  });

  test('who may connect, and how often', () => {
    expect(settings().access).toEqual({
      allowFrom: undefined,
      libwrap: false,
      perAddress: { connections: 0, rate: 0, bytes: 0 },
    });
    const limits = { max_connections_per_ip: '1', max_rate_per_ip: '2', max_bytes_per_ip: '3k' };
    const { access } = settings({ allow_from: '10.0.0.0/8', use_libwrap: '1', ...limits });
    expect(access).toEqual({
      allowFrom: [{ bytes: [10, 0, 0, 0], bits: 8 }],
      libwrap: true,
      perAddress: { connections: 1, rate: 2, bytes: 3072 },
    });
    expect(problems({ directory: '/spool', allow_from: 'x' })).toEqual([
      expect.stringMatching(/^error f allow_from: allow_from: "x" is not an address or a network/),
    ]);
  });

  test.each([
    ['everywhere', {}],
    ['an address', { addresses: '10.0.0.1' }],
    ['one address of several', { addresses: '127.0.0.1,10.0.0.1' }],
  ])('a password without TLS is warned about: %s', (_where, tokens: Given) => {
    const told = problems({ directory: '/spool', password: 'pw', ...tokens }, { password: new Secret('pw') });
    expect(told).toEqual([expect.stringMatching(/^warning f password: a password without TLS/)]);
  });

  test('but not on loopback, nor with TLS', () => {
    const password = new Secret('pw');
    const tokens = { directory: '/spool', password: 'pw' };
    expect(problems({ ...tokens, addresses: '127.0.0.1,::1' }, { password })).toEqual([]);
    expect(problems({ ...tokens, ...TLS }, { ...tlsMaterial(), password })).toEqual([]);
  });

  test('nor when TLS is wanted and its files cannot be read', () => {
    const told = problems(
      { directory: '/spool', password: 'pw', ssl_cert: '/gone' },
      { password: new Secret('pw') },
    );
    expect(told).toEqual([]);
  });
});

describe('TLS', () => {
  test('without a certificate a key is warned about, and a CA refused, since nobody would be verified', () => {
    expect(problems({ directory: '/spool', ssl_key: '/k', ssl_ca: '/ca' })).toEqual([
      'warning f ssl_key: ssl_key without ssl_cert has no effect: TLS is off',
      'error f ssl_ca: ssl_ca verifies nobody without ssl_cert: TLS is off',
    ]);
  });

  test('S3 the key may be in the file of the certificate', () => {
    const { cert, key } = tlsMaterial();
    const both = Buffer.concat([cert, key]);
    expect(settings({ ssl_cert: '/c' }, { cert: both }).tls).toMatchObject({ cert: both, key: both });
  });

  test('without any key there is nothing to start', () => {
    const { cert } = tlsMaterial();
    expect(problems({ directory: '/spool', ssl_cert: '/c' }, { cert })).toEqual([
      'error f ssl_cert: ssl_key is required: the file of ssl_cert holds no private key',
    ]);
  });

  test('S7 no CA, no client certificate asked for', () => {
    const { cert, key } = tlsMaterial();
    expect(settings({ ssl_cert: '/c', ssl_key: '/k' }, { cert, key }).tls?.ca).toBeUndefined();
  });

  test('S11 ssl_version and ssl_cipher', () => {
    const tokens = { ...TLS, ssl_version: 'TLSv1_3', ssl_cipher: 'HIGH' };
    expect(settings(tokens, tlsMaterial()).tls).toMatchObject({
      versions: { minVersion: 'TLSv1.3' },
      ciphers: 'HIGH',
    });
  });

  test('a CA that does not parse is told even when the key cannot be read', () => {
    const { cert } = tlsMaterial();
    const told = problems({ directory: '/spool', ...TLS }, { cert, ca: Buffer.from('rubbish') });
    expect(told).toEqual(['error f ssl_ca: ssl_ca holds no certificate in PEM form']);
  });
});

describe('who may show which certificate', () => {
  test('ssl_client_names are divided by commas', () => {
    const tokens = { ...TLS, ssl_client_names: ' agent-*, büro 7 ,,*.example.com' };
    const given = { ...tokens, ssl_client_names: Buffer.from(tokens.ssl_client_names).toString('latin1') };
    expect(settings(given, tlsMaterial()).tls?.clientNames).toEqual(['agent-*', 'büro 7', '*.example.com']);
    expect(settings(TLS, tlsMaterial()).tls?.clientNames).toBeUndefined();
  });

  test('no name at all is an error, since nobody would be let in', () => {
    const told = problems({ directory: '/spool', ...TLS, ssl_client_names: ' , ' }, tlsMaterial());
    expect(told).toEqual([
      'error f ssl_client_names: ssl_client_names: there is no name, and nobody would be let in',
    ]);
  });

  test('ssl_crl is judged with the CAs that it is for', () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('server');
    const crl = readFileSync(new CertificateAuthority('Other CA').revocationList());
    const files = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(authority.ca) };
    const tokens = { directory: '/spool', ...TLS, ssl_crl: '/crl' };
    expect(problems(tokens, { ...files, crl })).toEqual([
      'warning f ssl_crl: ssl_crl has no CRL of CN=Test CA in ssl_ca: its clients are refused until it is added',
    ]);
    expect(problems(tokens, { ...files, crl: Buffer.from('rubbish') })).toEqual([
      expect.stringMatching(/^error f ssl_crl: ssl_crl holds no CRL in PEM form/),
    ]);
  });
});

test('any values give settings or a problem, never a crash', () => {
  const rows = OPTIONS as readonly (OptionRow & { token: Token })[];
  const value = fc.oneof(
    fc.constantFrom('0', '1', '2', '10', '/x', 'a:b', 'TLSv1_3', '::', '[', 'json'),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const given = fc.dictionary(fc.constantFrom(...rows.map(({ token }) => token)), value);
  fc.assert(
    fc.property(given, (tokens) => {
      const { settings: made, problems: told } = outcome(tokens);
      const errors = told.filter(({ severity }) => severity === 'error');
      expect(made === undefined).toBe(errors.length > 0);
    }),
    { numRuns: 500 },
  );
});

describe('several passwords', () => {
  function passwords(tokens: Given, password: string): string[] {
    return settings(tokens, { password: new Secret(password) }).passwords.map((each) =>
      each.reveal().toString('latin1'),
    );
  }

  test('a file has one a line, and a blank is a byte like others', () => {
    expect(passwords({ password_file: '/file' }, 'new\n old \nthird')).toEqual(['new', ' old ', 'third']);
  });

  test.each(['a\nb', '\n', ''])('%j of the command line is one: nothing opens the server', (password) => {
    expect(passwords({ password }, password)).toEqual([password]);
  });
});

describe('require_ssl', () => {
  const RELAY = { proxy_ip: '127.0.0.1', directory: '/spool' };

  test('does not start without ssl_cert', () => {
    expect(problems({ directory: '/spool', require_ssl: '1' })).toEqual([
      'error f require_ssl: require_ssl: there is no TLS without ssl_cert',
    ]);
    expect(outcome({ directory: '/spool', require_ssl: '1' }).settings).toBeUndefined();
  });

  test.each([{}, { proxy_mode: 'store' }, { proxy_ssl: '1', proxy_ssl_ca: '/ca' }])(
    'a proxy %j does not start without ssl_cert: what it passes on may be in clear',
    (more: Given) => {
      const told = problems({ ...RELAY, ...more, require_ssl: '1' });
      expect(told).toContainEqual(
        expect.stringMatching(/^error f require_ssl: .* without ssl_cert; whether/),
      );
    },
  );

  test('starts with it, as a relay, too', () => {
    const material = tlsMaterial();
    expect(settings({ ...TLS, require_ssl: '1' }, material).tls).toBeDefined();
    expect(settings({ ...RELAY, ...TLS, require_ssl: '1' }, material).mode.kind).toBe('relay');
  });
});
