/** Verifies that a NATS server is the one that was asked for, also by its address. Pure. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { ServerAddress } from '../settings/settings.ts';

/**
 * As node:tls asks, when a certificate was verified. For a server that is given by an address the NATS library names none, and
 * node takes "localhost" for it: then the certificate must be for one of the addresses.
 */
export function identityCheck(
  servers: readonly ServerAddress[],
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (host, certificate) => {
    const hosts = servers.map((server) => server.host);
    const candidates = hosts.filter((each) => each === host || (host === 'localhost' && isIP(each) !== 0));
    const errors = (candidates.length === 0 ? [host] : candidates).map((each) =>
      checkServerIdentity(each, certificate),
    );
    return errors.includes(undefined) ? undefined : errors.at(-1);
  };
}
