/** What is said of the certificates in use: names, and whether peers can follow them to a CA. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chainOf } from '../../../src/settings/certificate-chain.ts';
import { certificatesOf } from '../../../src/settings/certificate-report.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../../src/settings/options.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import { NO_MATERIAL } from '../../support/settings.ts';

function valuesOf(
  tokens: Partial<Record<Token, string>>,
): ReturnType<typeof mergeAssignments<(typeof OPTIONS)[number]>>['values'] {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    token,
    value,
    source: 'test',
    typed: true,
  }));
  return mergeAssignments(OPTIONS, assignments).values;
}

describe('a report', () => {
  test('says whose it is, who signed it, for which names and how long', () => {
    const authority = new CertificateAuthority('Our CA');
    const alternativeNames = 'DNS:tentacle.example,IP:10.0.0.1,IP:2001:db8::1';
    const { cert } = authority.issue('tentacle.example', {
      subject: '/O=Example/CN=tentacle.example',
      alternativeNames,
    });
    const pem = readFileSync(cert);
    const { validFrom, validTo } = new X509Certificate(pem);
    const values = valuesOf({ ssl_cert: '/etc/tentacle/server.pem' });
    expect(certificatesOf({ values, material: { ...NO_MATERIAL, cert: pem } })).toEqual([
      {
        token: 'ssl_cert',
        file: '/etc/tentacle/server.pem',
        subject: 'O=Example, CN=tentacle.example',
        names: ['DNS:tentacle.example', 'IP:10.0.0.1', 'IP:2001:db8::1'],
        issuer: 'CN=Our CA',
        validFrom: Date.parse(validFrom),
        validTo: Date.parse(validTo),
        chain: { complete: true, text: 'complete up to CN=Our CA, which peers need in their CA file' },
      },
    ]);
  });

  test('there is one for each certificate of each file in use, and for no other', () => {
    const [one, other] = [new CertificateAuthority('One'), new CertificateAuthority('Other')];
    const pem = (path: string): Buffer => readFileSync(path);
    const material = {
      ...NO_MATERIAL,
      ...{
        cert: pem(one.chained(one.issue('server')).cert),
        ca: Buffer.concat([pem(one.ca), pem(other.ca)]),
      },
      ...{ proxyCert: pem(other.issue('proxy').cert), proxyCa: pem(other.ca) },
    };
    const tls = { ssl_cert: '/a', ssl_ca: '/b' };
    const proxy = { proxy_ip: 'centre', proxy_ssl_cert: '/c', proxy_ssl_ca: '/d' };
    const found = (tokens: Partial<Record<Token, string>>): string[] =>
      certificatesOf({ values: valuesOf(tokens), material }).map(
        ({ token, subject }) => `${token} ${subject}`,
      );
    const ofTls = ['ssl_cert CN=server', 'ssl_cert CN=One', 'ssl_ca CN=One', 'ssl_ca CN=Other'];
    expect(found({})).toEqual([]);
    expect(found(tls)).toEqual(ofTls);
    expect(found({ ...tls, ...proxy })).toEqual(ofTls);
    expect(found({ ...tls, ...proxy, proxy_ssl: '1' })).toEqual([
      ...[...ofTls, 'proxy_ssl_cert CN=proxy', 'proxy_ssl_ca CN=Other'],
    ]);
  });

  test('a file that is broken has none', () => {
    const values = valuesOf({ ssl_cert: '/a' });
    expect(certificatesOf({ values, material: { ...NO_MATERIAL, cert: Buffer.from('rubbish') } })).toEqual(
      [],
    );
  });

  test('shows no control character of a certificate', () => {
    const { cert } = new CertificateAuthority().issue('x', {
      ...{ subject: '/CN=a\u001b[31m\u202eb', alternativeNames: 'DNS:x' },
    });
    const values = valuesOf({ ssl_cert: '/a' });
    const [report] = certificatesOf({ values, material: { ...NO_MATERIAL, cert: readFileSync(cert) } });
    expect(report?.subject).toMatch(/^CN=a[ -~]+b$/);
  });
});

describe('a chain', () => {
  const root = (name = 'Root'): CertificateAuthority => new CertificateAuthority(name);
  const read = (...paths: readonly string[]): X509Certificate[] =>
    paths.map((path) => new X509Certificate(readFileSync(path)));

  test('of a certificate and the one between it and the root', () => {
    const top = root();
    const between = new CertificateAuthority('Between', top);
    expect(chainOf(read(between.issue('server').cert, between.ca), [])).toEqual({
      complete: true,
      text: 'complete up to CN=Root, which peers need in their CA file',
    });
  });

  test('with the root in the file is as good', () => {
    const top = root();
    expect(chainOf(read(top.issue('server').cert, top.ca), [])).toEqual({
      complete: true,
      text: 'complete up to CN=Root, which peers need in their CA file',
    });
  });

  test('that ssl_ca goes on with', () => {
    const top = root();
    const between = new CertificateAuthority('Between', top);
    const alone = read(between.issue('server').cert);
    expect(chainOf(alone, read(top.ca, between.ca)).text).toContain('complete up to CN=Root,');
    expect(chainOf(alone, read(between.ca)).text).toContain('complete up to CN=Root,');
    expect(chainOf(alone, read(top.ca)).text).toContain('complete up to CN=Between,');
  });

  test('of one that signed itself', () => {
    expect(chainOf(read(root().ca), [])).toEqual({
      complete: true,
      text: 'self-signed: peers need this certificate itself in their CA file',
    });
  });

  test('out of order says what must follow what', () => {
    const top = root();
    const between = new CertificateAuthority('Between', top);
    expect(chainOf(read(between.issue('server').cert, top.ca, between.ca), [])).toEqual({
      complete: false,
      text: 'out of order: CN=server is signed by CN=Between, which must follow it at once',
    });
  });

  test('with a gap says what is missing', () => {
    const top = root();
    const between = new CertificateAuthority('Between', top);
    expect(chainOf(read(between.issue('server').cert, top.ca), [])).toEqual({
      complete: false,
      text: 'broken: CN=server is signed by CN=Between, which is missing in this file: put it behind that one',
    });
  });

  test('is not made by a CA that has only the name', () => {
    expect(chainOf(read(root().issue('server').cert, root().ca), []).complete).toBe(false);
  });
});
