/** What happens now, and what happened in the last hour: four figures with their charts. */
import { chart, type Series, summary } from './chart.ts';
import { html, type Html, type Part } from './html.ts';
import { byteRate, clock, decimal, span, whole } from './units.ts';
import { hasClients } from '../has-clients.ts';
import type { HistoryPoint, StatusReport } from '../report.ts';

export function now(report: StatusReport): Html {
  return html`<section id="now">
    <h2>Now</h2>
    <p class="aside">at ${clock(report.now)}; rates over the last 10&nbsp;s</p>
    <div class="figures">${transfers(report)} ${hasClients(report) && visitors(report)}</div>
  </section>`;
}

/** A relay does not look into what it passes on, but a client brings a file as a rule. */
function transfers(report: StatusReport): readonly Html[] {
  const { files, bytes, connections } = report.rates;
  const data = { ...seriesOf(report, 'Data per second', 'bytes', byteRate), kilo: 1024 } as const;
  const visits = seriesOf(report, 'New connections per second', 'connections', perSecond);
  return [
    report.mode === 'relay'
      ? figure('New connections', perSecond(connections), visits)
      : figure('Files', perSecond(files), seriesOf(report, 'Files per second', 'files', perSecond)),
    figure('Data', byteRate(bytes), data),
  ];
}

function visitors(report: StatusReport): readonly Html[] {
  const { connections, rates, history } = report;
  const step = span(history.stepSeconds);
  const refused = history.points.reduce((sum, point) => sum + point.refused, 0);
  return [
    figure(
      'Open connections',
      html`${whole(connections.open)}
        <small>of ${whole(connections.limit)}, ${perSecond(rates.connections)} new</small>`,
      seriesOf(report, 'Open connections', 'open', decimal),
    ),
    figure(
      'Refused in the last hour',
      html`${whole(refused)} <small>drawn per ${step}</small>`,
      seriesOf(report, `Refusals per ${step}`, 'refused', decimal),
    ),
  ];
}

function perSecond(value: number): string {
  return `${decimal(value)}/s`;
}

function seriesOf(
  { history, now }: StatusReport,
  label: string,
  of: Exclude<keyof HistoryPoint, 'at'>,
  show: (value: number) => string,
): Series {
  const points = history.points.map((point) => ({ at: point.at, value: point[of] }));
  return { label, points, now, show, stepSeconds: history.stepSeconds, kilo: 1000 };
}

function figure(name: string, value: Part, series: Series): Html {
  const { highest, average } = summary(series.points);
  return html`<div class="figure">
    <h3>${name}</h3>
    <p class="value">${value}</p>
    ${chart(series)}
    <p class="summary">
      ${
        series.points.length === 0
          ? html`No figures yet; the first comes within ${span(series.stepSeconds)}`
          : html`highest ${series.show(highest)} · average ${series.show(average)}`
      }
    </p>
  </div>`;
}
