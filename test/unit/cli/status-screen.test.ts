/** The screen of --status: what it says of each kind of server, and that it keeps to its place. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { performanceData, screen, verdict, wrapped } from '../../../src/cli/status-screen.ts';
import type { StatusReport } from '../../../src/status/report.ts';
import { deliverReport, publishReport } from '../../support/status-report.ts';

const NOW = Date.UTC(2026, 0, 10, 12);
const [SECOND, HOUR, DAY] = [1000, 3_600_000, 86_400_000];

const RECEIVING: StatusReport = {
  version: '1.2.3',
  host: 'centre',
  now: NOW,
  startedAt: NOW - 3 * DAY,
  purpose: 'Files go to /spool; TLS on, password',
  mode: 'receive',
  generation: 2,
  listening: ['0.0.0.0 port 41121'],
  notListening: [],
  ready: true,
  checks: [
    { name: 'workers', ok: true, text: '2 serve' },
    { name: 'listening', ok: true, text: 'listening on 0.0.0.0 port 41121' },
    { name: 'spool', ok: true, text: '/spool can be written, 8.0 GB free, 12 files waiting' },
    { name: 'certificate', ok: true, text: 'all valid' },
  ],
  rates: { files: 12.34, bytes: 5 * 1024 * 1024, connections: 0.25 },
  connections: { open: 3, limit: 1000 },
  totals: {
    ...{
      connections: 1500,
      filesReceived: 1400,
      bytesReceived: 3 * 1024 ** 3,
      filesSent: 7,
      bytesSent: 2048,
    },
    ...{ filesForwarded: 0, refused: 15 },
    ...{ filesDelivered: 0, filesTaken: 0, filesGiven: 0, bytesMoved: 0 },
  },
  history: { stepSeconds: 10, points: [] },
  refusals: [
    { reason: 'file already exists', times: 12 },
    { reason: 'password', times: 3 },
    { reason: 'allow_from', times: 0 },
  ],
  recentFiles: [
    { at: NOW - SECOND, command: 'SEND', file: 'a.1.data', bytes: 1536, ms: 7, peer: '10.0.0.7' },
    { at: NOW - HOUR, command: 'RECV', file: 'b.conf', bytes: 10, ms: 2, peer: '10.0.0.8' },
  ],
  recentTroubles: [
    { at: NOW - 5 * SECOND, level: 'event', text: "File 'a.1.data' already exists" },
    { at: NOW - DAY, level: 'warning', text: 'the disk is slow' },
  ],
  peers: {
    known: 1,
    latest: [{ address: '10.0.0.7', lastSeen: NOW, files: 3, bytes: 1, refused: 1, lastFile: 'a.1.data' }],
    busiest: [],
  },
  spool: {
    ...{ directory: '/spool', files: 12, bytes: 4096, oldestSeconds: 300 },
    ...{ freeBytes: 8 * 1024 ** 3, totalBytes: 16 * 1024 ** 3, reserveBytes: 1024 ** 3, unusable: [] },
  },
  certificates: [
    certificate('/etc/good.pem', 90),
    certificate('/etc/soon.pem', 3),
    certificate('/etc/old.pem', -1),
  ],
  workers: [worker('serving', 0.02), worker('serving', 0.5), worker('draining', 0)],
  restarts: 1,
  reloads: { succeeded: 1, refused: 0, lastGoodAt: NOW - HOUR, lastRefusal: undefined },
  upstreams: [],
  queue: undefined,
  jetstream: undefined,
  settings: [],
};

function certificate(file: string, days: number): StatusReport['certificates'][number] {
  return {
    ...{ token: 'ssl_cert', file, subject: 'CN=centre', names: [], issuer: 'CN=CA', validFrom: 0 },
    ...{ validTo: NOW + days * DAY + HOUR, chain: { complete: true, text: '' } },
  };
}

function worker(state: 'serving' | 'draining', lagSeconds: number): StatusReport['workers'][number] {
  return {
    ...{ pid: 1, generation: 2, state, startedAt: 0, open: 1 },
    ...{ memoryBytes: 50 * 1024 * 1024, cpuSeconds: 1, lagSeconds },
  };
}

const RELAYING: StatusReport = {
  ...{ ...RECEIVING, spool: undefined, mode: 'relay', purpose: 'Relays to centre port 41121; TLS off' },
  certificates: [],
  upstreams: [
    { server: 'centre1 port 41121', up: true, text: 'up', since: NOW - DAY },
    { server: 'centre2 port 41121', up: false, text: 'connection refused, for 3 minutes', since: NOW },
  ],
};
const STORING: StatusReport = {
  ...{ ...RELAYING, mode: 'store', spool: RECEIVING.spool },
  queue: { files: 40, bytes: 2048, oldestSeconds: 7200 },
};
const FAILING: StatusReport = {
  ...RECEIVING,
  ready: false,
  checks: [
    { name: 'workers', ok: true, text: '2 serve' },
    { name: 'spool', ok: false, text: '/spool is full: 0 bytes free; files are refused until there is room' },
    { name: 'certificate', ok: false, text: 'ssl_cert expired' },
  ],
  reloads: { ...RECEIVING.reloads, lastRefusal: { at: NOW, text: 'port must be from 1 to 65535' } },
};

function textOf(report: StatusReport, size = { width: Infinity, height: 60 }): string {
  return screen(report, size)
    .map(({ text }) => text)
    .join('\n');
}

test('a server that keeps files on JetStream, and a deliverer that does not find it', () => {
  const { jetstream } = publishReport();
  const text = textOf({ ...RECEIVING, mode: 'publish', jetstream, queue: STORING.queue });
  expect(text).toContain(`
jetstream    up   stream TENTACLE: 41 files (1.2 MB), the oldest for 3 seconds, 30 to be delivered
                  n1 leader, n2 behind, n3 silent; connected to 192.0.2.31:4222 (n1)
`);
  expect(text).toMatch(/^queue {8}40 files/m);
  expect(performanceData({ ...RECEIVING, jetstream })).toMatch(
    / jetstream_messages=41 jetstream_oldest=3\.2s$/,
  );
  const deliverer = textOf({ ...RECEIVING, ...deliverReport() });
  expect(deliverer).toContain('\njetstream    DOWN the connection to 192.0.2.31:4222 was lost\n');
  expect(deliverer).not.toMatch(/received|refused$/m);
});

test('a server that receives', () => {
  expect(textOf(RECEIVING))
    .toBe(`OK - tentacle_server on centre: 12 files/s, 3 connections open, up 3 days; 3 things to look at
1.2.3, generation 2. Files go to /spool; TLS on, password

workers      ok   2 serve
listening    ok   listening on 0.0.0.0 port 41121
spool        ok   /spool can be written, 8.0 GB free, 12 files waiting
certificate  ok   all valid
to look at   The certificate of ssl_cert expires in 3 days; The certificate of ssl_cert has expired; 1 worker crashed or hung since the start
now          12 files/s, 5.0 MB/s, 0.3 connections/s; 3 of 1000 open
since start  1400 files received (3.0 GB), 7 sent (2.0 KB)
             1500 connections, 15 refused
spool        12 files (4.0 KB), the oldest for 5 minutes; 8.0 GB of 16.0 GB free, 1.0 GB reserved
certificates EXPIRED: ssl_cert /etc/old.pem (CN=centre)
             3 days left: ssl_cert /etc/soon.pem (CN=centre)
             90 days left: ssl_cert /etc/good.pem (CN=centre)
workers      2 serve, 1 finish what is in progress, 150.0 MB, late by 500 ms at worst, 1 restart
reloads      1, 0 refused; settings of 1 hour ago are in force
refusals     file already exists 12, password 3
troubles     5 seconds ago   File 'a.1.data' already exists
             1 day ago       warning: the disk is slow
files        1 second ago    SEND a.1.data (1.5 KB) 10.0.0.7 in 7 ms
             1 hour ago      RECV b.conf (10 bytes) 10.0.0.8 in 2 ms
peers        0 seconds ago   10.0.0.7: 3 files, 1 refused`);
});

test('a relay has no spool, but upstreams: those that are down first', () => {
  const shown = textOf(RELAYING);
  expect(shown).toContain('since start  3.0 GB from clients, 2.0 KB to them\n');
  expect(shown).toContain(
    'upstreams    DOWN centre2 port 41121: connection refused, for 3 minutes\n             up   centre1 port 41121\n',
  );
  expect(shown).not.toMatch(/^queue|^certificates|oldest/m);
});

test('a proxy that stores has a queue in place of a spool', () => {
  const shown = textOf({ ...STORING, totals: { ...STORING.totals, filesForwarded: 9 } });
  expect(shown).toContain('queue        40 files (2.0 KB), the oldest for 2 hours; 8.0 GB of 16.0 GB free');
  expect(shown).toContain(', 9 sent on\n');
});

test('what is wrong comes first, and colours are not all that says so', () => {
  const lines = screen(FAILING, { width: Infinity, height: 60 });
  expect(lines[0]).toEqual({
    text: 'NOT READY - spool: /spool is full: 0 bytes free; files are refused until there is room; certificate: ssl_cert expired',
    mood: 'bad',
  });
  expect(verdict(RECEIVING).mood).toBe('good');
  const bad = lines.filter(({ mood }) => mood === 'bad').map(({ text }) => text);
  expect(bad.map((text) => /NOT READY|BAD|EXPIRED|3 days left|REFUSED/.exec(text)?.[0])).toEqual([
    ...['NOT READY', 'BAD', 'BAD', 'EXPIRED', '3 days left', 'REFUSED'],
  ]);
});

test('what is wrong is told to its end, in rows as long as the terminal is wide', () => {
  const texts = screen(FAILING, { width: 60, height: 24 }).map(({ text }) => text);
  expect(texts.slice(4, 7)).toEqual([
    'spool        BAD  /spool is full: 0 bytes free; files are',
    '                  refused until there is room',
    'certificate  BAD  ssl_cert expired',
  ]);
  expect(wrapped(`a ${'b'.repeat(30)} c`, 20)).toEqual(['a', 'b'.repeat(30), 'c']);
  expect(wrapped('word '.repeat(100), 40)).toEqual([
    ...Array.from({ length: 5 }, () => 'word '.repeat(8).trim()),
    '...',
  ]);
});

test('where the system does not say how much room there is, nothing is said of it', () => {
  const asJson = JSON.stringify({ ...RECEIVING, spool: { ...RECEIVING.spool, freeBytes: Infinity } });
  const report = JSON.parse(asJson) as StatusReport;
  expect(textOf(report)).toContain(
    'spool        12 files (4.0 KB), the oldest for 5 minutes, 1.0 GB reserved\n',
  );
  expect(performanceData(report)).not.toContain('spool_free');
});

describe('figures for whoever draws curves', () => {
  test('of a server that receives', () => {
    expect(performanceData(RECEIVING)).toBe(
      'files_per_second=12.34 bytes_per_second=5242880B connections_open=3;;;0;1000 files_received=1400c files_sent=7c ' +
        'refused=15c spool_files=12 spool_oldest=300s spool_free=8589934592B',
    );
  });

  test('an empty queue has an age of 0, and a relay has neither spool nor queue', () => {
    const empty = { ...STORING, queue: { files: 0, bytes: 0, oldestSeconds: undefined } };
    expect(performanceData(empty)).toMatch(/ queue_files=0 queue_oldest=0s$/);
    expect(performanceData(RELAYING)).toMatch(/ refused=15c$/);
  });
});

describe('its place', () => {
  const many = <T>(thing: T): T[] => Array.from({ length: 60 }, () => thing);
  const crowded: StatusReport = {
    ...STORING,
    certificates: many(certificate('/etc/a.pem', 5)),
    upstreams: many({ server: 'centre port 1', up: false, text: 'x'.repeat(500), since: NOW }),
    recentFiles: many({ at: 0, command: 'SEND', file: 'f'.repeat(300), bytes: 1, ms: 1, peer: '10.0.0.1' }),
    recentTroubles: many({ at: 0, level: 'error' as const, text: 't'.repeat(1000) }),
    peers: {
      known: 60,
      busiest: [],
      latest: many({ address: '10.0.0.1', lastSeen: 0, files: 1, bytes: 1, refused: 1, lastFile: '' }),
    },
  };

  test.each([
    ['receives', RECEIVING],
    ['relays', RELAYING],
    ['stores', STORING],
    ['fails', FAILING],
    ['has much to say', crowded],
  ])('is 80 columns and 24 rows for one that %s', (_name, report) => {
    const lines = screen(report, { width: 80, height: 24 });
    expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThanOrEqual(80);
    expect(lines.length).toBeLessThanOrEqual(24);
  });

  test('is as large as the terminal: lists fill it, of each kind some', () => {
    const lines = screen(crowded, { width: 80, height: 50 }).map(({ text }) => text);
    expect(lines).toHaveLength(50);
    expect(lines.filter((line) => /^(troubles|files|peers) /.test(line))).toHaveLength(3);
  });

  test('huge numbers keep to it', () => {
    const huge = JSON.parse(
      JSON.stringify(RECEIVING).replace(/\b[0-9]{1,9}\b/g, '9007199254740991'),
    ) as StatusReport;
    for (const { text } of screen({ ...huge, now: NOW }, { width: 80, height: 24 })) {
      expect(text.length).toBeLessThanOrEqual(80);
      expect(text).not.toMatch(/undefined|NaN|\[object/);
    }
  });
});

/** What moves a cursor, ends a line, hides or turns round what follows. */
const HOSTILE = '\x1b[2J\r\n\b\t\x07\x7f\x9b31m\u2028\u2029\u202e\u200b\ud800 | rm=1 \u{1f4a9}\u6f22\u5b57';

