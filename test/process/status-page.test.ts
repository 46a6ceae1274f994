/** The status page in a real browser: what it shows, what it lets run, how it stays live, and who can use it. */
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { describe, expect } from 'vitest';
import { openPage } from '../support/browser.ts';
import { testWith } from '../support/requires.ts';
import { servePage } from '../support/status-page.ts';
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
} from '../support/status-report.ts';

const TIMEOUT = 120_000;
const NARROW = { width: 360, height: 740 };
const WIDE = { width: 1600, height: 1000 };

function inChromium(name: string, run: () => Promise<void>): void {
  testWith(['chromium'], name, run, TIMEOUT);
}

/** What an expression gives in the page. */
async function ask<T>(page: Page, expression: string): Promise<T> {
  return page.evaluate<T>(expression);
}

const stateOf = (page: Page) => expect.poll(() => page.locator('#state').textContent());

inChromium(
  'nothing is loaded but the page and its events, and the browser has nothing to complain of',
  async () => {
    const server = await servePage(storeReport());
    const { page, complaints, requests } = await openPage(server.url);
    await stateOf(page).toBe('Live');
    server.show(failingReport());
    await expect.poll(() => page.title()).toBe('NOT READY - tentacle-01.example - Tentacle');
    expect(await page.locator('h1').textContent()).toContain('Not ready');
    expect(requests.filter((path) => !path.startsWith('data:'))).toEqual(['/', '/events']);
    expect(complaints).toEqual([]);
  },
);

inChromium('hostile names are text: they make no element, run nothing and turn nothing around', async () => {
  const server = await servePage(hostileReport());
  const { page, complaints } = await openPage(server.url, { viewport: NARROW });
  await stateOf(page).toBe('Live');
  server.show({ ...hostileReport(), generation: 5 });
  await expect.poll(() => page.locator('#settings').textContent()).toContain('of generation 5');
  const names = await page.locator('#recent-files tbody th').allTextContents();
  expect(names.map((name) => name.trim())).toEqual([...HOSTILE]);
  expect(await page.locator('img, iframe, b, [onerror], [onload], [onfocus], [autofocus]').count()).toBe(0);
  expect(await page.locator('script').count()).toBe(1);
  expect(await page.locator('#recent-files bdi').count()).toBe(2 * HOSTILE.length);
  expect(await ask(page, 'document.documentElement.scrollWidth')).toBe(NARROW.width);
  expect(complaints).toEqual([]);
});

inChromium('even markup that got through the escaping could not run', async () => {
  const server = await servePage(statusReport());
  const { page, complaints } = await openPage(server.url);
  await ask(
    page,
    `document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="alert(1)"><p style="color:red" id="styled">')`,
  );
  await expect
    .poll(() => complaints.filter((text) => text.includes('Content Security Policy')).length)
    .toBe(3);
  expect(complaints.filter((text) => text.startsWith('dialog'))).toEqual([]);
});

inChromium(
  'an update changes figures in place: focus, scrolling, selection and what is unfolded stay',
  async () => {
    const server = await servePage(statusReport());
    const { page } = await openPage(server.url, { viewport: NARROW });
    await stateOf(page).toBe('Live');
    await page.locator('summary').click();
    await ask(page, `document.querySelector('#recent-files').scrollTo(40, 60)`);
    await page.locator('#recent-files').focus();
    await ask(
      page,
      `getSelection().selectAllChildren(document.querySelector('#recent-files tr:nth-child(3) bdi'))`,
    );
    const selected = await ask<string>(page, 'getSelection().toString()');
    const [newest, ...files] = statusReport().recentFiles;
    server.show(
      statusReport({
        rates: { files: 77.7, bytes: 1, connections: 1 },
        restarts: 1,
        recentFiles: [
          { at: 1, command: 'SEND', file: 'brand-new.data', bytes: 1, ms: 1, peer: '192.0.2.1' },
          ...(newest ? [newest] : []),
          ...files,
        ],
      }),
    );
    await expect.poll(() => page.locator('#now .value').first().textContent()).toBe('77.7/s');
    expect(await page.locator('#recent-files tbody tr').first().textContent()).toContain('brand-new.data');
    expect(await page.locator('details').getAttribute('open')).not.toBeNull();
    expect(await ask(page, 'document.activeElement.id')).toBe('recent-files');
    expect(await ask(page, `document.querySelector('#recent-files').scrollLeft`)).toBe(40);
    expect(await page.locator('#state').textContent()).toBe('Live, but for what is selected');
    expect(selected).not.toBe('');
    expect(await ask(page, 'getSelection().toString()')).toBe(selected);
  },
);

