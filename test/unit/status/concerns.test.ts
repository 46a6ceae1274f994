/** What does not stop the server, but should be looked at. */
import { expect, test } from 'vitest';
import { concernsOf } from '../../../src/status/concerns.ts';
import type { StatusReport } from '../../../src/status/report.ts';
import {
  deliverReport,
  failingReport,
  publishReport,
  NOW,
  statusReport,
  storeReport,
  youngReport,
} from '../../support/status-report.ts';

const DAY = 86_400_000;
const healthy = statusReport();
const [certificate] = healthy.certificates;
const [worker] = healthy.workers;

function textsOf(report: StatusReport): readonly string[] {
  return concernsOf(report).map(({ text }) => text);
}

test('a healthy server and a new one give none', () => {
  expect(textsOf(healthy)).toEqual([]);
  expect(textsOf(youngReport())).toEqual([]);
});

test.each<[Partial<StatusReport>, string]>([
  [{ notListening: ['Cannot listen on [::]:41121'] }, 'Cannot listen on [::]:41121'],
  [
    { jetstream: publishReport().jetstream },
    'JetStream: the replica of stream TENTACLE on n3 has said nothing for 12 seconds',
  ],
  [
    { mode: 'publish', jetstream: deliverReport().jetstream },
    'JetStream: the connection to 192.0.2.31:4222 was lost',
  ],
  [{ upstreams: storeReport().upstreams }, 'Upstream 192.0.2.20:41121 is down: connection refused'],
  [{ queue: { files: 1, bytes: 1, oldestSeconds: 7300 } }, 'A file has been waiting to be sent on for 2 h'],
  [
    { spool: healthy.spool && { ...healthy.spool, freeBytes: 120 * 1024 ** 2 } },
    'The disk of the spool has only 120.0 MB left; 100.0 MB must stay free',
  ],
  [
    { certificates: certificate ? [{ ...certificate, validTo: NOW + 12.5 * DAY }] : [] },
    'The certificate of ssl_cert expires in 12 days',
  ],
  [
    { certificates: certificate ? [{ ...certificate, validTo: NOW - 1 }] : [] },
    'The certificate of ssl_cert has expired',
  ],
  [{ workers: worker ? [{ ...worker, lagSeconds: 4.2 }] : [] }, 'Worker 21442 was 4 s late with its work'],
  [{ restarts: 1 }, '1 worker crashed or hung since the start'],
  [
    { recentTroubles: [{ at: NOW - 60_000, level: 'error', text: 'disk' }] },
    '1 error in the last 10 minutes',
  ],
])('%j gives one', (differences, text) => {
  expect(textsOf(statusReport(differences))).toEqual([text]);
});

test('what a failing check says is not said twice', () => {
  const texts = textsOf(failingReport()).join('\n');
  expect(texts).not.toMatch(/listen|Upstream|certificate|disk/);
  expect(texts).toContain('The last reload was refused');
});
