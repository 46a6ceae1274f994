/** The alerts and the dashboard that are shipped: what they ask for is there, and alerts come when they should. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NOTHING } from '../../src/server/counts.ts';
import { families, type Family } from '../../src/status/families.ts';
import { formatFor, Metrics } from '../../src/status/metrics.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { DASHBOARD, panelExpressions, RULES } from '../support/prometheus.ts';
import { publishReport } from '../support/status-report.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

function promtool(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

testWith(['promtool'], 'promtool takes the alerts', () => {
  expect(promtool('check', 'rules', RULES)).toMatch(/SUCCESS: 18 rules found/);
});

testWith(['promtool'], 'alerts come when they should, and at no other time', () => {
  expect(promtool('test', 'rules', 'test/testdata/prometheus-rules.test.yml')).toContain('SUCCESS');
});

test('every alert has a test', () => {
  const alerts = [...readFileSync(RULES, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const tested = readFileSync('test/testdata/prometheus-rules.test.yml', 'utf8');
  expect(alerts.filter((name) => !tested.includes(name))).toEqual([]);
  expect(new Set(alerts).size).toBe(alerts.length);
});

testWith(['promtool'], 'promtool takes every expression of the dashboard', () => {
  const rules = panelExpressions().map(({ expression }, index) => ({
    record: `panel:${String(index)}`,
    expr: expression,
  }));
  expect(rules.length).toBeGreaterThan(30);
  const file = join(temporaryDirectory(), 'rules.yml');
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
  promtool('check', 'rules', '--lint=none', file);
});

/** Named in what is said to people. */
const PROGRAMS = ['tentacle_server', 'tentacle_serverd', 'tentacle_client'];

test('every figure that alerts and dashboard ask for is told by a server', async () => {
  const text = await figures();
  const ofJetStream = jetStreamFamilies().map(({ name }) => name);
  const told = new Set([
    ...ofJetStream,
    ...[...text.matchAll(/^(?:# TYPE )?(\w+)/gm)].map(([, name = '']) => name),
  ]);
  const files = [RULES, DASHBOARD].map((file) => readFileSync(file, 'utf8'));
  const asked = files.map((text) => new Set(text.match(/\b(?:tentacle|process|nodejs)_[a-z_]+\b/g)));
  for (const names of asked) {
    expect([...names].filter((name) => !told.has(name) && !PROGRAMS.includes(name))).toEqual([]);
    expect(names.size).toBeGreaterThan(10);
  }
});

testWith(['promtool'], 'promtool has nothing to say against the figures', async () => {
  const input = await figures();
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

/** What a server that keeps files on JetStream tells beside. */
function jetStreamFamilies(): Family[] {
  return families({ report: publishReport(), counts: NOTHING }).filter(({ name }) =>
    name.includes('_jetstream_'),
  );
}

testWith(['promtool'], 'promtool has nothing to say against those of JetStream either', async () => {
  const figures = { report: publishReport(), counts: NOTHING };
  const input = await new Metrics().write(figures, formatFor('text/plain'));
  expect(input).toContain('tentacle_jetstream_replica_lag{server="n3"} 120');
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

/** What a proxy that stores tells, in the older format: a server that receives has a part of it. */
async function figures(): Promise<string> {
  const address = `127.0.0.1:${String(await freePort())}`;
  const upstream = ['-b', '127.0.0.1:1', '--proxy-mode', 'store'];
  const options = ['--status-address', address, '--workers', '1', '-s', temporarySpool(), ...upstream];
  const server = await ServerProcess.start(options);
  await server.logged('Status page on');
  const read = async (): Promise<string> =>
    (await fetch(`http://${address}/metrics`, { headers: { accept: 'text/plain' } })).text();
  // Its spool is looked at a moment later.
  await expect.poll(read, { timeout: 20_000 }).toContain('tentacle_queue_files');
  return read();
}

test('the dashboard can be imported: ids and places are its own, and it asks the data source that is chosen', () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly datasource?: { readonly uid: string };
  }
  const { panels, schemaVersion, templating } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    readonly panels: readonly Panel[];
    readonly schemaVersion: number;
    readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  };
  expect(schemaVersion).toBeGreaterThanOrEqual(36);
  expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['instance', 'query'],
  ]);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from(
      { length: w * h },
      (_, cell) => `${String(x + (cell % w))} ${String(y + Math.floor(cell / w))}`,
    ),
  );
  expect(new Set(cells).size).toBe(cells.length);
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  const charts = panels.filter(({ type }) => type !== 'row');
  expect(new Set(charts.map(({ datasource }) => datasource?.uid))).toEqual(new Set(['${datasource}']));
});