inChromium(
  'updates from every kind of report to every other end in what the server would have sent',
  async () => {
    const reports = [
      statusReport(),
      storeReport(),
      relayReport(),
      publishReport(),
      deliverReport(),
      youngReport(),
      failingReport(),
      hostileReport(),
    ];
    const server = await servePage(statusReport());
    const [{ page }, { page: fresh }] = [
      await openPage(server.url),
      await openPage(server.url, { javaScriptEnabled: false }),
    ];
    await stateOf(page).toBe('Live');
    let generation = 100;
    for (const report of [
      ...reports,
      ...[...reports].reverse(),
      ...reports.filter((_, index) => index % 2 === 0),
    ]) {
      generation++;
      server.show({ ...report, generation });
      await expect
        .poll(() => page.locator('#settings').textContent())
        .toContain(`of generation ${String(generation)};`);
      await fresh.goto(server.url);
      expect(await page.locator('main').innerHTML()).toBe(await fresh.locator('main').innerHTML());
    }
  },
);

inChromium('a lost connection is told, and the page recovers by itself', async () => {
  const server = await servePage(statusReport());
  const { page } = await openPage(server.url);
  await stateOf(page).toBe('Live');
  server.cut();
  await stateOf(page).toMatch(/^No answer since \d\d:\d\d:\d\d, trying again$/);
  expect(await page.locator('#state').getAttribute('role')).toBe('status');
  server.mend();
  server.show(statusReport({ generation: 9 }));
  await stateOf(page).toBe('Live');
  await expect.poll(() => page.locator('#settings').textContent()).toContain('of generation 9');
});

inChromium('a server that hangs, and says nothing more, is told as lost', async () => {
  const server = await servePage(statusReport());
  const { page } = await openPage('about:blank');
  await page.clock.install();
  await page.goto(server.url);
  await stateOf(page).toBe('Live');
  await page.clock.fastForward(9000);
  expect(await page.locator('#state').textContent()).toBe('Live');
  await page.clock.fastForward(2000);
  await stateOf(page).toMatch(/^No answer since/);
  await page.clock.fastForward(3000);
  await stateOf(page).toBe('Live');
  expect(server.listeners).toBe(1);
});

inChromium('paused it changes nothing and holds no connection; resumed it is up to date', async () => {
  const server = await servePage(statusReport());
  const { page } = await openPage(server.url);
  await stateOf(page).toBe('Live');
  await page.locator('#pause').press('Enter');
  await stateOf(page).toMatch(/^Paused at \d\d:\d\d:\d\d$/);
  await expect.poll(() => server.listeners).toBe(0);
  server.show(statusReport({ generation: 9 }));
  expect(await page.locator('#settings').textContent()).toContain('of generation 4');
  expect(await page.locator('#pause').textContent()).toBe('Resume');
  await page.locator('#pause').press('Enter');
  await expect.poll(() => page.locator('#settings').textContent()).toContain('of generation 9');
  expect(await page.locator('#state').textContent()).toBe('Live');
});

inChromium('a page of an older version is loaded anew', async () => {
  const server = await servePage(statusReport());
  const { page, requests } = await openPage(server.url);
  await stateOf(page).toBe('Live');
  await ask(page, `document.querySelector('main').dataset.edition = 'older'`);
  server.show(statusReport({ generation: 9 }));
  await expect.poll(() => requests.filter((path) => path === '/').length).toBe(2);
  await stateOf(page).toBe('Live');
});

inChromium('without JavaScript everything can be read, unfolded, and is renewed by itself', async () => {
  const server = await servePage(storeReport());
  const { page, requests } = await openPage(server.url, { javaScriptEnabled: false });
  const text = (await page.locator('body').innerText()).replace(/\s+/g, ' ');
  for (const words of [
    'Ready',
    '41.3/s',
    '1.9 MB/s',
    '1,312 files',
    'connection refused',
    'file already exists',
    'max_connections',
    'Renewed every 10 s',
  ])
    expect(text).toContain(words);
  expect(await page.locator('meta[http-equiv=refresh]').getAttribute('content')).toBe('10');
  expect(await page.locator('#pause').isVisible()).toBe(false);
  await page.locator('summary').click();
  expect(await page.locator('#other-settings').isVisible()).toBe(true);
  expect(requests.filter((path) => !path.startsWith('data:'))).toEqual(['/']);
});

