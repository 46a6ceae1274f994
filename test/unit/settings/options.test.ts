/** The option table says what the table says: tokens, flags, defaults. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_INVALID_CHARS } from '../../../src/protocol/file-name.ts';
import { longFlag, type OptionRow } from '../../../src/settings/option-row.ts';
import { optionRow, OPTIONS } from '../../../src/settings/options.ts';

/** Token, flag, default: the table, and the tokens it adds. */
const EXPECTED: readonly (readonly [string, string | undefined, unknown])[] = [
  ['addresses', 'a', undefined],
  ['port', 'p', 41121],
  ['max_connections', 'c', 1000],
  ['daemon', 'd', false],
  ['ssl_cert', 'e', undefined],
  ['ssl_key', 'k', undefined],
  ['ssl_ca', 'f', undefined],
  ['ssl_version', 'z', undefined],
  ['ssl_cipher', 'u', undefined],
  ['insecure', 'I', false],
  ['filters', 'i', undefined],
  ['max_size', 'm', 2_000_000],
  ['overwrite', 'o', false],
  ['quiet', 'q', false],
  ['directory', 's', undefined],
  ['proxy_ip', 'b', undefined],
  ['proxy_port', 'g', 41121],
  ['timeout', 't', 1],
  ['verbose', undefined, 0],
  ['ssl_password', 'w', false],
  ['password', 'x', undefined],
  ['use_libwrap', 'T', false],
  ['log_file', 'l', undefined],
  ['block_size', undefined, 8192],
  ['invalid_chars', undefined, DEFAULT_INVALID_CHARS],
  ['retries', 'r', 3],
  ['fsync', undefined, true],
  ['user', 'U', undefined],
  ['allow_root', undefined, false],
  ['password_file', undefined, undefined],
  ['ssl_password_file', undefined, undefined],
  ['min_free_space', undefined, 0],
  ['umask', undefined, 0o007],
  ['drain_timeout', undefined, 60],
  ['log_format', undefined, 'text'],
  ['log_max_size', undefined, 10_485_760],
  ['log_frequency', undefined, 'daily'],
  ['log_keep', undefined, 14],
  ['workers', undefined, 0],
  ['pid_file', undefined, undefined],
  ['proxy_mode', undefined, 'relay'],
  ['proxy_policy', undefined, 'failover'],
  ['proxy_connections', undefined, 4],
  ['relay_timeout', undefined, 60],
  ['proxy_ssl', undefined, false],
  ['proxy_ssl_ca', undefined, undefined],
  ['proxy_ssl_cert', undefined, undefined],
  ['proxy_ssl_key', undefined, undefined],
  ['proxy_password', undefined, undefined],
  ['proxy_password_file', undefined, undefined],
  ['proxy_protocol_send', undefined, 'off'],
  ['proxy_protocol_accept', undefined, undefined],
  ['allow_from', undefined, undefined],
  ['require_ssl', undefined, false],
  ['ssl_client_names', undefined, undefined],
  ['ssl_crl', undefined, undefined],
  ['ssl_client_files', undefined, false],
  ['max_connections_per_ip', undefined, 0],
  ['max_rate_per_ip', undefined, 0],
  ['max_bytes_per_ip', undefined, 0],
  ['max_files', undefined, 0],
  ['status_address', undefined, undefined],
  ['status_token', undefined, undefined],
  ['mode', undefined, 'receive'],
  ['store', undefined, 'directory'],
  ['nats_servers', undefined, undefined],
  ['nats_credentials', undefined, undefined],
  ['nats_tls_ca', undefined, undefined],
  ['nats_tls_cert', undefined, undefined],
  ['nats_tls_key', undefined, undefined],
  ['nats_stream', undefined, 'TENTACLE'],
  ['nats_replicas', undefined, 3],
  ['nats_duplicate_window', undefined, 600],
  ['sync_directories', undefined, 'conf,md5,collections'],
];

const ROWS = OPTIONS as readonly OptionRow[];
const BOOLEANS = [
  ...['daemon', 'insecure', 'overwrite', 'quiet', 'ssl_password', 'use_libwrap', 'fsync', 'allow_root'],
  ...['proxy_ssl', 'require_ssl', 'ssl_client_files'],
];
const ABSOLUTE = [
  ...['ssl_cert', 'ssl_key', 'ssl_ca', 'password_file', 'ssl_password_file', 'pid_file'],
  ...['proxy_ssl_cert', 'proxy_ssl_key', 'proxy_ssl_ca', 'proxy_password_file', 'ssl_crl'],
  ...['nats_credentials', 'nats_tls_ca', 'nats_tls_cert', 'nats_tls_key'],
];

describe('the option table', () => {
  test('has the tokens of the issue, and no others', () => {
    expect(ROWS.map(({ token }) => token).sort()).toEqual(EXPECTED.map(([token]) => token).sort());
  });

  test.each(EXPECTED)('%s has flag %s and default %s', (token, flag, value) => {
    const row = optionRow(token);
    expect(row?.flag).toBe(flag);
    expect(row?.default).toBe(value);
  });

  test('verbose is 1 by -v and 2 by -V', () => {
    expect(optionRow('verbose')).toMatchObject({ letters: { v: '1', V: '2' }, min: 0, max: 2 });
  });

  test('booleans are booleans', () => {
    const found = ROWS.filter(({ type }) => type === 'boolean').map(({ token }) => token);
    expect(found.sort()).toEqual([...BOOLEANS].sort());
  });

  test('paths of certificates, keys and passwords must be absolute', () => {
    const found = ROWS.filter(({ type }) => type === 'absolute path').map(({ token }) => token);
    expect(found.sort()).toEqual([...ABSOLUTE].sort());
  });

  test('passwords and the token, and they alone, are secret', () => {
    expect(ROWS.filter((row) => row.type === 'secret').map(({ token }) => token)).toEqual([
      'password',
      'proxy_password',
      'status_token',
    ]);
  });

  test('no letter means two things', () => {
    const letters = ROWS.flatMap((row) => [
      ...(row.flag === undefined ? [] : [row.flag]),
      ...('letters' in row ? Object.keys(row.letters ?? {}) : []),
    ]);
    expect(new Set([...letters, 'F', 'h', 'S']).size).toBe(letters.length + 3);
  });

  test('every row has a sentence of help', () => {
    for (const row of ROWS) expect(row.help, row.token).toMatch(/^.{5,}\.$/);
  });

  test('every default is within its own range or choices', () => {
    for (const row of ROWS) {
      if ('min' in row) {
        expect(row.default, row.token).toBeGreaterThanOrEqual(row.min);
        expect(row.default, row.token).toBeLessThanOrEqual(row.max);
      }
      if ('choices' in row) expect(row.choices, row.token).toContain(row.default);
    }
  });

  test('a long flag is the token with dashes', () => {
    expect(longFlag('ssl_password_file')).toBe('ssl-password-file');
  });

  test('a word that is no token has no row', () => {
    expect(optionRow('adresses')).toBeUndefined();
    expect(optionRow('constructor')).toBeUndefined();
  });
});
