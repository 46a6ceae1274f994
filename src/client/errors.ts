/** The errors of the client: each class is one thing that can go wrong, and says what to do about it. */

/** All that this library throws on purpose. */
export abstract class ClientError extends Error {}

/** No connection came about: name, address, network, HTTP proxy. Another server may do better. */
export class ConnectError extends ClientError {
  override readonly name = 'ConnectError';
}

/** The TLS handshake failed, or the server is not who it should be. */
export class TlsError extends ClientError {
  override readonly name = 'TlsError';
}

/** The server closed the connection where a reply was due. */
export class ClosedError extends ClientError {
  override readonly name = 'ClosedError';
  /** Whether it was a command that was not answered: the server may not know it. */
  readonly unanswered: boolean;

  constructor(
    message: string,
    { unanswered = false, ...options }: ErrorOptions & { unanswered?: boolean } = {},
  ) {
    super(message, options);
    this.unanswered = unanswered;
  }
}

/** The server did not answer, or not read, in time (W4). */
export class TimeoutError extends ClientError {
  override readonly name = 'TimeoutError';
}

/** The server said something that is not of the protocol. */
export class UnexpectedReplyError extends ClientError {
  override readonly name = 'UnexpectedReplyError';
}

/** The server refused a command; the connection goes on. */
export class RefusedError extends ClientError {
  override readonly name = 'RefusedError';
  /** What stands in the parentheses of its reply; '' for none. */
  readonly reason: string;

  constructor(message: string, reason: string) {
    super(message);
    this.reason = reason;
  }
}

/** A file of this host cannot be read or written. */
export class LocalFileError extends ClientError {
  override readonly name = 'LocalFileError';
}
