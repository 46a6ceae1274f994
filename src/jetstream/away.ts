/** Tells whether it was the cluster that failed: it cannot be reached, or has no quorum, for now. */
import type { RefusalReason } from '../protocol/errors.ts';

/** Nothing can be said about the request: it may even have been carried out. */
export class JetStreamAway extends Error {
  override readonly name = 'JetStreamAway';
}

/** Codes of the API's errors. */
export const CODES = {
  wrongLastSequence: 10071,
  streamNotFound: 10059,
  consumerNotFound: 10014,
  noMessageFound: 10037,
  noPeers: 10005,
  notClustered: 10074,
} as const;
/** What a cluster says that is short of servers or of a leader: later it may say something else. */
const TEMPORARY = [10004, 10005, 10008, 10009, 10010];
/** What a server says that is full, or a stream. */
const FULL = [10023, 10028, 10047, 10077];

interface ApiError {
  readonly name: string;
  readonly message: string;
  readonly code?: number;
  readonly status?: number;
}

/** The code of an error of the API; undefined for any other. */
export function apiCode(error: unknown): number | undefined {
  const { name, code } = error as ApiError;
  return API_ERRORS.includes(name) ? code : undefined;
}

const API_ERRORS = ['JetStreamApiError', 'StreamNotFoundError', 'ConsumerNotFoundError'];

const NAMES = [
  ...['TimeoutError', 'NoRespondersError', 'RequestError', 'ConnectionError', 'ClosedConnectionError'],
  ...['DrainingConnectionError', 'JetStreamNotEnabled', 'JetStreamAway'],
];

/** Whether a later attempt may succeed without anybody's help. */
export function isAway(error: unknown): boolean {
  const { name, status } = error as ApiError;
  const code = apiCode(error);
  if (code === undefined) return NAMES.includes(name);
  return TEMPORARY.includes(code) || (status === 503 && !FULL.includes(code));
}

/** What a peer is told whose file the cluster did not take. */
export function reasonFor(error: unknown): RefusalReason {
  return FULL.includes(apiCode(error) ?? 0) ? 'not enough space' : 'cannot store file';
}
