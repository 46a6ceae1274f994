/** Reports of a server as the status page may get them: of a busy one, and of others in trouble. */
import type {
  HistoryPoint,
  JetStreamReport,
  PeerReport,
  RecentFile,
  StatusReport,
} from '../../src/status/report.ts';

export const NOW = Date.UTC(2026, 10, 29, 21, 3, 5);
const MINUTE = 60_000;
const DAY = 86_400_000;
const MB = 1024 ** 2;

/** A server that has been receiving for days, with these differences. */
export function statusReport(differences: Partial<StatusReport> = {}): StatusReport {
  return {
    version: '0.1.0',
    host: 'tentacle-01.example',
    now: NOW,
    startedAt: NOW - 20.3 * DAY,
    purpose: 'Files go to /var/spool/pandora/data_in; TLS on, password',
    mode: 'receive',
    generation: 4,
    listening: ['0.0.0.0:41121', '[::]:41121'],
    notListening: [],
    ready: true,
    checks: [
      { name: 'listening', ok: true, text: 'on 0.0.0.0:41121, [::]:41121' },
      { name: 'spool', ok: true, text: '/var/spool/pandora/data_in is writable, 61.3 GB are free' },
      { name: 'certificate', ok: true, text: 'valid until 2027-02-14, 76 days' },
    ],
    rates: { files: 41.3, bytes: 1.9 * MB, connections: 42.1 },
    connections: { open: 37, limit: 1000 },
    totals: {
      connections: 61_402_118,
      filesReceived: 60_981_344,
      bytesReceived: 2.61 * MB * MB,
      filesSent: 420_774,
      bytesSent: 3.1 * 1024 * MB,
      filesForwarded: 0,
      ...{ filesDelivered: 0, filesTaken: 0, filesGiven: 0, bytesMoved: 0 },
      refused: 1840,
    },
    history: { stepSeconds: 30, points: history(120) },
    refusals: [
      { reason: 'file already exists', times: 1204 },
      { reason: 'file does not exist', times: 411 },
      { reason: 'allow_from', times: 143 },
      { reason: 'password', times: 61 },
      { reason: 'file is too big', times: 21 },
    ],
    recentFiles: Array.from({ length: 20 }, (_, index) => file(index)),
    recentTroubles: [
      {
        at: NOW - 14 * MINUTE,
        level: 'warning',
        text: 'allow_from refused 12 connections of 198.51.100.23 within a minute',
      },
      { at: NOW - 42 * MINUTE, level: 'event', text: 'Settings reloaded: max_connections 1000 -> 2000' },
      {
        at: NOW - 3 * 60 * MINUTE,
        level: 'error',
        text: "Wrong password from 198.51.100.23: the client's certificate names agent-legacy-7",
      },
    ],
    peers: {
      known: 4812,
      latest: Array.from({ length: 15 }, (_, index) => peer(index, 40 + index)),
      busiest: Array.from({ length: 15 }, (_, index) => peer(index * 3, 90_412 - index * 4013)),
    },
    spool: {
      directory: '/var/spool/pandora/data_in',
      files: 212,
      bytes: 9.1 * MB,
      oldestSeconds: 9,
      freeBytes: 61.3 * 1024 * MB,
      totalBytes: 98.2 * 1024 * MB,
      reserveBytes: 100 * MB,
      unusable: [],
    },
    certificates: [
      {
        token: 'ssl_cert',
        file: '/etc/tentacle/tls/server.pem',
        subject: 'CN=tentacle-01.example',
        names: ['DNS:tentacle-01.example', 'IP:192.0.2.10'],
        issuer: 'CN=Example Issuing CA, O=Example',
        validFrom: NOW - 290 * DAY,
        validTo: NOW + 76.4 * DAY,
        chain: { complete: true, text: 'the file holds the issuer; peers need its root' },
      },
    ],
    workers: [
      worker({ pid: 21_442, open: 19 }),
      worker({ pid: 21_443, open: 18, memoryBytes: 81.2 * MB, lagSeconds: 0.021 }),
    ],
    restarts: 0,
    reloads: { succeeded: 3, refused: 0, lastGoodAt: NOW - 42 * MINUTE, lastRefusal: undefined },
    upstreams: [],
    queue: undefined,
    jetstream: undefined,
    settings: [
      { token: 'port', value: '41121', source: '/etc/tentacle/tentacle_server.conf:12' },
      { token: 'max_connections', value: '2000', source: '/etc/tentacle/tentacle_server.conf:18' },
      { token: 'password', value: '[redacted]', source: '/etc/tentacle/tentacle_server.conf:31' },
      { token: 'status_address', value: '127.0.0.1:41180', source: 'TENTACLE_EXT_OPTS' },
      { token: 'addresses', value: '', source: 'default' },
      { token: 'insecure', value: '0', source: 'default' },
      { token: 'max_size', value: '2000000', source: 'default' },
    ],
    ...differences,
  };
}