describe('hostile text', () => {
  const spoken = (text: string): StatusReport => ({
    ...FAILING,
    ...{ host: text, version: text, purpose: text },
    checks: [{ name: 'spool', ok: false, text }],
    refusals: [{ reason: text, times: 1 }],
    certificates: [{ ...certificate(text, 1), subject: text }],
    upstreams: [{ server: text, up: false, text, since: 0 }],
    recentFiles: [{ at: 0, command: text, file: text, bytes: 1, ms: 1, peer: text }],
    recentTroubles: [{ at: 0, level: 'error', text }],
    peers: {
      known: 1,
      latest: [{ address: text, lastSeen: 0, files: 1, bytes: 1, refused: 1, lastFile: text }],
      busiest: [],
    },
  });

  test('moves no cursor, ends no line, and begins no figures', () => {
    const lines = screen(spoken(HOSTILE), { width: Infinity, height: 60 });
    expect(lines).toHaveLength(screen(spoken('x'), { width: Infinity, height: 60 }).length);
    for (const { text } of lines) expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}|]/u);
    expect(lines.some(({ text }) => text.includes('\u6f22\u5b57'))).toBe(true);
  });

  test('takes no more columns than there are, though some letters take two', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom(...Array.from(HOSTILE), 'a', '\u6f22', '\u{1f4a9}'),
          maxLength: 200,
        }),
        fc.integer({ min: 1, max: 200 }),
        (text, width) => {
          for (const line of screen(spoken(text), { width, height: 24 })) {
            const columns = line.text.replace(/[\u1100-\uffff]|[\u{10000}-\u{10ffff}]/gu, 'xx').length;
            expect(columns).toBeLessThanOrEqual(width);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
