/** What is asked for the state of a server: one of this version, or anything else that listens there. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { askStatus } from '../../../src/status/ask.ts';
import type { StatusReport } from '../../../src/status/report.ts';
import { deliverReport, publishReport, statusReport } from '../../support/status-report.ts';

/** Asks whoever answers so. */
async function asked(answer: unknown): Promise<StatusReport> {
  const server = createServer((_, response) => response.end(JSON.stringify(answer)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return askStatus({ address: { kind: 'tcp', host: '127.0.0.1', port }, token: undefined });
}

test('a report, also of a disk whose size nobody knows', async () => {
  const report = statusReport();
  expect(await asked(report)).toEqual(JSON.parse(JSON.stringify(report)));
  const { spool } = report;
  const unknown = spool && { ...spool, freeBytes: Infinity, totalBytes: Infinity };
  expect((await asked({ ...report, spool: unknown })).spool?.freeBytes).toBeNull();
});

test('a report of a server that keeps files on JetStream, there or away', async () => {
  for (const report of [publishReport(), deliverReport()])
    expect(await asked(report)).toEqual(JSON.parse(JSON.stringify(report)));
});

test.each<[string, object]>([
  ['checks without a text', { ready: false, checks: [{ name: 'workers', ok: false }] }],
  ['no name', { host: undefined }],
  ['rates in words', { rates: { files: 'many', bytes: 1, connections: 1 } }],
  ['certificates that end at no time', { certificates: [{ token: 'a', file: 'b', subject: 'c' }] }],
  ['a refusal that is a number', { reloads: { ...statusReport().reloads, lastRefusal: 5 } }],
  ['an empty spool', { spool: null }],
  ['a stream without a name', { jetstream: { up: true, text: '', findings: [] } }],
  ['replicas in words', { jetstream: { ...publishReport().jetstream, figures: { replicas: 'three' } } }],
])('what has %s is no report', async (_, differences) => {
  const answer = asked({ ...statusReport(), ...differences });
  await expect(answer).rejects.toThrow('no Tentacle server of this version');
});
