/** The first thing to read: whether the server does its work, why not, and who it is. */
import { concernsOf, type Concern } from '../concerns.ts';
import { facts } from './facts.ts';
import { html, type Html } from './html.ts';
import { since } from './units.ts';
import { hasClients } from '../has-clients.ts';
import type { Check, StatusReport } from '../report.ts';
import { count } from '../../log/count.ts';

export type Verdict = 'ready' | 'worried' | 'failing';

export function verdictOf(report: StatusReport): Verdict {
  if (!report.ready) return 'failing';
  return concernsOf(report).length === 0 ? 'ready' : 'worried';
}

const SIGNS: Readonly<Record<Verdict, string>> = { ready: '✓', worried: '!', failing: '✕' };

export function verdict(report: StatusReport): Html {
  const concerns = concernsOf(report);
  const state = verdictOf(report);
  return html`<section id="verdict" class="${state}">
    <div role="status">
      <h1>
        <span class="sign" aria-hidden="true">${SIGNS[state]}</span>${report.ready ? 'Ready' : 'Not ready'}
      </h1>
      <p class="why">${reasonOf(report, concerns)}</p>
    </div>
    <ul class="checks">
      ${[...report.checks].sort((a, b) => Number(a.ok) - Number(b.ok)).map(checkItem)}
    </ul>
    ${
      concerns.length > 0 &&
      html`<h2 id="concerns-head">To look at</h2>
        <ul class="concerns" aria-labelledby="concerns-head">
          ${concerns.map(concernItem)}
        </ul>`
    }
    ${identity(report)}
  </section>`;
}

function reasonOf({ checks, ready }: StatusReport, concerns: readonly Concern[]): string {
  const failing = checks.filter(({ ok }) => !ok);
  if (failing.length > 0)
    return `${String(failing.length)} of ${count(checks.length, 'check')} ${failing.length === 1 ? 'fails' : 'fail'}`;
  if (!ready) return 'It does not serve yet, or no longer';
  return `Every check passes${concerns.length === 0 ? '' : `; ${count(concerns.length, 'thing')} to look at`}`;
}

function checkItem({ name, ok, text }: Check): Html {
  return html`<li class="${ok ? 'ok' : 'bad'}" data-key="${name}">
    <strong><span aria-hidden="true">${ok ? '✓' : '✕'}</span> ${name} ${ok ? 'ok' : 'failing'}</strong>
    <span>${text}</span>
  </li>`;
}

function concernItem({ text, section }: Concern): Html {
  return html`<li><a href="#${section}">${text}</a></li>`;
}

function identity(report: StatusReport): Html {
  const { purpose, now, startedAt, version, listening } = report;
  return facts([
    ['Purpose', purpose],
    ...(hasClients(report)
      ? [['Listening on', listening.length === 0 ? 'no address' : listening.join(', ')] as const]
      : []),
    ['Up', since(startedAt, now)],
    ['Version', version],
  ]);
}
