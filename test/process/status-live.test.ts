/** The status page of the real program in a real browser: under load, in proxy mode, with hostile peers. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { openPage } from '../support/browser.ts';
import { Dialogue } from '../support/dialogue.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { metricOf } from '../support/status.ts';
import { HOSTILE } from '../support/status-report.ts';
import { store, storeMany } from '../support/store.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const TIMEOUT = 120_000;
const WAIT = { timeout: 60_000, interval: 200 };

function inChromium(name: string, run: () => Promise<void>): void {
  testWith(['chromium'], name, run, TIMEOUT);
}

interface Watched {
  readonly server: ServerProcess;
  readonly at: number;
  readonly url: string;
}

async function start(...options: readonly string[]): Promise<Watched> {
  const at = await freePort();
  const server = await ServerProcess.start(['-v', '--status-address', `127.0.0.1:${String(at)}`, ...options]);
  await server.logged('Status page on');
  return { server, at, url: `http://127.0.0.1:${String(at)}/` };
}

inChromium('under load: figures and charts follow, nothing is complained of', async () => {
  const { server, at, url } = await start('-s', temporarySpool(), '--workers', '2', '--fsync', '0');
  const { page, complaints } = await openPage(url);
  const over = new AbortController();
  const load = (async () => {
    let sent = 0;
    while (!over.signal.aborted) sent += (await storeMany(server.port, 200, `load${String(sent)}`)).length;
    return sent;
  })();
  onTestFinished(() => {
    over.abort();
  });
  await expect.poll(() => page.locator('#now .value').first().textContent(), WAIT).toMatch(/^[1-9]/);
  await expect.poll(() => page.locator('#recent-files tbody tr').count(), WAIT).toBeGreaterThan(10);
  // The first point of the charts comes after ten seconds.
  await expect.poll(() => page.locator('#now .summary').first().textContent(), WAIT).toContain('highest');
  over.abort();
  const sent = await load;
  expect(await metricOf(at, 'tentacle_files_total{command="SEND",result="received"}')).toBe(sent);
  const counted = new RegExp(`Files received\\s+${sent.toLocaleString('en')} `);
  await expect.poll(() => page.locator('#totals').textContent(), WAIT).toMatch(counted);
  expect(complaints).toEqual([]);
});

inChromium('hostile file names from the wire are text, stored or refused', async () => {
  // Everything but the slash and NUL may be in a name here.
  const { server, url } = await start('-s', temporarySpool(), '--invalid-chars', '/');
  const { page, complaints } = await openPage(url, { viewport: { width: 360, height: 740 } });
  const names = HOSTILE.map((name) => Buffer.from(name.replaceAll('/', '|')).toString('latin1'));
  const dialogue = await Dialogue.open(server.port);
  const answers: string[] = [];
  // The second time it exists already: a refusal, which is told with its name.
  for (const name of [...names, ...names]) answers.push(await store(dialogue, name));
  const stored = answers.filter((answer) => answer === 'SEND OK\n').length;
  expect(stored).toBeGreaterThan(2);
  await expect.poll(() => page.locator('#recent-files tbody tr').count(), WAIT).toBe(stored);
  await expect
    .poll(() => page.locator('#recent-troubles tbody tr').count(), WAIT)
    .toBe(answers.length - stored);
  expect(await page.locator('img, iframe, b, [onerror], [onload], [onfocus], [autofocus]').count()).toBe(0);
  expect(await page.locator('script').count()).toBe(1);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  expect(complaints).toEqual([]);
});

inChromium('a worker killed -9 and a refused reload show by themselves', async () => {
  const [conf, port, at] = [
    join(temporaryDirectory(), 'tentacle_server.conf'),
    await freePort(),
    await freePort(),
  ];
  const write = (more: string): void => {
    const lines = [`port ${String(port)}`, 'addresses 127.0.0.1', `directory ${spool}`, 'allow_root 1'];
    writeFileSync(`${conf}.new`, [...lines, `status_address 127.0.0.1:${String(at)}`, more, ''].join('\n'));
    renameSync(`${conf}.new`, conf);
  };
  const spool = temporarySpool();
  write('');
  const server = await ServerProcess.start(['-F', conf], { port });
  await server.logged('Status page on');
  const { page, complaints } = await openPage(`http://127.0.0.1:${String(at)}/`);
  await expect.poll(() => page.locator('h1').textContent(), WAIT).toContain('Ready');
  const [victim = 0] = server.workers();
  process.kill(victim, 'SIGKILL');
  await expect.poll(() => page.locator('#server').textContent(), WAIT).toContain('1 crashed or hung');
  await expect
    .poll(() => page.locator('#troubles').textContent(), WAIT)
    .toContain(`Worker ${String(victim)} ended by`);
  write('adresses 127.0.0.1\nmax_size 0');
  await expect.poll(() => page.locator('main').textContent(), WAIT).toContain('reload was refused');
  write('max_size 12345');
  await expect.poll(() => page.locator('#settings').textContent(), WAIT).toContain('12345');
  await expect.poll(() => page.locator('main').textContent(), WAIT).not.toContain('reload was refused');
  expect(complaints).toEqual([]);
});

inChromium('a proxy that stores: the upstream is away, files wait, it comes, they are gone', async () => {
  const gone = await freePort();
  const proxied = ['-b', '127.0.0.1', '-g', String(gone), '--proxy-mode', 'store'];
  const { server, url } = await start('-s', temporarySpool(), ...proxied);
  const { page, complaints } = await openPage(url, { colorScheme: 'dark' });
  await storeMany(server.port, 5);
  await expect.poll(() => page.title(), WAIT).toContain('NOT READY');
  await expect
    .poll(() => page.locator('#proxy').textContent(), WAIT)
    .toMatch(/5 files.*down.*nothing listens there/s);
  await ServerProcess.start(['-a', '127.0.0.1', '-p', String(gone), '-s', temporarySpool()], { port: gone });
  await expect.poll(() => page.title(), WAIT).toMatch(/^OK/);
  await expect.poll(() => page.locator('#proxy').textContent(), WAIT).toMatch(/0 files.*up/s);
  expect(complaints).toEqual([]);
});

testWith(
  ['chromium', 'root', 'mount'],
  'a full disk is what the page begins with, and then it is not',
  async () => {
    const spool = smallDisk('8m');
    const { server, url } = await start('-s', spool);
    const { page, complaints } = await openPage(url);
    await expect.poll(() => page.title(), WAIT).toMatch(/^OK/);
    fill(join(spool, '.ballast'));
    await storeMany(server.port, 3);
    await expect.poll(() => page.title(), WAIT).toMatch(/^NOT READY/);
    expect(await page.locator('#verdict').textContent()).toContain('is full: 0 bytes free');
    await expect.poll(() => page.locator('#refusals').textContent(), WAIT).toContain('not enough space');
    rmSync(join(spool, '.ballast'));
    await expect.poll(() => page.title(), WAIT).toMatch(/^OK/);
    expect(complaints).toEqual([]);
  },
  TIMEOUT,
);

inChromium('without JavaScript it says the same', async () => {
  const { server, url } = await start('-s', temporarySpool());
  await storeMany(server.port, 3, 'plain');
  const { page } = await openPage(url, { javaScriptEnabled: false });
  expect(await page.locator('#recent-files tbody tr').count()).toBe(3);
  expect(await page.locator('#totals').textContent()).toMatch(/Files received\s+3 /);
});

inChromium('with a token a browser asks its user for it', async () => {
  const { server, url } = await start('-s', temporarySpool(), '--status-token', 'sesame');
  const { page, complaints } = await openPage(url, {
    httpCredentials: { username: 'me', password: 'sesame' },
  });
  await storeMany(server.port, 2);
  await expect.poll(() => page.locator('#state').textContent(), WAIT).toBe('Live');
  await expect.poll(() => page.locator('#recent-files tbody tr').count(), WAIT).toBe(2);
  expect(complaints).toEqual([]);
});