/** A proxy that stores, of whose two upstreams one does not answer. */
export function storeReport(): StatusReport {
  return statusReport({
    mode: 'store',
    purpose:
      'Files wait in /var/spool/tentacle and are sent on to 192.0.2.20 port 41121, 192.0.2.21 port 41121 (failover)',
    checks: [...statusReport().checks, { name: 'upstream', ok: true, text: '1 of 2 takes files' }],
    upstreams: [
      { server: '192.0.2.20:41121', up: false, text: 'connection refused', since: NOW - 8 * MINUTE },
      { server: '192.0.2.21:41121', up: true, text: 'takes files', since: NOW - 8 * MINUTE },
    ],
    queue: { files: 1312, bytes: 48 * MB, oldestSeconds: 480 },
  });
}

/** A proxy that relays. */
export function relayReport(): StatusReport {
  return statusReport({
    mode: 'relay',
    purpose: 'Relays to 192.0.2.20 port 41121; TLS off, no password; upstream TLS off',
    checks: [
      { name: 'listening', ok: true, text: 'on 0.0.0.0:41121, [::]:41121' },
      { name: 'upstream', ok: true, text: '192.0.2.20:41121 answers' },
    ],
    spool: undefined,
    certificates: [],
    recentFiles: [],
    upstreams: [{ server: '192.0.2.20:41121', up: true, text: '', since: undefined }],
  });
}

/** A receiver that keeps files on JetStream, of whose three replicas one is gone. */
export function publishReport(differences: Partial<JetStreamReport> = {}): StatusReport {
  return statusReport({
    mode: 'publish',
    purpose:
      'Files go to stream TENTACLE of 192.0.2.31 port 4222 (TLS on), and wait in /var/spool/tentacle while that is away; TLS on, password',
    checks: [
      ...statusReport().checks,
      { name: 'jetstream', ok: true, text: 'stream TENTACLE at n1: 2 of 3 replicas, 41 messages' },
    ],
    queue: { files: 0, bytes: 0, oldestSeconds: undefined },
    jetstream: {
      stream: 'TENTACLE',
      up: true,
      text: 'stores and delivers',
      since: NOW - 3 * DAY,
      wantedReplicas: 3,
      findings: ['the replica of stream TENTACLE on n3 has said nothing for 12 seconds'],
      figures: {
        server: '192.0.2.31:4222 (n1)',
        messages: 41,
        bytes: 1.2 * MB,
        oldestSeconds: 3.2,
        replicas: [
          { name: 'n1', state: 'leader', lag: 0, silentMs: 0 },
          { name: 'n2', state: 'behind', lag: 7, silentMs: 0 },
          { name: 'n3', state: 'silent', lag: 120, silentMs: 12_000 },
        ],
        quorum: { isThere: true, spare: 0 },
        pending: 30,
        unacknowledged: 11,
        buckets: [
          { name: 'TENTACLE--bodies', objects: 2, bytes: 12 * MB },
          { name: 'TENTACLE_conf', objects: 4812, bytes: 31 * MB },
        ],
      },
      ...differences,
    },
  });
}

