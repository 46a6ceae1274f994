/** Finds what does not stop the server, but should be looked at: what a check would not say. Pure. */
import { span, whole } from './page/units.ts';
import type { Check, StatusReport } from './report.ts';
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';

export interface Concern {
  readonly text: string;
  /** The section that shows more: its id. */
  readonly section: string;
  /** The check that says so itself when it fails. */
  readonly check?: Check['name'];
}

const DAY_MS = 86_400_000;
const CERTIFICATE_DAYS = 30;
const LATE_SECONDS = 1;
const WAITING_SECONDS = 3600;
const RECENT_MS = 600_000;

type Look = (report: StatusReport) => readonly Concern[];

/** The most urgent first; empty when all is as it should be. */
export function concernsOf(report: StatusReport): readonly Concern[] {
  const failing = report.checks.filter(({ ok }) => !ok).map(({ name }) => name);
  return [addresses, upstreams, jetstream, queue, room, directories, certificates, workers, reload, errors]
    .flatMap((look) => look(report))
    .filter(({ check }) => check === undefined || !failing.includes(check));
}

const addresses: Look = ({ notListening }) =>
  notListening.map((text) => ({ text, section: 'server', check: 'listening' }));

const upstreams: Look = ({ upstreams }) =>
  upstreams
    .filter(({ up }) => !up)
    .map(({ server, text }) => ({
      text: `Upstream ${server} is down: ${text}`,
      section: 'proxy',
      check: 'upstream',
    }));

const jetstream: Look = ({ jetstream }) => {
  if (jetstream === undefined) return [];
  // Until it was looked at nothing is known.
  const isDown = !jetstream.up && jetstream.since !== undefined;
  return [
    ...(isDown
      ? [{ text: `JetStream: ${jetstream.text}`, section: 'jetstream', check: 'jetstream' } as const]
      : []),
    ...jetstream.findings.map((text) => ({ text: `JetStream: ${text}`, section: 'jetstream' })),
  ];
};

const queue: Look = ({ queue, jetstream }) =>
  queue?.oldestSeconds === undefined || queue.oldestSeconds < WAITING_SECONDS
    ? []
    : [
        {
          text: `A file has been waiting to be sent on for ${span(queue.oldestSeconds)}`,
          section: jetstream === undefined ? 'proxy' : 'jetstream',
        },
      ];

const room: Look = ({ spool }) => {
  if (spool === undefined || spool.freeBytes >= 2 * spool.reserveBytes) return [];
  const [free, reserve] = [byteCount(spool.freeBytes), byteCount(spool.reserveBytes)];
  return [
    {
      text: `The disk of the spool has only ${free} left; ${reserve} must stay free`,
      section: 'spool',
      check: 'spool',
    },
  ];
};

const directories: Look = ({ spool }) =>
  (spool?.unusable ?? []).map((text) => ({ text: `Files are refused: ${text}`, section: 'spool' }));

const certificates: Look = ({ certificates, now }) =>
  certificates.flatMap(({ token, validTo, chain }) => {
    const ends = validTo < now ? 'has expired' : `expires in ${duration(validTo - now)}`;
    return [
      ...(validTo - now < CERTIFICATE_DAYS * DAY_MS ? [`The certificate of ${token} ${ends}`] : []),
      ...(chain.complete ? [] : [`The chain of ${token} is not complete: ${chain.text}`]),
    ].map((text) => ({ text, section: 'certificates', check: 'certificate' }) as const);
  });

const workers: Look = ({ workers, restarts }) => {
  const late = workers.filter(({ lagSeconds }) => lagSeconds >= LATE_SECONDS);
  return [
    ...late.map(({ pid, lagSeconds }) => `Worker ${String(pid)} was ${span(lagSeconds)} late with its work`),
    ...(restarts === 0 ? [] : [`${count(restarts, 'worker')} crashed or hung since the start`]),
  ].map((text) => ({ text, section: 'server' }));
};

const reload: Look = ({ reloads: { lastRefusal } }) =>
  lastRefusal === undefined
    ? []
    : [{ text: 'The last reload was refused: the settings before it stay in force', section: 'server' }];

const errors: Look = ({ recentTroubles, now }) => {
  const recent = recentTroubles.filter(({ level, at }) => level === 'error' && now - at <= RECENT_MS).length;
  return recent === 0
    ? []
    : [
        {
          text: `${whole(recent)} ${recent === 1 ? 'error' : 'errors'} in the last 10 minutes`,
          section: 'troubles',
        },
      ];
};
