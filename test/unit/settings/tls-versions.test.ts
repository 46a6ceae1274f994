/** S11: the words of IO::Socket::SSL become versions for node:tls. */
import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_TLS_VERSIONS, parseTlsVersions } from '../../../src/settings/tls-versions.ts';

const NO_1_1 = constants.SSL_OP_NO_TLSv1_1;
const NO_1_2 = constants.SSL_OP_NO_TLSv1_2;
const BELOW_1_2 = constants.SSL_OP_NO_TLSv1 | NO_1_1;
const ORDER = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

describe('S11 ssl_version', () => {
  test('is TLS 1.2 and 1.3 by default', () => {
    expect(DEFAULT_TLS_VERSIONS).toEqual({
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      secureOptions: 0,
    });
  });

  test.each([
    ['TLSv1_3', 'TLSv1.3', 'TLSv1.3'],
    ['TLSv1_2', 'TLSv1.2', 'TLSv1.2'],
    ['TLSv12', 'TLSv1.2', 'TLSv1.2'],
    ['tlsv1_2', 'TLSv1.2', 'TLSv1.2'],
    ['TLSv1_1', 'TLSv1.1', 'TLSv1.1'],
    ['TLSv1', 'TLSv1', 'TLSv1'],
    ['SSLv23', 'TLSv1', 'TLSv1.3'],
    ['SSLv2/3', 'TLSv1', 'TLSv1.3'],
    ['SSLv23:!SSLv3:!SSLv2', 'TLSv1', 'TLSv1.3'],
    ['SSLv23:!SSLv3:!TLSv1', 'TLSv1.1', 'TLSv1.3'],
    ['SSLv23:!TLSv1:!TLSv1_1:!TLSv1_3', 'TLSv1.2', 'TLSv1.2'],
    ['SSLv23 : !TLSv1 : !TLSv1_1', 'TLSv1.2', 'TLSv1.3'],
    ['!TLSv1_3', 'TLSv1', 'TLSv1.2'],
    ['!SSLv3', 'TLSv1', 'TLSv1.3'],
  ])('%s is %s to %s', (text, minVersion, maxVersion) => {
    expect(parseTlsVersions(text)).toMatchObject({ minVersion, maxVersion });
  });

  test('a version missing in the middle is switched off', () => {
    const { minVersion, maxVersion, secureOptions } = parseTlsVersions('SSLv23:!TLSv1_2');
    expect([minVersion, maxVersion]).toEqual(['TLSv1', 'TLSv1.3']);
    expect(secureOptions & NO_1_2).toBe(NO_1_2);
    expect(secureOptions & NO_1_1).toBe(0);
  });

  test('no version that is left is switched off', () => {
    const { secureOptions } = parseTlsVersions('SSLv23:!TLSv1:!TLSv1_1');
    expect(secureOptions & NO_1_2).toBe(0);
    expect(secureOptions & ~BELOW_1_2).toBe(0);
  });

  test.each(['', ':', 'TLS', 'TLSv1.3', 'TLSv1_4', 'TLSv1_3,TLSv1_2', '!', '!!TLSv1', 'SSLv1'])(
    '%j is no version',
    (text) => {
      expect(() => parseTlsVersions(text)).toThrow(/unknown version/);
    },
  );

  test.each(['SSLv3', 'SSLv2', 'TLSv1_3:!TLSv1_3', '!SSLv23'])('%s leaves none', (text) => {
    expect(() => parseTlsVersions(text)).toThrow('no TLS version is left');
  });

  test('any text gives versions that node:tls takes, or a SyntaxError', () => {
    const word = fc.constantFrom('SSLv23', 'SSLv3', 'TLSv1', 'TLSv1_1', 'TLSv1_2', 'TLSv1_3', 'x', '');
    const words = fc
      .array(fc.tuple(fc.constantFrom('', '!'), word).map((parts) => parts.join('')))
      .map((parts) => parts.join(':'));
    fc.assert(
      fc.property(fc.oneof(words, fc.string()), (text) => {
        try {
          const versions = parseTlsVersions(text);
          expect(ORDER.indexOf(versions.minVersion)).toBeLessThanOrEqual(ORDER.indexOf(versions.maxVersion));
          createSecureContext(versions);
        } catch (cause) {
          expect(cause).toBeInstanceOf(SyntaxError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
