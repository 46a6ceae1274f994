/** Asks a running server for its report, over HTTP. */
import { request, type RequestOptions } from 'node:http';
import type { StatusReport } from './report.ts';
import { codeOf, reasonOf } from '../log/errno.ts';
import type { StatusSettings } from '../settings/settings.ts';

/** A supervisor that says nothing for so long hangs. */
export const PATIENCE_MS = 5000;
/** Bytes; a report has some 50,000. */
const LARGEST = 8 * 1024 * 1024;
/** Where a server listens on all addresses, it is asked at one that cannot lead elsewhere. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Why there is no report, for a person. */
export class NoAnswer extends Error {}

/**
 * The report of the server that listens there.
 * @param ending ends the question, too
 * @throws NoAnswer
 */
export async function askStatus(settings: StatusSettings, ending?: AbortSignal): Promise<StatusReport> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = ending === undefined ? patience : AbortSignal.any([patience, ending]);
  const { status, body } = await get(settings, signal).catch((cause: unknown) => {
    throw new NoAnswer(patience.aborted ? SILENCE : connectionTrouble(cause));
  });
  if (status !== 200) throw new NoAnswer(statusTrouble(status, settings));
  const report = parse(body);
  if (!isReport(report)) throw new NoAnswer('what answers there is no Tentacle server of this version');
  return report;
}

const SILENCE = `no answer within ${String(PATIENCE_MS / 1000)} seconds: the server hangs, or something else listens there`;

function get(
  settings: StatusSettings,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { ...whereTo(settings), path: '/status.json', agent: false, signal },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > LARGEST) asking.destroy(new Error('the answer is too long for a status report'));
        });
        response.once('error', reject);
        response.once('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    asking.once('error', reject);
    asking.end();
  });
}

function whereTo({ address, token }: StatusSettings): RequestOptions {
  const to =
    address.kind === 'unix'
      ? { socketPath: address.path }
      : { host: LOOPBACK[address.host] ?? address.host, port: address.port };
  const shown = token === undefined ? {} : { authorization: `Bearer ${token.reveal().toString('latin1')}` };
  return { ...to, headers: { accept: 'application/json', ...shown } };
}

function connectionTrouble(cause: unknown): string {
  switch (codeOf(cause)) {
    case 'ECONNREFUSED':
      return 'nothing listens there: is the server running, with this status_address?';
    case 'ENOENT':
      return 'there is no such socket: is the server running, with this status_address?';
    case 'ECONNRESET':
      return 'the connection was closed without an answer';
    default:
      return reasonOf(cause);
  }
}

function statusTrouble(status: number, { token }: StatusSettings): string {
  switch (status) {
    case 401:
      return token === undefined
        ? 'the server wants a status_token: give the one that it was started with'
        : 'the server has another status_token than this one';
    case 421:
      return 'the server does not know itself by this name: ask by an IP address or by localhost';
    default:
      return `the answer is HTTP ${String(status)}, from something else than a Tentacle server perhaps`;
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The type of a value, of all in a list, or of what is in a group. */
type Shape = 'string' | 'number' | 'boolean' | readonly [Shape] | { readonly [name: string]: Shape };

/** All that a person is shown. */
const REPORT: Shape = {
  ...{ version: 'string', host: 'string', now: 'number', startedAt: 'number', purpose: 'string' },
  ...{ mode: 'string', generation: 'number', ready: 'boolean', restarts: 'number' },
  checks: [{ name: 'string', ok: 'boolean', text: 'string' }],
  rates: { files: 'number', bytes: 'number', connections: 'number' },
  connections: { open: 'number', limit: 'number' },
  totals: {
    ...{ connections: 'number', filesReceived: 'number', bytesReceived: 'number', filesSent: 'number' },
    ...{ bytesSent: 'number', filesForwarded: 'number', refused: 'number' },
    ...{ filesDelivered: 'number', filesTaken: 'number', filesGiven: 'number', bytesMoved: 'number' },
  },
  refusals: [{ reason: 'string', times: 'number' }],
  recentFiles: [
    { at: 'number', command: 'string', file: 'string', bytes: 'number', ms: 'number', peer: 'string' },
  ],
  recentTroubles: [{ at: 'number', level: 'string', text: 'string' }],
  peers: { latest: [{ address: 'string', lastSeen: 'number', files: 'number', refused: 'number' }] },
  certificates: [{ token: 'string', file: 'string', subject: 'string', validTo: 'number' }],
  workers: [{ state: 'string', memoryBytes: 'number', lagSeconds: 'number' }],
  reloads: { succeeded: 'number', refused: 'number', lastGoodAt: 'number' },
  upstreams: [{ server: 'string', up: 'boolean', text: 'string' }],
};
/** Where there is one. JSON has no infinity: how much room there is may be unknown. */
const SPOOL: Shape = { files: 'number', bytes: 'number', reserveBytes: 'number' };
const QUEUE: Shape = { files: 'number', bytes: 'number' };
const JETSTREAM: Shape = { stream: 'string', up: 'boolean', text: 'string', findings: ['string'] };
const JETSTREAM_FIGURES: Shape = {
  ...{ server: 'string', messages: 'number', bytes: 'number' },
  quorum: { isThere: 'boolean', spare: 'number' },
  replicas: [{ name: 'string', state: 'string', lag: 'number', silentMs: 'number' }],
};
const REFUSED: Shape = { reloads: { lastRefusal: { text: 'string' } } };

/** Anything may listen there. Whether it has all that a person is shown; more is the server's word. */
function isReport(answer: unknown): answer is StatusReport {
  if (!fits(answer, REPORT)) return false;
  const { spool, queue, reloads, jetstream } = answer as StatusReport;
  return (
    (spool === undefined || fits(spool, SPOOL)) &&
    (queue === undefined || fits(queue, QUEUE)) &&
    (jetstream === undefined || fits(jetstream, JETSTREAM)) &&
    (jetstream?.figures === undefined || fits(jetstream.figures, JETSTREAM_FIGURES)) &&
    (reloads.lastRefusal === undefined || fits(answer, REFUSED))
  );
}

function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'string') return typeof value === shape;
  if (isList(shape)) return Array.isArray(value) && value.every((each) => fits(each, shape[0]));
  if (typeof value !== 'object' || value === null) return false;
  const group = value as Readonly<Record<string, unknown>>;
  return Object.entries(shape).every(([name, each]) => fits(group[name], each));
}

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}
