/** The page in every mode and state, as text: what it must hold, and what a peer cannot put into it. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { page, pageHeaders, sseEvent } from '../../../src/status/page.ts';
import {
  deliverReport,
  failingReport,
  HOSTILE,
  hostileReport,
  publishReport,
  relayReport,
  statusReport,
  storeReport,
  youngReport,
} from '../../support/status-report.ts';

const REPORTS = {
  receive: statusReport(),
  store: storeReport(),
  relay: relayReport(),
  publish: publishReport(),
  deliver: deliverReport(),
  young: youngReport(),
  failing: failingReport(),
  hostile: hostileReport(),
};

/** What a reader without JavaScript and style would see, in one line. */
function textOf(markup: string): string {
  return markup
    .replace(/<(style|script|title)>.*?<\/\1>/gs, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test.each(Object.entries(REPORTS))(
  '%s: elements close in order, and no id is given twice',
  (_name, report) => {
    const markup = page(report).replace(/<(style|script)>.*?<\/\1>/gs, '');
    const open: string[] = [];
    for (const [tag, end, name = '', empty] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
      if (empty === '/' || ['br', 'meta', 'link'].includes(name)) continue;
      if (end === '') open.push(name);
      else expect(open.pop(), tag).toBe(name);
    }
    expect(open).toEqual([]);
    const ids = [...markup.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(markup).not.toMatch(/undefined|NaN|\[object/);
  },
);

test('a healthy server says so first, then what happens, then the details', () => {
  const text = textOf(page(statusReport()));
  const order = [
    'Ready',
    'Every check passes',
    'listening ok',
    '41.3/s',
    '1.9 MB/s',
    'file already exists',
    '4,812 known',
    '21442',
    '[redacted]',
  ];
  const places = order.map((words) => text.indexOf(words));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
});

test('the title tells the state, and names the machine', () => {
  expect(page(statusReport())).toContain('<title>OK - tentacle-01.example - Tentacle</title>');
  expect(page(failingReport())).toContain('<title>NOT READY - tentacle-01.example - Tentacle</title>');
});

test('a failing server says which checks fail and what to do, those first', () => {
  const report = failingReport();
  const checks = report.checks.map((check) => ({ ...check, ok: check.name !== 'spool' }));
  const text = textOf(page({ ...report, checks }));
  expect(text).toContain('1 of 4 checks fails');
  expect(text.indexOf('spool failing')).toBeLessThan(text.indexOf('listening ok'));
  expect(text).toContain('make room or move it');
});

test('a server that is not ready, though its checks pass, says so', () => {
  expect(textOf(page(statusReport({ ready: false })))).toContain('Not ready It does not serve yet');
});

test('a proxy that stores shows its queue and upstreams, a relay no files, a receiver neither', () => {
  const store = textOf(page(storeReport()));
  expect(store).toContain('Waiting to be sent on 1,312 files');
  expect(store).toMatch(/192\.0\.2\.20:41121 ✕ down connection refused 8 min ago/);
  const relay = textOf(page(relayReport()));
  expect(relay).toMatch(/192\.0\.2\.20:41121 ✓ up – –/);
  expect(relay).not.toMatch(/Recent files|Last file|Files received/);
  expect(textOf(page(statusReport()))).not.toContain('Upstreams');
});

test('a server that keeps files on JetStream shows stream, replicas, buckets and what waits here', () => {
  const text = textOf(page(publishReport()));
  for (const words of [
    'JetStream stream TENTACLE',
    'Connected to 192.0.2.31:4222 (n1)',
    'Quorum yes; no further replica may fail',
    'Files on it 41 (1.2 MB)',
    'To be delivered 30',
    'Being delivered 11',
    'Waiting here 0 files (0 bytes)',
    'n1 ✓ leader 0',
    'n2 ! behind 7',
    'n3 ✕ silent for 12 s 120',
    'TENTACLE_conf 4,812 31.0 MB',
    'JetStream: the replica of stream TENTACLE on n3 has said nothing for 12 seconds',
  ])
    expect(text).toContain(words);
  expect(text).not.toContain('Upstreams');
});

test('a deliverer without JetStream says why, and nothing of clients', () => {
  const text = textOf(page(deliverReport()));
  expect(text).toContain('State ✕ the connection to 192.0.2.31:4222 was lost Since 3 min ago');
  expect(text).not.toMatch(
    /Latest peers|Refusals by reason|Open connections|Listening on|Quorum|Recent files/,
  );
});

test('a server that has just started has words for everything that it has not', () => {
  const text = textOf(page(youngReport()));
  for (const words of [
    'No figures yet',
    'No file since',
    'No peer since',
    'Nothing was refused',
    'No worker runs',
  ])
    expect(text).toContain(words);
});

test('settings that were given stand apart from the defaults', () => {
  const markup = page(statusReport());
  expect(markup).toMatch(/max_connections.*<details.*3 settings at their defaults.*max_size/s);
});

test('what peers call things stays text', () => {
  const markup = page(hostileReport());
  for (const tag of ['<img', '<svg onload', '<b>']) expect(markup).not.toContain(tag);
  expect(markup.match(/<script>/g)).toHaveLength(1);
  expect(markup.match(/<\/style>/g)).toHaveLength(1);
  expect(markup).toContain('&lt;img src=x onerror=alert(1)&gt;');
});

test('the policy lets only the style and the script of the page itself work', () => {
  const policy = pageHeaders()['Content-Security-Policy'];
  for (const element of ['style', 'script'] as const) {
    const [, text = ''] = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(page(statusReport())) ?? [];
    const hash = createHash('sha256').update(text).digest('base64');
    expect(policy).toContain(`${element}-src 'sha256-${hash}'`);
  }
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
});

test('an event is lines of data, whatever ends a line in what it carries, and ends in one empty line', () => {
  const event = sseEvent(statusReport({ host: HOSTILE[0], purpose: 'a\rdata: b\n\nevent: c\r\n' }));
  expect(event.endsWith('\n\n')).toBe(true);
  const lines = event.slice(0, -2).split(/\r\n|\r|\n/);
  expect(lines.every((line) => line.startsWith('data: '))).toBe(true);
  expect(lines[0]).toBe('data: <title>OK - &lt;img src=x onerror=alert(1)&gt; - Tentacle</title>');
});

test('a disk that does not say how large it is', () => {
  const report = statusReport();
  const spool = report.spool && { ...report.spool, freeBytes: Infinity, totalBytes: Infinity };
  const shown = page({ ...report, spool });
  expect(shown).toMatch(/<dt>Free<\/dt>\s*<dd>unknown<\/dd>/);
  expect(shown).not.toMatch(/NaN|Infinity/);
});
