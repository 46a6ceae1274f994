/** What `tentacle_client --check` says: whether this set-up works, and what was negotiated. */
import { isIP } from 'node:net';
import { TLSSocket, type PeerCertificate } from 'node:tls';
import type { ClientTarget } from './client-target.ts';
import { connect, type TentacleClient } from '../client/client.ts';
import { endpointText } from '../client/endpoint.ts';
import { printable } from '../log/printable.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';

const MS_PER_DAY = 86_400_000;

interface Printer {
  readonly print: (line: string) => void;
  readonly problem: (message: string) => void;
}

/** Tries every server of a target. @returns 0 if all of them work */
export async function checkTarget({ servers, connect: to }: ClientTarget, printer: Printer): Promise<number> {
  let code = EXIT_OK;
  for (const host of servers) {
    try {
      const client = await connect({ ...to, host });
      // Only an answer proves that the server takes what it was shown: TLS 1.3 judges a client after the handshake.
      await client.probe();
      printer.print(`${endpointText({ host, port: to.port })}: connected to ${reached(client)}`);
      for (const line of tlsLines(client, to.tls?.ca !== undefined)) printer.print(`  ${line}`);
      printer.print(to.password === undefined ? '  password: none given' : '  password: accepted');
      await client.quit();
    } catch (error) {
      code = EXIT_FAILURE;
      printer.problem((error as Error).message);
    }
  }
  return code;
}

function reached({ stream }: TentacleClient): string {
  const { remoteAddress = 'an unknown address', remotePort } = stream;
  return isIP(remoteAddress) === 0
    ? remoteAddress
    : endpointText({ host: remoteAddress, port: remotePort ?? 0 });
}

function tlsLines({ stream }: TentacleClient, verified: boolean): string[] {
  if (!(stream instanceof TLSSocket)) return ['TLS: none'];
  const certificate: Partial<PeerCertificate> = stream.getPeerCertificate();
  const days = Math.floor((Date.parse(certificate.valid_to ?? '') - Date.now()) / MS_PER_DAY);
  return [
    `TLS: ${stream.getProtocol() ?? 'unknown'}, ${stream.getCipher().name}`,
    `server certificate: ${nameOf(certificate.subject)}, issued by ${nameOf(certificate.issuer)}`,
    `  for ${printable(certificate.subjectaltname ?? 'no alternative name')}`,
    `  valid until ${certificate.valid_to ?? 'unknown'}, ${String(days)} days left`,
    verified ? 'server verified: yes' : 'server verified: no (give its CA with -f)',
  ];
}

function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const parts = Object.entries(name ?? {}).map(([key, value]) => `${key}=${[value].flat().join('+')}`);
  return printable(Buffer.from(parts.join(', ')).toString('latin1'));
}