inChromium('it is light or dark as the reader wants, at once', async () => {
  const server = await servePage(statusReport());
  const { page } = await openPage(server.url, { colorScheme: 'light' });
  const colors = (): Promise<string[]> =>
    ask(
      page,
      `['body', 'h1', '#now'].flatMap((part) => { const { color, backgroundColor } = getComputedStyle(document.querySelector(part)); return [color, backgroundColor]; })`,
    );
  const light = await colors();
  await page.emulateMedia({ colorScheme: 'dark' });
  const dark = await colors();
  const brightness = (color = ''): number => Number(/\d+/.exec(color)?.[0]);
  expect(brightness(light[1])).toBeGreaterThan(200);
  expect(brightness(dark[1])).toBeLessThan(50);
  expect(brightness(dark[0])).toBeGreaterThan(200);
});

inChromium('at 360 px nothing but tables scrolls sideways; at 1600 px the width is used', async () => {
  const server = await servePage(failingReport());
  const { page } = await openPage(server.url, { viewport: NARROW });
  const width = 'document.documentElement.scrollWidth';
  expect(await ask(page, width)).toBe(NARROW.width);
  server.cut();
  await stateOf(page).toMatch(/^No answer/);
  expect(await ask(page, width)).toBe(NARROW.width);
  await page.setViewportSize(WIDE);
  expect(await ask(page, width)).toBe(WIDE.width);
  const { width: used = 0 } = (await page.locator('main').boundingBox()) ?? {};
  expect(used).toBeGreaterThan(1500);
  const [left, right] = [
    await page.locator('#troubles').boundingBox(),
    await page.locator('#refusals').boundingBox(),
  ];
  expect(left?.y).toBe(right?.y);
});

describe('axe finds nothing to complain of', () => {
  const reports = {
    receive: statusReport(),
    failing: failingReport(),
    worried: storeReport(),
    'on JetStream': publishReport(),
    young: youngReport(),
    hostile: hostileReport(),
  };
  for (const [name, report] of Object.entries(reports))
    inChromium(`${name}, light and narrow, dark and wide`, async () => {
      const server = await servePage(report);
      const { page } = await openPage(server.url);
      await page.locator('summary').click();
      await page.evaluate(axe.source);
      for (const [viewport, colorScheme] of [
        [NARROW, 'light'],
        [WIDE, 'dark'],
      ] as const) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        const { violations, passes } = await ask<axe.AxeResults>(page, 'axe.run()');
        expect(passes.length).toBeGreaterThan(20);
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      }
    });
});

inChromium(
  'the keyboard reaches everything in the order of the page, sees where it is, and unfolds',
  async () => {
    const server = await servePage(storeReport());
    const { page } = await openPage(server.url);
    await stateOf(page).toBe('Live');
    const wanted = await ask<string[]>(
      page,
      `[...document.querySelectorAll('a, button, summary, .scroll')].filter((each) => each.checkVisibility()).map((each) => each.id || each.textContent.trim())`,
    );
    const reached: string[] = [];
    while (reached.length < wanted.length) {
      await page.keyboard.press('Tab');
      reached.push(await ask(page, 'document.activeElement.id || document.activeElement.textContent.trim()'));
      expect(await ask(page, 'getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    }
    expect(reached).toEqual(wanted);
    await page.locator('summary').focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('#other-settings').isVisible()).toBe(true);
    await page.locator('.skip').focus();
    await page.keyboard.press('Enter');
    expect(await ask(page, 'document.activeElement.id')).toBe('main');
  },
);

inChromium('a screen reader hears headings, named tables and what the charts show', async () => {
  const server = await servePage(statusReport());
  const { page } = await openPage(server.url);
  const tree = await page.locator('body').ariaSnapshot();
  expect(tree).toContain('- heading "Ready" [level=1]');
  expect(tree).toMatch(
    /img "Files per second over the last hour: now [\d.]+\/s, highest 108\/s, average 34.7\/s"/,
  );
  expect(tree).toContain('- region "Recent files, the latest first"');
  expect(tree).toContain('- columnheader "What happened"');
  expect(tree).toContain('- rowheader "file already exists"');
});
