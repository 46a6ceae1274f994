/** Reads and examines the files and directories that settings name. */
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { judgeWrapFiles, openLibwrap } from '../process/libwrap.ts';
import { filesNeeded, openFileLimit } from '../process/open-files.ts';
import { sandboxHint } from '../process/sandbox.ts';
import { error, type Problem, textOf, warning } from './assignment.ts';
import { isEncryptedKey } from './certificates.ts';
import { reasonOf } from '../log/errno.ts';
import { JOURNAL } from './journal-name.ts';
import type { ServerValues, Token } from './options.ts';
import { Secret } from './secret.ts';
import type { Settings, SpoolSettings } from './settings.ts';
import type { Material } from './validate.ts';

const OTHERS_MAY_READ = 0o004;

/** Asks a person for the passphrase of a key; '' when none was given, undefined when nobody can be asked. */
export type AskPassphrase = (file: string) => Promise<string | undefined>;

/** What reading a file gave; a reason that a person understands otherwise. */
export type ReadResult = { readonly bytes: Buffer } | { readonly reason: string; readonly missing: boolean };

/** Reads a whole file; a directory, a missing or an unreadable one is a reason, not an exception. */
export async function read(path: string): Promise<ReadResult> {
  try {
    return { bytes: await readFile(path) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    return { reason: `${reasonOf(cause)}${sandboxHint(path, code)}`, missing: code === 'ENOENT' };
  }
}

/** Warns when a file that holds a secret can be read by others. */
export async function judgeSecrecy(path: string, what: string, source: string): Promise<Problem[]> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & OTHERS_MAY_READ) === 0) return [];
  return [warning(source, `every user can read this file, which holds ${what}: chmod o-r ${path}`)];
}

/** Reads what the values name. @param ask how to get the passphrase for `ssl_password 1` */
export async function readMaterial(
  merged: ServerValues,
  ask: AskPassphrase,
): Promise<{ material: Material; problems: Problem[] }> {
  const { values, sources } = merged;
  const problems: Problem[] = [];

  const content = async (token: Token, path: string | undefined): Promise<Buffer | undefined> => {
    if (path === undefined) return undefined;
    const result = await read(textOf(path));
    if ('bytes' in result) return result.bytes;
    problems.push(error(sources[token], `${token}: cannot read ${textOf(path)}: ${result.reason}`));
    return undefined;
  };
  const secret = async (token: Token, path: string | undefined): Promise<string | undefined> => {
    const bytes = await content(token, path);
    if (path === undefined || bytes === undefined) return undefined;
    problems.push(...(await judgeSecrecy(textOf(path), 'a password', sources[token])));
    return bytes.toString('latin1');
  };
  const firstLine = async (token: Token, path: string | undefined): Promise<Secret | undefined> => {
    const line = (await secret(token, path))?.split(/\r?\n/, 1)[0];
    if (line === undefined || line !== '') return line === undefined ? undefined : new Secret(line);
    problems.push(error(sources[token], `${token}: the first line of ${textOf(path ?? '')} is empty`));
    return undefined;
  };
  /** All lines that hold something, as one secret. */
  const lines = async (token: Token, path: string | undefined): Promise<Secret | undefined> => {
    const text = await secret(token, path);
    const held = text?.split(/\r?\n/).filter((line) => line !== '');
    if (held === undefined || held.length > 0)
      return held === undefined ? undefined : new Secret(held.join('\n'));
    problems.push(error(sources[token], `${token}: ${textOf(path ?? '')} holds no password`));
    return undefined;
  };

  const cert = await content('ssl_cert', values.ssl_cert);
  const key = await content('ssl_key', values.ssl_key);
  const ca = await content('ssl_ca', values.ssl_ca);
  const crl = await content('ssl_crl', values.ssl_crl);
  const password = await lines('password_file', values.password_file);
  const passphrase =
    (await firstLine('ssl_password_file', values.ssl_password_file)) ??
    (values.ssl_password && values.ssl_cert !== undefined ? await asked(key ?? cert) : undefined);

  const proxyPassword = await firstLine('proxy_password_file', values.proxy_password_file);
  const proxy = {
    proxyCert: await content('proxy_ssl_cert', values.proxy_ssl_cert),
    proxyKey: await content('proxy_ssl_key', values.proxy_ssl_key),
    proxyCa: await content('proxy_ssl_ca', values.proxy_ssl_ca),
    proxyPassword: proxyPassword ?? values.proxy_password,
  };

  const credentials = await secret('nats_credentials', values.nats_credentials);
  const nats = {
    natsCredentials: credentials === undefined ? undefined : new Secret(credentials),
    natsCa: await content('nats_tls_ca', values.nats_tls_ca),
    natsCert: await content('nats_tls_cert', values.nats_tls_cert),
    natsKey: await content('nats_tls_key', values.nats_tls_key),
  };

  for (const [token, fromFile] of [
    ['password', password],
    ['proxy_password', proxyPassword],
  ] as const) {
    if (fromFile === undefined || values[token] === undefined) continue;
    problems.push(warning(sources[token], `${token} is not used: ${token}_file is set`));
  }
  return {
    material: { cert, key, ca, crl, password: password ?? values.password, passphrase, ...proxy, ...nats },
    problems,
  };

  /** S8: prompts only for a key that needs it, and only where somebody can answer. */
  async function asked(pem: Buffer | undefined): Promise<Secret | undefined> {
    if (pem === undefined || !isEncryptedKey(pem)) return undefined;
    const answer = await ask(textOf(values.ssl_key ?? values.ssl_cert ?? ''));
    if (answer !== undefined) return new Secret(Buffer.from(answer).toString('latin1'));
    problems.push(
      error(
        sources.ssl_password,
        'ssl_password: no terminal to ask for the passphrase; use ssl_password_file',
      ),
    );
    return undefined;
  }
}

