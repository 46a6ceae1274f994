/** Proves that an upstream's trouble is said in words, and its address only once. */
import { expect, test } from 'vitest';
import { openStream } from '../../../src/client/connect.ts';
import { ConnectError, TimeoutError, TlsError } from '../../../src/client/errors.ts';
import { reasonOf } from '../../../src/proxy/upstream-reason.ts';
import { freePort } from '../../support/program.ts';
import { failure, PATIENT_MS } from '../../wire/scripted-server.ts';

const SERVER = { host: '10.0.0.1', port: 41121 };

function system(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test('nobody listens there', async () => {
  const server = { host: '127.0.0.1', port: await freePort() };
  const error = await failure(openStream({ ...server, idleMs: PATIENT_MS }));
  expect(reasonOf(error, server)).toBe('connection refused: nothing listens there');
});

test.each([
  [
    new ConnectError('Cannot connect to 10.0.0.1: the name is unknown (ENOTFOUND)'),
    'the name is unknown (ENOTFOUND)',
  ],
  [new ConnectError('Cannot connect to "10.0.0.1": the name has no address'), 'the name has no address'],
  [new TimeoutError('Connection to 10.0.0.1 port 41121 timed out'), 'connection timed out'],
  [new TimeoutError('TLS handshake with 10.0.0.1 port 41121 timed out'), 'TLS handshake timed out'],
  [
    new TlsError('TLS with 10.0.0.1 port 41121 failed: the certificate of the server has expired: renew it'),
    'TLS failed: the certificate of the server has expired: renew it',
  ],
  [
    new ConnectError('Cannot connect to 10.0.0.1 port 41121: connect ETIMEDOUT 10.0.0.1:41121', {
      cause: system('ETIMEDOUT', 'connect ETIMEDOUT 10.0.0.1:41121'),
    }),
    'it does not answer',
  ],
  [system('ECONNRESET', 'read ECONNRESET'), 'connection reset'],
  [system('EPIPE', 'write EPIPE'), 'connection closed by the other side'],
  [
    system('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:41121'),
    'connection refused: nothing listens there',
  ],
  [new Error('Wrong password'), 'wrong password'],
  [new Error('EUNHEARD of'), 'EUNHEARD of'],
])('%s', (error, reason) => {
  expect(reasonOf(error, SERVER)).toBe(reason);
});
