/** What the server says of itself: the one thing that page, terminal, JSON and metrics are made of. */
import type { Quorum, ReplicaState } from '../jetstream/state/replicas.ts';
import type { PeerNews, RecentFile, RecentTrouble } from '../server/recent.ts';
import type { Reloads } from '../server/reloader.ts';
import type { WorkerState } from '../server/supervisor.ts';
import type { CertificateReport } from '../settings/certificate-report.ts';
import type { Token } from '../settings/options.ts';
import type { Mode } from '../settings/settings.ts';

export type { PeerNews, RecentFile, RecentTrouble, Reloads };

/** Times are in milliseconds since the epoch. Text of peers is printable, but not escaped for HTML. */
export interface StatusReport {
  readonly version: string;
  /** The name of this machine. */
  readonly host: string;
  readonly now: number;
  readonly startedAt: number;
  /** What the server is there for: `Files go to /spool; TLS on, no password`. */
  readonly purpose: string;
  readonly mode: Mode['kind'];
  readonly generation: number;
  readonly listening: readonly string[];
  /** One message for each address that could not be bound. */
  readonly notListening: readonly string[];
  /** Whether all checks are good. */
  readonly ready: boolean;
  readonly checks: readonly Check[];
  readonly rates: Rates;
  readonly connections: { readonly open: number; readonly limit: number };
  readonly totals: Totals;
  readonly history: History;
  /** Commands and connections refused since the start, the most frequent first. */
  readonly refusals: readonly Refused[];
  /** The latest first. */
  readonly recentFiles: readonly RecentFile[];
  /** The latest first. */
  readonly recentTroubles: readonly RecentTrouble[];
  readonly peers: Peers;
  /** Where files are stored; undefined for a relay. */
  readonly spool: SpoolReport | undefined;
  readonly certificates: readonly CertificateReport[];
  readonly workers: readonly WorkerReport[];
  /** Workers that crashed or hung since the start. */
  readonly restarts: number;
  readonly reloads: Reloads;
  /** Of a proxy, in the order of proxy_ip. */
  readonly upstreams: readonly UpstreamReport[];
  /** What waits to be sent on; undefined unless files are stored and forwarded. */
  readonly queue: QueueReport | undefined;
  /** Undefined unless files are kept on JetStream. */
  readonly jetstream: JetStreamReport | undefined;
  readonly settings: readonly SettingReport[];
}

/** What readiness hangs on. */
export interface Check {
  readonly name: 'workers' | 'listening' | 'spool' | 'certificate' | 'upstream' | 'jetstream';
  readonly ok: boolean;
  /** What was found, and what to do about it. */
  readonly text: string;
}

/** Per second, over the last ten seconds. */
export interface Rates {
  readonly files: number;
  readonly bytes: number;
  readonly connections: number;
}

/** Since the start. */
export interface Totals {
  readonly connections: number;
  readonly filesReceived: number;
  readonly bytesReceived: number;
  readonly filesSent: number;
  readonly bytesSent: number;
  readonly filesForwarded: number;
  /** From the stream into the directory. */
  readonly filesDelivered: number;
  /** Between a console and its store: from the store, and to it. */
  readonly filesTaken: number;
  readonly filesGiven: number;
  /** Of the last three. */
  readonly bytesMoved: number;
  readonly refused: number;
}

/** The last hour. */
export interface History {
  readonly stepSeconds: number;
  /** The oldest first; the last one ended just now. */
  readonly points: readonly HistoryPoint[];
}

export interface HistoryPoint {
  /** When it ended. */
  readonly at: number;
  /** Per second, as the next two. */
  readonly files: number;
  readonly bytes: number;
  readonly connections: number;
  /** The most at a time. */
  readonly open: number;
  /** In the whole step. */
  readonly refused: number;
}

export interface Refused {
  /** In the words of the protocol or of the option: `file already exists`, `allow_from`. */
  readonly reason: string;
  readonly times: number;
}

export interface Peers {
  /** Addresses that are known, at most as many as the tables hold. */
  readonly known: number;
  readonly latest: readonly PeerReport[];
  readonly busiest: readonly PeerReport[];
}

/** Since the start, or since it was last forgotten. */
export type PeerReport = PeerNews;

export interface SpoolReport {
  readonly directory: string;
  /** Data files that nobody has taken yet. */
  readonly files: number;
  /** Of all but those beyond 10,000. */
  readonly bytes: number;
  /** Age of the oldest of them in seconds; undefined when there is none. */
  readonly oldestSeconds: number | undefined;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Bytes that must stay free. */
  readonly reserveBytes: number;
  /** Directories of filters whose files are refused, each with the reason and what to do. */
  readonly unusable: readonly string[];
}

export interface WorkerReport {
  readonly pid: number;
  readonly generation: number;
  readonly state: WorkerState;
  readonly startedAt: number;
  readonly open: number;
  readonly memoryBytes: number;
  readonly cpuSeconds: number;
  /** By how much its event loop was late at worst lately, in seconds. */
  readonly lagSeconds: number;
}

export interface UpstreamReport {
  readonly server: string;
  readonly up: boolean;
  /** Why not, or what it is. */
  readonly text: string;
  readonly since: number | undefined;
}

export interface QueueReport {
  readonly files: number;
  readonly bytes: number;
  readonly oldestSeconds: number | undefined;
}

/** Text of servers is printable. */
export interface JetStreamReport {
  /** The name of the stream. */
  readonly stream: string;
  /** Whether files can be stored on it and delivered: it can be reached, the stream is there, and has a quorum. */
  readonly up: boolean;
  /** Why not, or what it is. */
  readonly text: string;
  /** Since when it is up, or is not; undefined until it was looked at. */
  readonly since: number | undefined;
  /** Undefined while it cannot be asked. */
  readonly figures: JetStreamFigures | undefined;
  /** As the settings want them. */
  readonly wantedReplicas: number;
  /** What does not stop the work, but should be looked at, and what to do about it. */
  readonly findings: readonly string[];
}

export interface JetStreamFigures {
  /** The one that this host is connected to: `192.0.2.7:4222 (n1)`. */
  readonly server: string;
  /** Files that are not delivered yet, with those that are being delivered. */
  readonly messages: number;
  readonly bytes: number;
  /** Age of the oldest of them, by the servers' clock; undefined when there is none. */
  readonly oldestSeconds: number | undefined;
  /** The leader first. */
  readonly replicas: readonly ReplicaState[];
  readonly quorum: Quorum;
  /** Files that no deliverer has been given yet; undefined where that is not known. */
  readonly pending: number | undefined;
  /** Files that a deliverer was given, and has not delivered yet; undefined where that is not known. */
  readonly unacknowledged: number | undefined;
  readonly buckets: readonly BucketReport[];
}

export interface BucketReport {
  readonly name: string;
  /** About so many: one that is empty, or was removed, counts half. */
  readonly objects: number;
  readonly bytes: number;
}

export interface SettingReport {
  readonly token: Token;
  /** A secret is redacted; '' for none. */
  readonly value: string;
  readonly source: string;
}
