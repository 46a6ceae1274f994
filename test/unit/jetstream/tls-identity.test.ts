/** A NATS server is verified by its name, or by its address. */
import type { PeerCertificate } from 'node:tls';
import { expect, test } from 'vitest';
import { identityCheck } from '../../../src/jetstream/tls-identity.ts';

function certificate(subjectaltname: string): PeerCertificate {
  return { subject: { CN: 'server' }, subjectaltname } as PeerCertificate;
}

const SERVERS = [
  { host: '192.0.2.7', port: 4222 },
  { host: 'nats.example', port: 4222 },
];
const check = identityCheck(SERVERS);

test('an address, of which node is told nothing, is looked for in the certificate', () => {
  expect(check('localhost', certificate('IP Address:192.0.2.7'))).toBeUndefined();
  expect(check('localhost', certificate('IP Address:192.0.2.8'))).toBeInstanceOf(Error);
  expect(check('localhost', certificate('DNS:localhost'))).toBeInstanceOf(Error);
});

test('a name must be the one that was asked for', () => {
  expect(check('nats.example', certificate('DNS:nats.example'))).toBeUndefined();
  expect(check('nats.example', certificate('IP Address:192.0.2.7'))).toBeInstanceOf(Error);
  expect(check('other.example', certificate('DNS:nats.example'))).toBeInstanceOf(Error);
});

test('localhost that was asked for is enough', () => {
  const local = identityCheck([{ host: 'localhost', port: 4222 }]);
  expect(local('localhost', certificate('DNS:localhost'))).toBeUndefined();
  expect(local('localhost', certificate('DNS:nats.example'))).toBeInstanceOf(Error);
});
