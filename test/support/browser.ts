/** Debian's Chromium, driven by playwright-core: pages that remember what they asked for and complained of. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, onTestFinished } from 'vitest';
import { isRoot } from './requires.ts';

const PROGRAM = '/usr/bin/chromium';

export interface OpenedPage {
  readonly page: Page;
  /** Errors and warnings of the console, violations of the policy among them; exceptions; dialogs. */
  readonly complaints: readonly string[];
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
}

let browser: Promise<Browser> | undefined;

/** The browser of this test file, closed after it. */
export function launchBrowser(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: PROGRAM, args: isRoot ? ['--no-sandbox'] : [] });
  return browser;
}

afterAll(async () => {
  await (await browser)?.close();
  browser = undefined;
});

/** Opens a URL in a profile of its own, closed when the current test is over. */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await (await launchBrowser()).newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const [complaints, requests]: [string[], string[]] = [[], []];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => requests.push(request.url().replace(new URL(url).origin, '')));
  await page.goto(url);
  return { page, complaints, requests };
}
