/** Reads the alternative names of a certificate (SAN) as Node writes them. Pure. */

export interface CertificateName {
  readonly kind: 'CN' | 'DNS' | 'IP' | 'email' | 'URI';
  readonly text: string;
}

/** How node:tls calls the alternative names that can name a client. */
const KINDS: Readonly<Record<string, CertificateName['kind']>> = {
  DNS: 'DNS',
  'IP Address': 'IP',
  email: 'email',
  URI: 'URI',
};

/** `DNS:a, IP Address:1.2.3.4, URI:"a, b"`: what could be mistaken is quoted as in JSON. */
const ALTERNATIVE_NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** Names of other kinds are left out. */
export function alternativeNames(text: string): CertificateName[] {
  return [...text.matchAll(ALTERNATIVE_NAME)].flatMap(([, label = '', value = '']) => {
    const kind = KINDS[label];
    return kind === undefined ? [] : [{ kind, text: unquoted(value) }];
  });
}

function unquoted(value: string): string {
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}