/** A deliverer that finds no JetStream. */
export function deliverReport(): StatusReport {
  const text = 'the connection to 192.0.2.31:4222 was lost';
  const down = { up: false, text, since: NOW - 3 * MINUTE, figures: undefined, findings: [] };
  return {
    ...publishReport(down),
    mode: 'deliver',
    purpose: 'Files of stream TENTACLE of 192.0.2.31 port 4222 (TLS on) are delivered to /var/spool/data_in',
    listening: [],
    ready: false,
    checks: [
      { name: 'listening', ok: true, text: 'nobody is to connect: files come from JetStream' },
      { name: 'jetstream', ok: false, text: `${text}, for 3 minutes` },
    ],
    queue: undefined,
    recentFiles: [],
    refusals: [],
    peers: { known: 0, latest: [], busiest: [] },
  };
}

/** A server that has just started: nothing has come yet. */
export function youngReport(): StatusReport {
  return statusReport({
    startedAt: NOW - 2000,
    generation: 1,
    rates: { files: 0, bytes: 0, connections: 0 },
    connections: { open: 0, limit: 1000 },
    totals: {
      connections: 0,
      filesReceived: 0,
      bytesReceived: 0,
      filesSent: 0,
      bytesSent: 0,
      filesForwarded: 0,
      ...{ filesDelivered: 0, filesTaken: 0, filesGiven: 0, bytesMoved: 0 },
      refused: 0,
    },
    history: { stepSeconds: 30, points: [] },
    refusals: [],
    recentFiles: [],
    recentTroubles: [],
    peers: { known: 0, latest: [], busiest: [] },
    certificates: [],
    workers: [],
    reloads: { succeeded: 0, refused: 0, lastGoodAt: NOW - 2000, lastRefusal: undefined },
    settings: [],
  });
}

/** A proxy of which everything is broken. */
export function failingReport(): StatusReport {
  const text =
    '/var/spool/tentacle cannot be written: ENOSPC; 12.0 MB are free and 100 MB must stay: make room or move it';
  return statusReport({
    ...storeReport(),
    ready: false,
    checks: [
      { name: 'listening', ok: false, text: 'on no address: 0.0.0.0:41121 is in use by another program' },
      { name: 'spool', ok: false, text },
      { name: 'certificate', ok: false, text: 'ssl_cert expired on 2026-11-28: renew it, then reload' },
      { name: 'upstream', ok: false, text: 'none of 2 takes files: 1312 files wait' },
    ],
    listening: [],
    notListening: ['Cannot listen on 0.0.0.0:41121: another program uses it (EADDRINUSE)'],
    rates: { files: 0, bytes: 0, connections: 3.1 },
    connections: { open: 0, limit: 1000 },
    recentTroubles: Array.from({ length: 9 }, (_, index) => ({
      at: NOW - index * 7000,
      level: index % 3 === 2 ? ('warning' as const) : ('error' as const),
      text: `Cannot store agent-${String(40 - index)}.data of 192.0.2.${String(50 + index)}: ENOSPC, no space left on device`,
    })),
    spool: {
      directory: '/var/spool/tentacle',
      files: 1312,
      bytes: 48 * MB,
      oldestSeconds: 7300,
      freeBytes: 12 * MB,
      totalBytes: 98.2 * 1024 * MB,
      reserveBytes: 100 * MB,
      unusable: [],
    },
    certificates: statusReport().certificates.map((certificate) => ({
      ...certificate,
      validTo: NOW - DAY,
      chain: { complete: false, text: 'the issuer is missing: add it to the file' },
    })),
    workers: [
      worker({ pid: 21_442, generation: 3, state: 'draining', lagSeconds: 4.2 }),
      worker({ pid: 30_118, startedAt: NOW - 4000 }),
    ],
    restarts: 3,
    reloads: {
      succeeded: 3,
      refused: 1,
      lastGoodAt: NOW - 42 * MINUTE,
      lastRefusal: {
        at: NOW - 3 * MINUTE,
        text: 'tentacle_server.conf:12: unknown token "adresses"; did you mean "addresses"?',
      },
    },
    upstreams: storeReport().upstreams.map((upstream) => ({
      ...upstream,
      up: false,
      text: 'connection refused',
    })),
    queue: { files: 1312, bytes: 48 * MB, oldestSeconds: 7300 },
  });
}

