/** The errors of the protocol: each says by its class how a conversation goes on or ends. */

/** Why a command is refused; `replies.ts` turns it into the words of the wire. */
export type RefusalReason =
  | 'invalid file name'
  /** The name is good, but what was asked for may not be done with it. */
  | 'not permitted'
  | 'file is too big'
  | 'file already exists'
  | 'file does not exist'
  | 'not enough space'
  | 'too many files'
  | 'cannot store file'
  | 'does not unpack'
  | 'cannot list';

/** A command that is answered with an error reply; the session goes on in step. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reason: RefusalReason;

  /** @param detail what happened to what, for the log; never sent to the peer */
  constructor(reason: RefusalReason, detail: string = reason, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

/** The peer broke the protocol: the connection is closed without a reply (W3). */
export class ProtocolError extends Error {
  override readonly name: string = 'ProtocolError';
}

/** W3: a line that is no command, or none that this server serves. */
export class UnknownCommand extends ProtocolError {
  override readonly name = 'UnknownCommand';
}

/** W10: the peer's first line was no PASS, and the server has a password. */
export class NotAuthenticated extends ProtocolError {
  override readonly name = 'NotAuthenticated';
}

/** W15, W16: LS or MV where the server does not serve them. */
export class InsecureDisabled extends ProtocolError {
  override readonly name = 'InsecureDisabled';
}

/** The peer showed no certificate that lets it in (S4). */
export class CertificateRefused extends ProtocolError {
  override readonly name = 'CertificateRefused';
}

/** The peer's password was wrong: closed without a reply, after a pause (W10). */
export class WrongPassword extends Error {
  override readonly name = 'WrongPassword';
}

/** The peer did not move within its idle limit (W4). */
export class PeerTimeout extends Error {
  override readonly name = 'PeerTimeout';
}

/** The peer closed or reset the connection in the middle of something. */
export class PeerClosed extends Error {
  override readonly name = 'PeerClosed';
}

/** The peer was gone again before it had said a word, or could be asked who it is: a check of a balancer, or a scan. */
export class PassedBy extends Error {
  override readonly name = 'PassedBy';
}

/** This server stops, and the peer has nothing in progress. */
export class ServerStopping extends Error {
  override readonly name = 'ServerStopping';
}

/** The file changed while it was being sent: going on would corrupt the framing. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged';
}

/** A proxy: no server to pass the connection on to could be reached. */
export class NoUpstream extends Error {
  override readonly name = 'NoUpstream';
}

/** A proxy: the server that the connection was passed on to failed in the middle of it. */
export class UpstreamLost extends Error {
  override readonly name = 'UpstreamLost';
}
