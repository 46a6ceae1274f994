/** Prometheus as a process, and what etc/ gives it and Grafana to ask. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';
import { temporaryDirectory } from './temporary.ts';

export const RULES = resolve('etc/prometheus-rules.yml');
export const DASHBOARD = resolve('etc/grafana-dashboard.json');

/** One value of a query's result. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

export interface Target {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

export interface Scraping {
  /** As `127.0.0.1:9999`. */
  readonly targets: readonly string[];
  readonly token: string;
}

export class Prometheus {
  readonly #url: string;

  private constructor(port: number) {
    this.#url = `http://127.0.0.1:${String(port)}`;
  }

  /** Asks these targets every second, with our rules; it ends with the current test. */
  static async start({ targets, token }: Scraping): Promise<Prometheus> {
    const directory = temporaryDirectory();
    const port = await freePort();
    const conf = join(directory, 'prometheus.yml');
    // JSON is YAML, too.
    const job = {
      job_name: 'tentacle',
      authorization: { credentials: token },
      static_configs: [{ targets }],
    };
    const settings = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    writeFileSync(conf, JSON.stringify({ global: settings, rule_files: [RULES], scrape_configs: [job] }));
    const options = [`--config.file=${conf}`, `--storage.tsdb.path=${join(directory, 'data')}`];
    const listen = `--web.listen-address=127.0.0.1:${String(port)}`;
    const child = spawn('prometheus', [...options, listen, '--log.level=error'], { stdio: 'inherit' });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const prometheus = new Prometheus(port);
    const isReady = (): Promise<boolean> =>
      fetch(`${prometheus.#url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isReady, { timeout: 30_000 }).toBe(true);
    return prometheus;
  }

  /** @throws Error for an expression that it does not take */
  async query(expression: string): Promise<readonly Sample[]> {
    const { result } = await this.#get<{ result: readonly Sample[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result;
  }

  /** The only value of the result. */
  async value(expression: string): Promise<number> {
    const [sample] = await this.query(expression);
    return Number(sample?.value[1]);
  }

  async targets(): Promise<readonly Target[]> {
    const { activeTargets } = await this.#get<{ activeTargets: readonly Target[] }>('targets');
    return activeTargets;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const { status, data, error } = (await response.json()) as { status: string; data: T; error?: string };
    if (status !== 'success') throw new Error(`${path}: ${error ?? status}`);
    return data;
  }
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

export interface Asked {
  /** The alert or the panel. */
  readonly name: string;
  readonly expression: string;
}

/** What the panels ask for, as Grafana would of all servers, over a minute. */
export function panelExpressions(): readonly Asked[] {
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      name: title,
      expression: expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'),
    })),
  );
}