/** What a peer may call its file, or itself. */
export const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(2)</script>',
  "' onfocus='alert(3)' autofocus='",
  '</title></textarea></style></script><svg onload=alert(4)>',
  'evil\u202Etxt.exe',
  '${alert(5)} &lt;b&gt; &#60;',
  'שלום-agent.data',
  'n'.repeat(300),
] as const;

/** Peers that call everything by hostile names. */
export function hostileReport(): StatusReport {
  const { certificates, ...report } = failingReport();
  return {
    ...report,
    host: HOSTILE[3],
    recentFiles: HOSTILE.map((name, index) => ({ ...file(index), file: name, peer: name })),
    recentTroubles: HOSTILE.map((text, index) => ({ at: NOW - index, level: 'error', text })),
    refusals: HOSTILE.map((reason, index) => ({ reason, times: 9 - index })),
    peers: {
      known: HOSTILE.length,
      latest: HOSTILE.map((name) => ({ ...peer(1, 1), address: name, lastFile: name })),
      busiest: HOSTILE.map((name) => ({ ...peer(1, 1), address: name, lastFile: name })),
    },
    certificates: certificates.map((certificate) => ({
      ...certificate,
      subject: `CN=${HOSTILE[0]}`,
      names: HOSTILE,
      issuer: HOSTILE[1],
    })),
    settings: HOSTILE.map((value, index) => ({
      ...(report.settings[index % report.settings.length] ?? { token: 'port' }),
      value,
      source: value,
    })),
  };
}

/** An hour that rises and falls. */
export function history(steps: number): HistoryPoint[] {
  return Array.from({ length: steps }, (_, index) => {
    const files = 34 + 9 * Math.sin(index / 9) + 6 * Math.sin(index * 2.1) + (index === 70 ? 61 : 0);
    return {
      at: NOW - (steps - 1 - index) * 30_000,
      files,
      bytes: files * 47_000 + 9000 * Math.sin(index),
      connections: files * 1.02,
      open: Math.round(files * 0.9),
      refused: index > 68 && index < 74 ? 14 : index % 17 === 3 ? 2 : 0,
    };
  });
}

function file(index: number): RecentFile {
  return {
    at: NOW - index * 240,
    command: index % 7 === 3 ? 'ZSEND' : 'SEND',
    file: `web-${String(100 + ((index * 37) % 90))}.example.${String(1_795_986_000 + index)}.data`,
    bytes: 14_000 + ((index * 9173) % 70_000),
    ms: 3 + ((index * 5) % 9),
    peer: `192.0.2.${String(10 + ((index * 13) % 200))}`,
  };
}

function peer(index: number, files: number): PeerReport {
  return {
    address: index % 4 === 1 ? `2001:db8::${(0x10 + index).toString(16)}` : `192.0.2.${String(10 + index)}`,
    lastSeen: NOW - index * 400,
    files,
    bytes: files * 47_113,
    refused: index % 5 === 0 ? index : 0,
    lastFile: `web-${String(100 + index)}.example.${String(1_795_986_000 + index)}.data`,
  };
}

function worker(differences: Partial<StatusReport['workers'][number]>): StatusReport['workers'][number] {
  return {
    pid: 1,
    generation: 4,
    state: 'serving',
    startedAt: NOW - 42 * MINUTE,
    open: 0,
    memoryBytes: 78.4 * MB,
    cpuSeconds: 61.7,
    lagSeconds: 0.004,
    ...differences,
  };
}
