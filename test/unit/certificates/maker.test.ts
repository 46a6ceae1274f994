/** Certificates are made with the CA that is there, for as long as it is. */
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCertificates } from '../../../src/certificates/maker.ts';
import type { Wish } from '../../../src/certificates/wish.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const DAY = 86_400_000;

function wish(directory: string, more: Partial<Wish>): Wish {
  return { directory, hosts: [], clients: [], days: 825, rsa: false, ...more };
}

test('a CA that has expired signs nothing more', async () => {
  const directory = temporaryDirectory();
  const longAgo = Date.now() - 3651 * DAY;
  await makeCertificates(wish(directory, { hosts: ['a.example'] }), longAgo);
  const before = readdirSync(directory);
  await expect(makeCertificates(wish(directory, { clients: ['agent'] }), Date.now())).rejects.toThrow(
    /ca\.pem expired on .*: make a new CA in another directory; nothing was changed$/,
  );
  expect(readdirSync(directory)).toEqual(before);
});

test('from an hour ago on, for clocks that are slow, but not from before its CA', async () => {
  const directory = temporaryDirectory();
  const now = Date.UTC(2040, 0, 1);
  await makeCertificates(wish(directory, { hosts: ['a.example'] }), now);
  const begins = (name: string): number =>
    Date.parse(new X509Certificate(readFileSync(join(directory, name))).validFrom);
  expect(begins('ca.pem')).toBe(now - 3_600_000);
  expect(begins('server.pem')).toBe(now - 3_600_000);
  // As a host whose clock was set back.
  await makeCertificates(wish(directory, { clients: ['agent'] }), now - DAY);
  expect(begins('agent.pem')).toBe(now - 3_600_000);
});

test('dates from 2050 on are written as RFC 5280 wants them', async () => {
  const directory = temporaryDirectory();
  await makeCertificates(wish(directory, { hosts: ['a.example'], days: 36_500 }), Date.UTC(2026, 0, 1));
  const { validTo } = new X509Certificate(readFileSync(join(directory, 'server.pem')));
  expect(Date.parse(validTo)).toBe(Date.UTC(2026, 0, 1) + 36_500 * DAY);
});

test('two at a time in one directory: one wins, and no file is mixed', async () => {
  const directory = temporaryDirectory();
  const make = (): Promise<unknown> =>
    makeCertificates(wish(directory, { hosts: ['a.example'] }), Date.now());
  const outcomes = await Promise.allSettled([make(), make()]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const read = (name: string): Buffer => readFileSync(join(directory, name));
  expect(readdirSync(directory)).toHaveLength(4);
  const [ca, server] = [new X509Certificate(read('ca.pem')), new X509Certificate(read('server.pem'))];
  expect(server.verify(ca.publicKey)).toBe(true);
});
