/** A real Prometheus reads the figures of real servers, and answers what alerts and dashboard ask. */
import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { runClient } from '../support/client-program.ts';
import { Nats } from '../support/nats.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { panelExpressions, Prometheus } from '../support/prometheus.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** So often each server is asked; `npm run test:prometheus` sets it to a minute of seconds. */
const SCRAPES = Number(process.env.TENTACLE_SCRAPES ?? '4');
const FILES = 5;
const TOKEN = 'the token';

async function start(...options: readonly string[]): Promise<{ server: ServerProcess; address: string }> {
  const address = `127.0.0.1:${String(await freePort())}`;
  const status = ['--status-address', address, '--status-token', TOKEN];
  const server = await ServerProcess.start([...status, '--workers', '1', ...options]);
  await server.logged('Status page on');
  return { server, address };
}

/** Passes requests on, and hears in what format they are answered. */
async function listenIn(address: string, types: Set<string | undefined>): Promise<string> {
  const between = createServer(({ url, headers }, response) => {
    const onwards = request(`http://${address}${url ?? ''}`, { headers }, (answer) => {
      types.add(answer.headers['content-type']);
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onwards.once('error', () => response.destroy());
    onwards.end();
  });
  const port = await freePort();
  await new Promise<void>((done) => between.listen(port, '127.0.0.1', done));
  onTestFinished(() => {
    between.close();
    between.closeAllConnections();
  });
  return `127.0.0.1:${String(port)}`;
}

testWith(
  ['prometheus', 'nats-server'],
  'Prometheus reads OpenMetrics of a receiving server, a storing proxy and a receiver on JetStream, and all that is asked of it is there',
  async () => {
    const centre = await start('-s', temporarySpool(), '-o');
    const upstream = `127.0.0.1:${String(centre.server.port)}`;
    const branch = await start('-s', temporarySpool(), '-b', upstream, '--proxy-mode', 'store');
    const nats = await Nats.start({ nodes: 3 });
    onTestFinished(() => nats.stop());
    await nats.setUp();
    const store = ['--store', 'jetstream', '--nats-servers', nats.servers];
    const replicated = await start('-s', temporarySpool(), ...store);
    const types = new Set<string | undefined>();
    const heard = await listenIn(centre.address, types);
    const prometheus = await Prometheus.start({
      targets: [heard, branch.address, replicated.address],
      token: TOKEN,
    });
    const polled = { timeout: 30_000 };

    const directory = temporaryDirectory();
    for (let number = 0; number < FILES; number++) {
      const file = join(directory, `agent.${String(number)}.data`);
      writeFileSync(file, 'x'.repeat(1000));
      expect(await runClient(['-p', String(branch.server.port), file])).toMatchObject({ code: 0 });
    }
    // By way of the proxy they are counted on both.
    const received = 'sum by (instance) (tentacle_files_total{result="received"})';
    for (const instance of [heard, branch.address]) {
      await expect
        .poll(
          async () =>
            (await prometheus.query(received)).find(({ metric }) => metric.instance === instance)?.value[1],
          polled,
        )
        .toBe(String(FILES));
    }
    const bytes = `tentacle_bytes_total{instance="${heard}", direction="received"}`;
    await expect.poll(() => prometheus.value(bytes), polled).toBe(FILES * 1000);
    await expect
      .poll(() => prometheus.value('min(count_over_time(up[1h]))'), { timeout: (SCRAPES + 30) * 1000 })
      .toBeGreaterThanOrEqual(SCRAPES);

    // No scrape failed, and each was in the format that Prometheus likes best.
    expect(await prometheus.value('min(min_over_time(up[1h]))')).toBe(1);
    const targets = await prometheus.targets();
    expect(targets.map(({ health, lastError }) => [health, lastError])).toEqual([
      ['up', ''],
      ['up', ''],
      ['up', ''],
    ]);
    expect([...types].map((type) => type?.split(';')[0])).toEqual(['application/openmetrics-text']);

    // Everything that the dashboard shows has an answer, but for what has not happened.
    for (const { name, expression } of panelExpressions()) {
      const answer = await prometheus.query(expression);
      if (!/> 0$|certificate/.test(expression))
        expect([name, expression, answer.length]).not.toEqual([name, expression, 0]);
    }
    // All is well, and the rules are in force.
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([]);

    const scrapes = await prometheus.value('sum(count_over_time(up[1h]))');
    const median = await prometheus.value(
      'quantile(0.5, quantile_over_time(0.5, scrape_duration_seconds[1h]))',
    );
    const worst = await prometheus.value('max(max_over_time(scrape_duration_seconds[1h]))');
    const inMs = (seconds: number): string => `${(seconds * 1000).toFixed(1)} ms`;
    if (process.env.TENTACLE_SCRAPES !== undefined)
      console.log(`${String(scrapes)} scrapes, none failed: median ${inMs(median)}, at worst ${inMs(worst)}`);
  },
  (SCRAPES + 120) * 1000,
);

testWith(['prometheus'], 'with a wrong token Prometheus says so', async () => {
  const { address } = await start('-s', temporarySpool());
  const prometheus = await Prometheus.start({ targets: [address], token: 'wrong' });
  const lastError = async (): Promise<string | undefined> => (await prometheus.targets())[0]?.lastError;
  await expect.poll(lastError, { timeout: 30_000 }).toMatch(/401 Unauthorized/);
  await expect.poll(() => prometheus.value('up{job="tentacle"}'), { timeout: 30_000 }).toBe(0);
});
