/** Certificates that servers of a benchmark show. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { directory } from './programs.ts';

const KEYS = { rsa: ['rsa:2048'], ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] };
export type KeyKind = keyof typeof KEYS;

export interface Certificate {
  /** Paths of PEM files that everybody may read. */
  readonly cert: string;
  readonly key: string;
}

/** RSA-2048 or ECDSA P-256; all servers of a run show the same one. @throws Error without the program openssl */
export function certificate(kind: KeyKind): Certificate {
  const [cert, key] = [join(directory, `${kind}.pem`), join(directory, `${kind}.key`)];
  if (!existsSync(cert)) {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const request = ['req', '-x509', '-nodes', '-days', '2', '-newkey', ...KEYS[kind], ...subject];
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    chmodSync(key, 0o644);
  }
  return { cert, key };
}
