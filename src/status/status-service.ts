/** Gathers all that is to be told of the server, while its settings say where to tell it. */
import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { certificateCheck, listeningCheck, workersCheck } from './checks.ts';
import { Chronicle } from './history.ts';
import { Journal } from './journal.ts';
import type { Figures } from './metrics.ts';
import { JetStreamWatch } from './jetstream-watch.ts';
import { ReadinessLog } from './readiness-log.ts';
import type { Check, SettingReport, StatusReport, WorkerReport } from './report.ts';
import { SpoolWatch } from './spool-watch.ts';
import { StatusServer } from './status-server.ts';
import { UpstreamWatch } from './upstream-watch.ts';
import { targetOf } from '../jetstream/state/target.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { type Counts, filesMoved, filesReceived, filesSent, refusals, total } from '../server/counts.ts';
import type { Happened, Recent } from '../server/recent.ts';
import type { Reloader } from '../server/reloader.ts';
import type { Candidate, Status, Supervisor, WorkerStatus } from '../server/supervisor.ts';
import { type CertificateReport, certificatesOf } from '../settings/certificate-report.ts';
import { takesClients } from '../settings/mode.ts';
import { OPTIONS } from '../settings/options.ts';
import { purposeOf } from '../settings/purpose.ts';
import type { StatusSettings } from '../settings/settings.ts';
import { shownValue } from '../settings/shown.ts';
import { statusAddressText } from '../settings/status-address.ts';

/** So often all workers are asked, whoever looks or not: the charts go back an hour. */
const SAMPLE_MS = 2000;
/** When it cannot listen it tries again. */
const RETRY_MS = 5000;

export interface Sources {
  readonly version: string;
  readonly supervisor: Pick<Supervisor, 'status' | 'bound'>;
  readonly reloader: Pick<Reloader, 'reloads'>;
  /** What the supervisor itself logs. */
  readonly recent: Pick<Recent, 'take'>;
  readonly log: Logger;
}

/** What is looked at for one set of settings. */
interface Watches {
  readonly spool: SpoolWatch | undefined;
  readonly upstreams: UpstreamWatch | undefined;
  readonly jetstream: JetStreamWatch | undefined;
}

export class StatusService {
  readonly #sources: Sources;
  readonly #startedAt = Date.now();
  readonly #chronicle = new Chronicle();
  readonly #journal = new Journal();
  readonly #readiness: ReadinessLog;
  readonly #timer: NodeJS.Timeout;
  #candidate: Candidate;
  #watches: Watches = { spool: undefined, upstreams: undefined, jetstream: undefined };
  #certificates: readonly CertificateReport[] = [];
  #server: { readonly at: StatusSettings['address']; readonly server: StatusServer } | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = Promise.resolve();
  #isClosed = false;
  #sampling: Promise<Status> | undefined;
  #isStopping = false;

