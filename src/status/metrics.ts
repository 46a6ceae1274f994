/** Writes the figures for Prometheus, in OpenMetrics or in its older text format. */
import { AggregatorRegistry, collectDefaultMetrics, Registry } from 'prom-client';
import { type Family, families } from './families.ts';
import type { StatusReport } from './report.ts';
import type { Counts } from '../server/counts.ts';

/** What is told beside the report. */
export interface Figures {
  readonly report: StatusReport;
  readonly counts: Counts;
}

const { OPENMETRICS_CONTENT_TYPE: OPENMETRICS, PROMETHEUS_CONTENT_TYPE: TEXT } = Registry;

/** What a scraper is answered: OpenMetrics, but for one that reads only the older format, and for browsers. */
export function formatFor(accept: string): typeof OPENMETRICS | typeof TEXT {
  return accept.includes('text/') && !accept.includes('application/openmetrics-text') ? TEXT : OPENMETRICS;
}

export class Metrics {
  /** Of this process, the supervisor. */
  readonly #process = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#process });
  }

  /** In the format that `formatFor` chose. */
  async write(figures: Figures, format: ReturnType<typeof formatFor>): Promise<string> {
    // Asked for as text, a registry renames its counters for good.
    const own: object[] = await this.#process.getMetricsAsJSON();
    const all = [...own.map(completed).filter(isConventional), ...families(figures).map(metric)];
    const registry = AggregatorRegistry.aggregate<typeof format>([
      all.map((each) => (format === OPENMETRICS ? withoutTotal(each) : each)),
    ]);
    registry.setContentType(format);
    return registry.metrics();
  }
}

/** In the shape in which prom-client passes figures between processes. */
interface Metric {
  readonly name: string;
  readonly type: string;
  readonly aggregator: 'first';
}

function metric({ values, ...family }: Family): Metric {
  return {
    ...family,
    aggregator: 'first',
    values: values.map(([labels, value, metricName]) => ({
      labels,
      value,
      ...(metricName && { metricName }),
    })),
  } as Metric;
}

/** Of several processes some figures would make no sense, and would be left out: here is only one. */
function completed(found: object): Metric {
  return { ...(found as Metric), aggregator: 'first' };
}

/** Some of the library's own gauges are called totals, which readers of OpenMetrics need not take. */
function isConventional({ name, type }: Metric): boolean {
  return type === 'counter' || !name.endsWith('_total');
}

/** In OpenMetrics the ending belongs to the value, to which it is appended. */
function withoutTotal(found: Metric): Metric {
  return found.type === 'counter' ? { ...found, name: found.name.replace(/_total$/, '') } : found;
}
