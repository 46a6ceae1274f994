/** ssl_crl is judged before anything is started with it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSameName } from '../../../src/settings/distinguished-name.ts';
import { readRevocationLists, revocationBlocks } from '../../../src/settings/revocation-list.ts';
import { judgeRevocationLists } from '../../../src/settings/revocation.ts';
import { CertificateAuthority } from '../../support/certificates.ts';

const DAY = 86_400_000;
const PERIOD = { from: '20260101000000Z', until: '20260131000000Z' };
const LATER = { from: '20260115000000Z', until: '20600101000000Z' };
const START = Date.UTC(2026, 0, 1);
const END = Date.UTC(2026, 0, 31);

interface Fixtures {
  readonly ca: Buffer;
  readonly other: Buffer;
  /** From START to END. */
  readonly january: Buffer;
  /** Of the same CA. */
  readonly later: Buffer;
  readonly daily: Buffer;
  readonly ofOther: Buffer;
}

// Keys take long to make: the first test makes them for all.
let made: Fixtures | undefined;
function fixtures(): Fixtures {
  const make = (): Fixtures => {
    const one = new CertificateAuthority('Test CA');
    const other = new CertificateAuthority('Other CA');
    return {
      ca: readFileSync(one.ca),
      other: readFileSync(other.ca),
      january: readFileSync(one.revocationList(PERIOD)),
      later: readFileSync(one.revocationList(LATER)),
      daily: readFileSync(one.revocationList({ from: PERIOD.from, until: '20260102000000Z' })),
      ofOther: readFileSync(other.revocationList(LATER)),
    };
  };
  return (made ??= make());
}

function judge(crl: Buffer, now: number, ca = fixtures().ca): string[] {
  return judgeRevocationLists({ ca, crl }, 'CRL', now).map(
    ({ severity, source, text }) => `${severity} ${source}: ${text}`,
  );
}

// With it, OpenSSL lets in whom only the full list revokes.
test('a delta CRL is refused, beside the full one, too', () => {
  const authority = new CertificateAuthority('Test CA');
  const full = readFileSync(authority.revocationList(PERIOD));
  const delta = readFileSync(authority.revocationList({ ...LATER, isDelta: true }));
  const told =
    'error CRL: ssl_crl (CN=Test CA) is a delta CRL, which holds only changes: give the full CRL alone';
  for (const crl of [delta, Buffer.concat([full, delta]), Buffer.concat([delta, full])]) {
    expect(judge(crl, START)).toEqual([told]);
  }
});

test('whose a list is, and from when to when, in dates of both forms', () => {
  const { january, later } = fixtures();
  expect(readRevocationLists(Buffer.concat([january, later]))).toEqual([
    { issuer: 'CN=Test CA', fromMs: START, untilMs: END },
    { issuer: 'CN=Test CA', fromMs: Date.UTC(2026, 0, 15), untilMs: Date.UTC(2060, 0, 1) },
  ]);
});

test('a list with text around it, as openssl crl -text writes it', () => {
  const text = execFileSync('openssl', ['crl', '-text'], { input: fixtures().january });
  expect(readRevocationLists(text)).toHaveLength(1);
  expect(createSecureContext({ crl: revocationBlocks(text) })).toBeDefined();
});

describe('dates', () => {
  test('in the middle of its life nothing is wrong', () => {
    expect(judge(fixtures().january, START + 10 * DAY)).toEqual([]);
  });

  test('an expired one is a warning that says what it does', () => {
    expect(judge(fixtures().january, END)).toEqual([
      'warning CRL: ssl_crl (CN=Test CA) expired on Sat, 31 Jan 2026 00:00:00 GMT: clients of this CA are refused until it is renewed',
    ]);
  });

  test('three days before its end, too', () => {
    expect(judge(fixtures().january, END - 3 * DAY - 1000)).toEqual([]);
    expect(judge(fixtures().january, END - 3 * DAY)).toEqual([
      'warning CRL: ssl_crl (CN=Test CA) expires on Sat, 31 Jan 2026 00:00:00 GMT: from then on clients of this CA are refused',
    ]);
  });

  test('one that is made anew every day is not warned about all day long', () => {
    expect(judge(fixtures().daily, START + DAY / 2)).toEqual([]);
    expect(judge(fixtures().daily, START + (DAY * 3) / 4)).toHaveLength(1);
  });

  test('one that is not valid yet', () => {
    expect(judge(fixtures().january, START - 1000)).toEqual([
      'warning CRL: ssl_crl (CN=Test CA) is not valid before Thu, 01 Jan 2026 00:00:00 GMT: clients of this CA are refused until then',
    ]);
  });

  test('of several of a CA the latest counts', () => {
    const { january, later } = fixtures();
    for (const crl of [Buffer.concat([january, later]), Buffer.concat([later, january])]) {
      expect(judge(crl, END + DAY)).toEqual([]);
    }
  });
});

test('a CA without a list is warned about, whichever it is', () => {
  const { ca, other, later, ofOther } = fixtures();
  const both = Buffer.concat([ca, other]);
  expect(judge(later, END, both)).toEqual([
    'warning CRL: ssl_crl has no CRL of CN=Other CA in ssl_ca: its clients are refused until it is added',
  ]);
  expect(judge(Buffer.concat([later, ofOther]), END, both)).toEqual([]);
});

test('names are the same whatever their case and blanks', () => {
  expect(isSameName('O=Example  Org, CN=Test CA', 'o=example org, cn=TEST ca')).toBe(true);
  expect(isSameName('CN=Test CA', 'CN=Test CA 2')).toBe(false);
});

describe('is refused', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['rubbish', Buffer.from('rubbish\n')],
  ])('%s', (_what, crl) => {
    expect(judge(crl, END)).toEqual([
      'error CRL: ssl_crl holds no CRL in PEM form (openssl crl -inform DER -outform PEM makes it of DER)',
    ]);
  });

  test('a certificate', () => {
    expect(judge(fixtures().ca, END)).toEqual([expect.stringContaining('holds no CRL in PEM form')]);
  });

  test('a broken one behind a good one, of which node:tls would say nothing', () => {
    const broken = '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n';
    const crl = Buffer.concat([fixtures().later, Buffer.from(broken)]);
    expect(() => createSecureContext({ crl })).not.toThrow();
    expect(judge(crl, END)).toEqual([expect.stringMatching(/^error CRL: ssl_crl does not parse: ./)]);
  });

  test('a file that was cut off in its second list', () => {
    const { later, ofOther } = fixtures();
    const crl = Buffer.concat([later, ofOther.subarray(0, ofOther.length - 60)]);
    expect(judge(crl, END)).toEqual(['error CRL: ssl_crl does not parse: a CRL has no end']);
  });
});

test('any change of any byte is judged without a crash', () => {
  const der = Buffer.from(fixtures().january.toString('latin1').split('-----')[2] ?? '', 'base64');
  const change = fc.record({ at: fc.nat(der.length - 1), byte: fc.nat(255), length: fc.nat(der.length) });
  fc.assert(
    fc.property(change, fc.boolean(), ({ at, byte, length }, cut) => {
      const changed = Buffer.from(der.subarray(0, cut ? length : der.length));
      if (at < changed.length) changed[at] = byte;
      const body = changed.toString('base64').replace(/.{64}/g, '$&\n');
      const crl = Buffer.from(`-----BEGIN X509 CRL-----\n${body}\n-----END X509 CRL-----\n`);
      for (const text of judge(crl, END)) expect(text).toMatch(/^(error|warning) CRL: ssl_crl /);
    }),
    { numRuns: 1000 },
  );
});