  /** Begins to gather, and to tell. */
  constructor(candidate: Candidate, sources: Sources) {
    this.#candidate = candidate;
    this.#sources = sources;
    this.#readiness = new ReadinessLog(sources.log);
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS);
    this.#renewWatches();
  }

  /** What happened in a worker. */
  happened(happened: Happened): void {
    this.#journal.add(happened);
  }

  /** Listens where the settings say. Never fails: what is wrong is logged, and tried again. */
  async open(): Promise<void> {
    await this.#listen(true);
  }

  /** After a reload. Never fails. */
  async follow(candidate: Candidate): Promise<void> {
    this.#candidate = candidate;
    this.#renewWatches();
    await this.#listen(true);
  }

  /** From now on it is not ready. */
  stopping(): void {
    this.#isStopping = true;
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#closeWatches();
    this.#closeServer();
  }

  /** All that is to be told, as of now. */
  async figures(): Promise<Figures> {
    const status = await this.#look();
    return { report: this.#report(status), counts: status.counts };
  }

  /** One attempt after the other: a name may take its time, and another reload or the end come meanwhile. */
  #listen(isFirst: boolean): Promise<void> {
    clearTimeout(this.#retry);
    this.#attempt = this.#attempt.then(() => (this.#isClosed ? undefined : this.#tryListening(isFirst)));
    return this.#attempt;
  }

  async #tryListening(isFirst: boolean): Promise<void> {
    const { status } = this.#candidate.settings;
    if (status === undefined) return;
    if (this.#server !== undefined && isDeepStrictEqual(this.#server.at, status.address)) {
      this.#server.server.settings = status;
      return;
    }
    const where = statusAddressText(status.address);
    // On all addresses it cannot listen while it does on one of them.
    if (this.#server !== undefined && isSamePort(this.#server.at, status.address)) this.#closeServer();
    try {
      const server = await StatusServer.open(status, () => this.figures());
      if (this.#isClosed) {
        server.close();
        return;
      }
      this.#closeServer();
      this.#server = { at: status.address, server };
      const url = status.address.kind === 'unix' ? where : `http://${where}/`;
      this.#sources.log.notice(`Status page on ${url}`, { event: 'status page', address: where });
    } catch (cause) {
      if (this.#isClosed) return;
      if (isFirst) {
        const text = `status_address: cannot listen on ${where}: ${reasonOf(cause)}; files are served all the same`;
        this.#sources.log.error(text, { event: 'status page', address: where });
      }
      this.#retry = setTimeout(() => void this.#listen(false), RETRY_MS);
    }
  }

  #closeServer(): void {
    this.#server?.server.close();
    this.#server = undefined;
  }

  #renewWatches(): void {
    const { mode, idleMs } = this.#candidate.settings;
    this.#certificates = certificatesOf(this.#candidate.blueprint);
    const before = this.#watches;
    before.upstreams?.close();
    before.jetstream?.close();
    const target = targetOf(mode);
    const spool = 'spool' in mode ? mode.spool : undefined;
    if (spool === undefined) before.spool?.close();
    this.#watches = {
      spool: spool && SpoolWatch.following(before.spool, spool),
      upstreams: 'upstream' in mode ? new UpstreamWatch(mode.upstream, idleMs, before.upstreams) : undefined,
      jetstream: target && new JetStreamWatch(target, before.jetstream),
    };
  }

  #closeWatches(): void {
    this.#watches.spool?.close();
    this.#watches.upstreams?.close();
    this.#watches.jetstream?.close();
  }

  /** One look at a time, however many ask. */
  #look(): Promise<Status> {
    this.#sampling ??= this.#gather().finally(() => (this.#sampling = undefined));
    return this.#sampling;
  }

  async #gather(): Promise<Status> {
    const status = await this.#sources.supervisor.status();
    this.#journal.add(this.#sources.recent.take());
    const { counts } = status;
    this.#chronicle.add({
      at: Date.now(),
      files: filesReceived(counts) + filesSent(counts) + filesMoved(counts),
      bytes: counts.bytesReceived + counts.bytesSent + counts.bytesMoved,
      connections: counts.connections,
      refused: total(refusals(counts)),
      open: counts.open,
    });
    if (!this.#isStopping) this.#readiness.look(this.#checks(status), performance.now());
    return status;
  }

  #report(status: Status): StatusReport {
    const { generation, workers, counts, lost } = status;
    const { settings, blueprint } = this.#candidate;
    const { mode } = settings;
    const now = Date.now();
    const spool = this.#watches.spool?.report;
    const checks = this.#checks(status);
    return {
      version: this.#sources.version,
      host: hostname(),
      now,
      startedAt: this.#startedAt,
      purpose: purposeOf(settings),
      mode: mode.kind,
      generation,
      listening: this.#listening(),
      notListening: this.#sources.supervisor.bound.failures,
      ready: checks.every(({ ok }) => ok),
      checks,
      rates: this.#chronicle.rates,
      connections: { open: counts.open, limit: settings.maxConnections },
      totals: totalsOf(counts),
      history: this.#chronicle.history,
      refusals: mostFrequent(counts),
      recentFiles: this.#journal.files,
      recentTroubles: this.#journal.troubles,
      peers: this.#journal.peers,
      spool,
      certificates: this.#certificates,
      workers: workers.map((worker) => workerReport(worker, now)),
      restarts: lost,
      reloads: this.#sources.reloader.reloads,
      upstreams: this.#watches.upstreams?.reports ?? [],
      queue: mode.kind === 'store' || mode.kind === 'publish' ? spool : undefined,
      jetstream: this.#watches.jetstream?.report,
      settings: settingReports(blueprint),
    };
  }

  #listening(): string[] {
    return this.#sources.supervisor.bound.addresses.map(
      ({ address, port }) => `${address} port ${String(port)}`,
    );
  }

  #checks({ workers }: Status): Check[] {
    const { failures } = this.#sources.supervisor.bound;
    const facts = {
      ...{ addresses: this.#listening(), failures, isStopping: this.#isStopping },
      takesClients: takesClients(this.#candidate.settings.mode),
    };
    const states = workers.map(({ state }) => state);
    return [workersCheck(states), listeningCheck(facts), ...this.#watchChecks(Date.now())];
  }

  #watchChecks(now: number): Check[] {
    const { spool, upstreams, jetstream } = this.#watches;
    return [
      ...(spool === undefined ? [] : [spool.check]),
      certificateCheck(this.#certificates, now),
      ...(upstreams === undefined ? [] : [upstreams.check]),
      ...(jetstream === undefined ? [] : [jetstream.check]),
    ];
  }
}

function isSamePort(one: StatusSettings['address'], other: StatusSettings['address']): boolean {
  return one.kind === 'tcp' && other.kind === 'tcp' && one.port === other.port;
}

function totalsOf(counts: Counts): StatusReport['totals'] {
  return {
    connections: counts.connections,
    filesReceived: filesReceived(counts),
    bytesReceived: counts.bytesReceived,
    filesSent: filesSent(counts),
    bytesSent: counts.bytesSent,
    filesForwarded: counts.forwarded.forwarded ?? 0,
    filesDelivered: counts.delivered.delivered ?? 0,
    filesTaken: counts.synced.taken ?? 0,
    filesGiven: counts.synced.given ?? 0,
    bytesMoved: counts.bytesMoved,
    refused: total(refusals(counts)),
  };
}

function mostFrequent(counts: Counts): StatusReport['refusals'] {
  return Object.entries(refusals(counts))
    .map(([reason, times]) => ({ reason, times }))
    .sort((a, b) => b.times - a.times);
}

function workerReport(
  { pid, generation, state, startedAt, report }: WorkerStatus,
  now: number,
): WorkerReport {
  return {
    pid,
    generation,
    state,
    startedAt: now - (performance.now() - startedAt),
    open: report.counts.open,
    memoryBytes: report.memory,
    cpuSeconds: report.counts.cpuSeconds,
    lagSeconds: report.lag,
  };
}

function settingReports({ values, sources }: Candidate['blueprint']): SettingReport[] {
  return OPTIONS.map((row) => ({
    token: row.token,
    value: shownValue(row, values[row.token]),
    source: sources[row.token],
  }));
}
