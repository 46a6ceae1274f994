/** Says what a reload would change, and keeps what cannot change while the server runs. Pure. */
import { textOf } from './assignment.ts';
import type { Request } from './load.ts';
import { type OptionRow } from './option-row.ts';
import { OPTIONS, type ServerValues, type Token } from './options.ts';
import { Secret } from './secret.ts';
import { shownValue } from './shown.ts';
import type { Material } from './validate.ts';

/** All that settings are made of: of a request, and of what loadSettings read for it. */
export interface Ingredients extends Pick<ServerValues, 'values'> {
  readonly material: Material;
}

/** What has been done for good by the time the server listens. */
export const FIXED = ['daemon', 'user', 'allow_root', 'pid_file'] as const satisfies readonly Token[];

/** Tokens that name a file, and what its content is for. */
const CONTENTS = [
  ['ssl_cert', 'cert'],
  ['ssl_key', 'key'],
  ['ssl_ca', 'ca'],
  ['ssl_crl', 'crl'],
  ['password_file', 'password'],
  ['ssl_password_file', 'passphrase'],
  ['proxy_ssl_cert', 'proxyCert'],
  ['proxy_ssl_key', 'proxyKey'],
  ['proxy_ssl_ca', 'proxyCa'],
  ['proxy_password_file', 'proxyPassword'],
  ['nats_credentials', 'natsCredentials'],
  ['nats_tls_ca', 'natsCa'],
  ['nats_tls_cert', 'natsCert'],
  ['nats_tls_key', 'natsKey'],
] as const satisfies readonly (readonly [Token, keyof Material])[];

/** Whether the two make the same settings: only a real change is worth a reload. */
export function isSame(before: Ingredients, after: Ingredients): boolean {
  return (
    OPTIONS.every(({ token }) => equal(before.values[token], after.values[token])) &&
    CONTENTS.every(([, part]) => equal(before.material[part], after.material[part]))
  );
}

/** What is different, a line each, in the order of the option table: `port: 41121 -> 41122`. Shows no secret. */
export function changesOf(before: Ingredients, after: Ingredients): string[] {
  const lines = OPTIONS.filter(({ token }) => !equal(before.values[token], after.values[token])).map((row) =>
    valueChange(row, before.values[row.token], after.values[row.token]),
  );
  for (const [token, part] of CONTENTS) {
    const path = after.values[token];
    // Another file is told already.
    if (path === undefined || path !== before.values[token]) continue;
    if (equal(before.material[part], after.material[part])) continue;
    lines.push(`${token}: the content of ${textOf(path)} changed`);
  }
  return lines;
}

/**
 * The request of a reload with the running values of FIXED in their places.
 * @param running the request that the server was started with
 * @returns also the tokens that somebody wants otherwise, for `kept until a restart: ...`
 */
export function keepFixed(
  request: Request,
  running: ServerValues,
): { readonly request: Request; readonly kept: readonly Token[] } {
  const kept = FIXED.filter((token) => !equal(request.values[token], running.values[token]));
  return {
    request: {
      ...request,
      values: { ...request.values, ...pick(running.values) },
      sources: { ...request.sources, ...pick(running.sources) },
    },
    kept,
  };
}

function pick<T extends Readonly<Record<(typeof FIXED)[number], unknown>>>(
  all: T,
): Pick<T, (typeof FIXED)[number]> {
  const { daemon, user, allow_root, pid_file } = all;
  return { daemon, user, allow_root, pid_file };
}

type Value = string | number | boolean | Secret | undefined;

function valueChange(row: OptionRow, before: Value, after: Value): string {
  if (row.type === 'secret') return `${row.token}: changed`;
  const [from, to] = [before, after].map((value) => shownValue(row, value) || 'none');
  return `${row.token}: ${String(from)} -> ${String(to)}`;
}

function equal(one: Value | Buffer, other: Value | Buffer): boolean {
  const [a, b] = [bytesOf(one), bytesOf(other)];
  return a !== undefined && b !== undefined ? a.equals(b) : one === other;
}

function bytesOf(value: Value | Buffer): Buffer | undefined {
  return value instanceof Secret ? value.reveal() : Buffer.isBuffer(value) ? value : undefined;
}
