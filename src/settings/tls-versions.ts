/** Translates the token `ssl_version` from IO::Socket::SSL's words (S11). Pure. */
import { constants } from 'node:crypto';
import type { TlsVersion, TlsVersions } from './settings.ts';

const VERSIONS: readonly { readonly version: TlsVersion; readonly off: number }[] = [
  { version: 'TLSv1', off: constants.SSL_OP_NO_TLSv1 },
  { version: 'TLSv1.1', off: constants.SSL_OP_NO_TLSv1_1 },
  { version: 'TLSv1.2', off: constants.SSL_OP_NO_TLSv1_2 },
  { version: 'TLSv1.3', off: constants.SSL_OP_NO_TLSv1_3 },
];

const WORD = /^(!?)(SSLv2|SSLv3|SSLv23|SSLv2\/3|TLSv1(?:_?[123])?)$/i;

export const DEFAULT_TLS_VERSIONS: TlsVersions = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  secureOptions: 0,
};

/**
 * `TLSv1_3` allows that version alone, `SSLv23` all, `!TLSv1` takes one away; words are joined by `:`.
 * @throws SyntaxError for an unknown word, or when nothing is left
 */
export function parseTlsVersions(text: string): TlsVersions {
  const allowed = new Set<TlsVersion>();
  const denied = new Set<TlsVersion>();
  let anyUnlessDenied = true;
  for (const word of text.split(':')) {
    const match = WORD.exec(word.trim());
    if (match === null) throw new SyntaxError(`unknown version "${word.trim()}"`);
    const deny = match[1] === '!';
    if (!deny) anyUnlessDenied = false;
    // OpenSSL 3 has no SSLv2 and SSLv3 any more: such words add and take away nothing.
    for (const version of named(match[2] ?? '')) (deny ? denied : allowed).add(version);
  }
  const left = VERSIONS.filter(
    ({ version }) => (anyUnlessDenied || allowed.has(version)) && !denied.has(version),
  );
  const [first] = left;
  const last = left.at(-1);
  if (first === undefined || last === undefined) throw new SyntaxError('no TLS version is left');
  const gaps = VERSIONS.filter((entry) => !left.includes(entry)).reduce((bits, { off }) => bits | off, 0);
  return { minVersion: first.version, maxVersion: last.version, secureOptions: gaps };
}

function named(word: string): TlsVersion[] {
  const lower = word.toLowerCase();
  if (lower === 'sslv23' || lower === 'sslv2/3') return VERSIONS.map(({ version }) => version);
  if (lower.startsWith('sslv')) return [];
  const minor = /[123]$/.exec(lower.slice('tlsv1'.length))?.[0];
  return VERSIONS.map(({ version }) => version).filter(
    (version) => version === (minor === undefined ? 'TLSv1' : `TLSv1.${minor}`),
  );
}
