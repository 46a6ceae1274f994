/** Reads what nats_credentials holds: a .creds file, an NKey seed, or a line with user and password, or a token. */
import type { NodeConnectionOptions } from '@nats-io/transport-node';
import type { Packages } from './packages.ts';
import type { Secret } from '../settings/secret.ts';

const SEED = /^SU[A-Z2-7]{56}$/;

type Authentication = Pick<NodeConnectionOptions, 'authenticator' | 'user' | 'pass' | 'token'>;

/** @throws Error, without the secret, when it is none of these */
export function credentialsOf(secret: Secret, transport: Packages['transport']): Authentication {
  const bytes = secret.reveal();
  const text = bytes.toString('utf8');
  if (text.includes('-----BEGIN NATS USER JWT-----'))
    return { authenticator: transport.credsAuthenticator(new Uint8Array(bytes)) };
  const line = text.split(/\r?\n/).find((each) => each.trim() !== '' && !each.startsWith('#'));
  if (line === undefined) throw new Error('nats_credentials: the file holds nothing');
  if (SEED.test(line.trim()))
    return { authenticator: transport.nkeyAuthenticator(new TextEncoder().encode(line.trim())) };
  const colon = line.indexOf(':');
  return colon < 0 ? { token: line.trim() } : { user: line.slice(0, colon), pass: line.slice(colon + 1) };
}