/** Whether the spool and its sub-directories are there and can be written. */
export async function judgeSpool(spool: SpoolSettings, merged: ServerValues): Promise<Problem[]> {
  const { sources, values } = merged;
  const about = await judgeDirectory(spool.directory);
  if (about !== undefined) return [error(sources.directory, `directory ${spool.directory} ${about}`)];
  const meanwhile = values.mode === 'sync' ? 'it is not kept equal with the store' : 'its files are refused';
  return (await judgeFilters(spool)).map((trouble) =>
    warning(sources.filters, `${trouble}; until then ${meanwhile}`),
  );
}

/** Whoever sends on what waits in a directory takes it from the data server there: as known repeats, files would be lost. */
export async function judgeQueue(
  { directory }: SpoolSettings,
  { sources }: ServerValues,
): Promise<Problem[]> {
  const isDelivered = await access(join(directory, JOURNAL)).then(
    () => true,
    () => false,
  );
  if (!isDelivered) return [];
  const text =
    `directory ${directory} is where a server with mode deliver puts files (${JOURNAL} is there), and all of them ` +
    'would be taken away and sent on: give a directory of its own';
  return [error(sources.directory, text)];
}

/** What is wrong with the sub-directories of filters, and what to do. */
export async function judgeFilters({ directory, filters }: SpoolSettings): Promise<string[]> {
  const troubles: string[] = [];
  for (const name of new Set(filters.map((filter) => textOf(filter.directory)))) {
    const path = join(directory, name);
    const trouble = await judgeDirectory(path);
    if (trouble !== undefined) troubles.push(`filter directory ${path} ${trouble}`);
  }
  return troubles;
}

/** What is wrong with a directory that files are to be written into, and what to do; undefined: nothing. */
export async function judgeDirectory(path: string): Promise<string | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return 'is not a directory';
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const about = code === 'ENOENT' ? 'does not exist: create it' : `cannot be written: ${reasonOf(cause)}`;
    return `${about}${sandboxHint(path, code)}`;
  }
}

/** Whether the log file can be appended to, or made. */
export async function judgeLogFile(path: string, source: string): Promise<Problem[]> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true)
    return [error(source, `log_file ${path} cannot be written: it is a directory`)];
  try {
    await access(path, constants.W_OK).catch(async (cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      await access(dirname(path), constants.W_OK | constants.X_OK);
    });
    return [];
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Of a disk in trouble the log makes the best: it must not keep the service from its work.
    const judge = code === 'EROFS' ? warning : error;
    const text = code === 'ENOENT' ? `its directory ${dirname(path)} does not exist` : reasonOf(cause);
    const hint = sandboxHint(dirname(path), code);
    return [judge(source, `log_file ${path} cannot be written: ${text}${hint}`)];
  }
}

/** Whether the system allows as many open files as the settings may need. */
export function judgeLimits({ maxConnections, mode }: Pick<Settings, 'maxConnections' | 'mode'>): Problem[] {
  const needed = filesNeeded({ maxConnections, mode });
  const limit = openFileLimit();
  if (limit >= needed) return [];
  const text =
    `max_connections ${String(maxConnections)} may need ${String(needed)} open files, but only ${String(limit)} are ` +
    'allowed: raise LimitNOFILE (ulimit -n), or lower max_connections';
  return [warning('', text)];
}

/** Whether hosts.allow and hosts.deny can decide here. */
export async function judgeLibwrap(source: string): Promise<Problem[]> {
  try {
    await openLibwrap();
    judgeWrapFiles();
    return [];
  } catch (cause) {
    return [error(source, `use_libwrap: ${(cause as Error).message}`)];
  }
}
