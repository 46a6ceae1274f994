/** What the log says of the end of a connection, in the reference's words where it has any. */
import { peerFields, type Peer, peerText } from './peer.ts';
import type { Logger } from '../log/logger.ts';
import { printable } from '../log/printable.ts';
import {
  CertificateRefused,
  FileChanged,
  InsecureDisabled,
  NotAuthenticated,
  NoUpstream,
  PassedBy,
  PeerClosed,
  PeerTimeout,
  ProtocolError,
  ServerStopping,
  UnknownCommand,
  UpstreamLost,
  WrongPassword,
} from '../protocol/errors.ts';

/** One line for each connection that ends otherwise than by QUIT or a close between two commands. */
export function logEnd(error: unknown, peer: Peer, log: Logger): void {
  const who = peerText(peer);
  const message = printable(error instanceof Error ? error.message : String(error));
  const fields = (reason: string): Record<string, string | number | undefined> => ({
    event: 'ended',
    ...peerFields(peer),
    reason,
  });
  if (error === 'evicted') {
    log.event(`Connection from ${who} closed to make room for others`, fields('evicted'));
  } else if (error instanceof ServerStopping) {
    log.detail(`Connection from ${who} closed: the server is stopping`, fields('stopping'));
  } else if (error instanceof WrongPassword) {
    log.event(`Invalid password from ${who}`, fields('password'));
  } else if (error instanceof NotAuthenticated) {
    log.event(`Client ${who} did not authenticate`, fields('unauthenticated'));
  } else if (error instanceof InsecureDisabled) {
    log.event(`Insecure mode disabled. Rejected request to ${message} from ${who}`, fields('insecure'));
  } else if (error instanceof UnknownCommand) {
    log.event(`Unknown command '${message}' from ${who}`, fields('protocol'));
  } else if (error instanceof PeerTimeout) {
    log.event(`Connection from ${who} ${message}`, fields('timeout'));
  } else if (error instanceof PassedBy) {
    // Balancers look every other second.
    log.detail(`Connection from ${who} unexpectedly closed: ${message}`, fields('closed'));
  } else if (error instanceof PeerClosed) {
    log.event(`Connection from ${who} unexpectedly closed: ${message}`, fields('closed'));
  } else if (error instanceof NoUpstream) {
    log.event(`Connection from ${who} closed: no server to pass it on to: ${message}`, fields('no upstream'));
  } else if (error instanceof UpstreamLost) {
    log.event(`Connection from ${who} closed: the upstream was lost: ${message}`, fields('upstream lost'));
  } else if (error instanceof CertificateRefused) {
    log.event(`Connection from ${who} closed: ${message}`, fields('client certificate'));
  } else if (error instanceof ProtocolError) {
    log.event(`Connection from ${who} closed: ${message}`, fields('protocol'));
  } else if (error instanceof FileChanged) {
    log.warning(`Connection from ${who} closed: ${message}`, fields('changed'));
  } else {
    const cause = error instanceof Error ? printable(error.stack ?? error.message) : message;
    log.error(`Connection from ${who} failed: ${cause}`, fields('error'));
  }
}
