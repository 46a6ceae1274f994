/** Makes of the client's options what the library needs to connect; reads the files that they name. */
import { readFileSync } from 'node:fs';
import { parseHttpProxy, parseServers } from '../client/endpoint.ts';
import type { TlsOptions } from '../client/tls.ts';
import type { Way } from '../client/transfer.ts';
import { reasonOf } from '../log/errno.ts';
import { error, type Problem, textOf } from '../settings/assignment.ts';
import type { ClientToken, ClientValues } from '../settings/client-options.ts';

export interface ClientTarget {
  /** Tried in turn. */
  readonly servers: readonly string[];
  readonly connect: Way;
}

const MS = 1000;

/** @returns the target, or undefined and why not */
export async function clientTarget(
  given: ClientValues,
): Promise<{ target: ClientTarget | undefined; problems: readonly Problem[] }> {
  const { values, sources } = given;
  const problems: Problem[] = [];
  const attempt = <T>(token: ClientToken, parse: () => T): T | undefined => {
    try {
      return parse();
    } catch (cause) {
      problems.push(error(sources[token], (cause as Error).message));
      return undefined;
    }
  };
  const read = (token: 'ssl_cert' | 'ssl_key' | 'ssl_ca' | 'password_file'): Buffer | undefined => {
    const path = values[token];
    return path === undefined ? undefined : attempt(token, () => readFile(textOf(path)));
  };

  const servers = attempt('address', () => parseServers(textOf(values.address)));
  const proxy =
    values.proxy && attempt('proxy', () => parseHttpProxy(String(values.proxy?.reveal().toString('latin1'))));
  const firstLine = read('password_file')?.toString('latin1').split(/\r?\n/, 1)[0];
  if (firstLine === '') problems.push(error(sources.password_file, 'the first line of the file is empty'));
  const fromFile = firstLine === undefined ? undefined : Buffer.from(firstLine, 'latin1');
  const password = sources.password.startsWith('-')
    ? values.password?.reveal()
    : (fromFile ?? values.password?.reveal());
  const material = { cert: read('ssl_cert'), key: read('ssl_key'), ca: read('ssl_ca') };
  const wantsTls = values.ssl || values.ssl_cert !== undefined || values.ssl_ca !== undefined;
  if (problems.length > 0 || servers === undefined) return { target: undefined, problems };
  const tls = wantsTls ? await tlsOptions(given, material, problems) : undefined;
  const localAddress = values.local_address === undefined ? undefined : textOf(values.local_address);
  const idleMs = values.timeout * (values.retries + 1) * MS;
  const target = { servers, connect: { port: values.port, idleMs, localAddress, proxy, password, tls } };
  return { target: problems.length === 0 ? target : undefined, problems };
}

/** S3: without -k, the key is the one in the file of -e; without one there, no certificate is shown. */
async function tlsOptions(
  { values, sources }: ClientValues,
  { cert, key, ca }: Readonly<Record<'cert' | 'key' | 'ca', Buffer | undefined>>,
  problems: Problem[],
): Promise<TlsOptions> {
  const pemTools = await import('../settings/certificates.ts');
  const attempt = <T>(token: 'ssl_cert' | 'ssl_key' | 'ssl_ca', judge: () => T): T | undefined => {
    try {
      return judge();
    } catch (cause) {
      const file = textOf(values[token] ?? '');
      problems.push(error(sources[token], `${file} ${(cause as Error).message}`));
      return undefined;
    }
  };
  if (ca !== undefined) attempt('ssl_ca', () => pemTools.readCertificates(ca));
  if (cert === undefined) return { ca };
  const [leaf] = attempt('ssl_cert', () => pemTools.readCertificates(cert)) ?? [];
  const pem = key ?? (pemTools.holdsPrivateKey(cert) ? cert : undefined);
  if (pem === undefined || leaf === undefined) return { ca };
  const token = key === undefined ? 'ssl_cert' : 'ssl_key';
  const passphrase =
    values.ssl_password && pemTools.isEncryptedKey(pem)
      ? await ask(textOf(values[token] ?? ''), problems)
      : undefined;
  const opened = attempt(token, () => {
    const found = pemTools.openKey(pem, passphrase, 'give its passphrase with -w');
    if (leaf.checkPrivateKey(found)) return found.export({ type: 'pkcs8', format: 'pem' });
    throw new SyntaxError('is not the private key of the certificate');
  });
  return { ca, cert, key: opened };
}

async function ask(file: string, problems: Problem[]): Promise<Buffer | undefined> {
  const { askPassphrase } = await import('../process/ask.ts');
  const answer = await askPassphrase(file);
  if (answer === undefined) problems.push(error('-w', 'there is no terminal to ask for the passphrase'));
  return answer === undefined ? undefined : Buffer.from(answer);
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}
