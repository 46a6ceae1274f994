/** The status page: one document without anything from elsewhere, readable without JavaScript, live with it. */
import { createHash } from 'node:crypto';
import { live } from './browser/live.js';
import { files, refusals, troubles } from './page/activity.ts';
import { certificates } from './page/certificates.ts';
import { html, Html } from './page/html.ts';
import { jetstream } from './page/jetstream.ts';
import { now } from './page/now.ts';
import { peers } from './page/peers.ts';
import { proxy } from './page/proxy.ts';
import { server, totals } from './page/server.ts';
import { settings } from './page/settings.ts';
import { spool } from './page/spool.ts';
import { STYLE } from './page/style.ts';
import { type Verdict, verdict, verdictOf } from './page/verdict.ts';
import type { StatusReport } from './report.ts';

const SCRIPT = `(${live.toString()})()`;
// As they are hashed: outside of templates, which are laid out by the formatter.
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);
const SCRIPT_ELEMENT = new Html(`<script>${SCRIPT}</script>`);
/** Without JavaScript. */
const REFRESH_SECONDS = 10;
const [STYLE_HASH, SCRIPT_HASH] = [hashOf(STYLE), hashOf(SCRIPT)];
const COLORS: Readonly<Record<Verdict, string>> = { ready: '1a7f37', worried: 'bf8700', failing: 'cf222e' };

/** The whole document, to be sent with `pageHeaders()`. */
export function page(report: StatusReport): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <noscript><meta http-equiv="refresh" content="${REFRESH_SECONDS}" /></noscript>
        ${changing(report)} ${STYLE_ELEMENT}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the state</a>
        <header>
          <p class="name">Tentacle</p>
          <p class="host">${report.host}</p>
          <p role="status" id="state"><noscript>Renewed every ${REFRESH_SECONDS} s</noscript></p>
          <button type="button" id="pause" hidden>Pause</button>
        </header>
        ${mainOf(report)}
        <footer>
          <nav aria-label="For programs">
            For programs: <a href="status.json">status.json</a> <a href="metrics">metrics</a>
            <a href="healthz">healthz</a> <a href="readyz">readyz</a>
          </nav>
        </footer>
        ${SCRIPT_ELEMENT}
      </body>
    </html> `.markup;
}

/** Scripts and styles are those of the page alone, and nothing else is loaded but events: what a peer sends cannot run. */
export function pageHeaders(): Readonly<Record<string, string>> {
  const policy = [
    "default-src 'none'",
    `style-src '${STYLE_HASH}'`,
    `script-src '${SCRIPT_HASH}'`,
    "connect-src 'self'",
    // The coloured dot in the tab.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  };
}

/** One server-sent event with all that changes, which the page takes over: it ends in the empty line that sends it off. */
export function sseEvent(report: StatusReport): string {
  const markup = html`${changing(report)}${mainOf(report)}`.markup;
  return `data: ${markup.replace(/\r\n|\r|\n/g, '\ndata: ')}\n\n`;
}

/** What changes of the head: title and icon tell the state even in a tab in the background. */
function changing(report: StatusReport): Html {
  const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="#${COLORS[verdictOf(report)]}"/></svg>`;
  return html`<title>${report.ready ? 'OK' : 'NOT READY'} - ${report.host} - Tentacle</title>
    <link rel="icon" href="data:image/svg+xml,${encodeURIComponent(dot)}" />`;
}

function mainOf(report: StatusReport): Html {
  return html`<main id="main" tabindex="-1" data-edition="${STYLE_HASH}${SCRIPT_HASH}">
    ${verdict(report)} ${now(report)} ${proxy(report)} ${jetstream(report)}
    <div class="wide">${troubles(report)} ${files(report)}</div>
    <div class="narrow">${refusals(report)} ${totals(report)} ${spool(report)}</div>
    ${peers(report)} ${server(report)} ${certificates(report)} ${settings(report)}
  </main>`;
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
