/** What other programs may use: `import { connect } from 'tentacle-server/client'`. */

export { connect, type ConnectOptions, type Sink, TentacleClient, type Upload } from './client.ts';
export type { HostPort, HttpProxy } from './endpoint.ts';
export {
  ClientError,
  ClosedError,
  ConnectError,
  LocalFileError,
  RefusedError,
  TimeoutError,
  TlsError,
  UnexpectedReplyError,
} from './errors.ts';
export { type LocalFile, openLocalFile, storeLocalFile } from './local-files.ts';
export type { TlsOptions } from './tls.ts';
