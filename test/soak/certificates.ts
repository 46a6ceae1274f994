/** What TLS needs in a soak: a CA, a certificate of the server, one of a client, and one that another CA signed. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: string;
  readonly server: Pair;
  readonly client: Pair;
  /** Of a client whom the CA does not know. */
  readonly stranger: Pair;
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Makes them in this directory. */
export function makeCertificates(directory: string): Certificates {
  const at = (name: string): Pair => ({
    cert: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
  });
  const request = (name: string): string[] => [
    ...['-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', at(name).key],
  ];
  const authority = (name: string): void => {
    openssl('req', '-x509', '-days', '90', ...request(name), '-out', at(name).cert);
  };
  const sign = (name: string, by: string): Pair => {
    const { cert } = at(name);
    openssl('req', ...request(name), '-out', `${cert}.csr`);
    writeFileSync(`${cert}.ext`, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
    openssl(
      ...['x509', '-req', '-days', '90', '-in', `${cert}.csr`, '-extfile', `${cert}.ext`, '-out', cert],
      ...['-CA', at(by).cert, '-CAkey', at(by).key, '-CAcreateserial'],
    );
    return at(name);
  };
  authority('ca');
  authority('other-ca');
  return {
    ca: at('ca').cert,
    server: sign('server', 'ca'),
    client: sign('client', 'ca'),
    stranger: sign('stranger', 'other-ca'),
  };
}

/** What is in the files of a pair. */
export function contentsOf({ cert, key }: Pair): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}
