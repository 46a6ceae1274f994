/** The server, from loaded settings to its last line in the log. */
import { dirname } from 'node:path';
import { CertificateLog } from './certificate-log.ts';
import { fail, tell } from './problems.ts';
import { StatusPart } from './status-part.ts';
import { takesClients } from '../settings/mode.ts';
import { purposeOf } from '../settings/purpose.ts';
import { count } from '../log/count.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { ServerLog } from '../log/server-log.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
import { PidFile } from '../process/pid-file.ts';
import type { Notifier } from '../process/service-notify.ts';
import { sandboxHint } from '../process/sandbox.ts';
import type { SignalHandlers } from '../process/signals.ts';
import { Reloader, type ReloaderContext } from '../server/reloader.ts';
import { Counter } from '../server/counts.ts';
import { Recent } from '../server/recent.ts';
import { statusLine } from '../server/status-line.ts';
import { type Candidate, Supervisor } from '../server/supervisor.ts';
import { WORKER_ENVIRONMENT } from '../server/worker-main.ts';
import { describe, error, type Problem } from '../settings/assignment.ts';
import type { Settings } from '../settings/settings.ts';
import { watchFiles } from '../settings/watch.ts';

/** Between two questions whether the workers live, unless a watchdog wants to hear more often. */
const PULSE_MS = 5000;
/** Signs of life for each time that the watchdog waits. */
const PULSES_PER_WATCHDOG = 4;
/** What a stop may take beyond the drain. */
const STOP_SLACK_MS = 10_000;

export interface Service {
  /** What the first generation is made of. */
  readonly candidate: Candidate;
  /** Every file that it was made of. */
  readonly files: readonly string[];
  readonly warnings: readonly Problem[];
  readonly version: string;
  /** Whether standard output leads nowhere. */
  readonly inBackground: boolean;
  /** Reads everything that it was made of anew. */
  readonly load: ReloaderContext['load'];
  readonly notifier: Notifier;
  /** Hands the signals that come over to these handlers. */
  readonly onSignals: (handlers: SignalHandlers) => void;
  /** Descriptors of listening sockets that a service manager handed over. */
  readonly sockets: readonly number[];
  /** What the list of processes shows behind the program's name. */
  readonly shown: readonly string[];
  /** To be called when it listens. */
  readonly onListening: () => Promise<void>;
}

/** Listens until a signal says otherwise. @returns the exit code */
export async function serve(service: Service): Promise<number> {
  const { settings } = service.candidate;
  // A service keeps no file system busy: all paths are absolute by now.
  process.chdir('/');
  process.umask(settings.umask);
  try {
    if (settings.pidFile !== undefined) holdPidFile(settings.pidFile);
    const log = await openLog(settings);
    try {
      await run(service, log);
      return EXIT_OK;
    } finally {
      log.close();
    }
  } catch (cause) {
    return fail([error('', (cause as Error).message)]);
  }
}

/** However this process ends, but for SIGKILL, its pid file goes. @throws Error when another server holds it */
function holdPidFile(path: string): void {
  const pidFile = writePidFile(path);
  process.once('exit', () => {
    pidFile.remove();
  });
}

function writePidFile(path: string): PidFile {
  try {
    return PidFile.write(path);
  } catch (cause) {
    const { message, cause: reason } = cause as Error;
    const { code } = (reason ?? {}) as NodeJS.ErrnoException;
    throw new Error(`${message}${sandboxHint(dirname(path), code)}`, { cause });
  }
}

async function openLog({ log }: Settings): Promise<ServerLog> {
  try {
    return await ServerLog.open(log);
  } catch (cause) {
    throw new Error(`cannot open the log: ${reasonOf(cause)}`, { cause });
  }
}

/** @throws Error with the reason when it cannot listen */
async function run(service: Service, log: ServerLog): Promise<void> {
  const { candidate, notifier, version } = service;
  const recent = new Recent();
  const logger = new Counter(recent).counting(log.logger);
  // Standard error may be nowhere; the log is written at once.
  process.on('uncaughtExceptionMonitor', ({ stack, message }) => {
    logger.error(`The supervisor fails: ${stack ?? message}`, { event: 'crashed' });
  });
  warn(service, logger);
  const supervisor = new Supervisor({
    log: logger,
    onLog: (lines) => {
      log.write(lines);
    },
    onHappened: (happened) => {
      status.happened(happened);
    },
    notify: notifier.variables,
    program: {
      file: process.argv[1] ?? '',
      words: service.shown,
      descriptors: service.sockets,
      environment: WORKER_ENVIRONMENT,
    },
  });
  const announce = announcer(supervisor, logger);
  const certificates = new CertificateLog(logger);
  const watcher = watchFiles(
    () => {
      reloader.request('a file changed');
    },
    {
      onTrouble: (text) => {
        logger.warning(text, { event: 'watch' });
      },
    },
  );
  const reloader = new Reloader(service, {
    supervisor,
    log: logger,
    load: async () => {
      const loaded = await service.load();
      // Also when it is refused: the file that is missing may come.
      watcher.set(loaded.files);
      return loaded;
    },
    onReloading: () => {
      notifier.reloading();
    },
    onReloaded: async (candidate) => {
      await replaceLog(log, candidate.settings);
      announce();
      certificates.loaded(candidate.blueprint);
      status.follow(candidate);
    },
    onSettled: () => {
      notifier.ready(serviceText(supervisor, reloader.current.settings));
    },
  });
  const status = new StatusPart({ version, supervisor, reloader, recent, log: logger });
  // Before anything listens: a signal in between would end the process as it stands.
  const stop = obeySignals(service.onSignals, { supervisor, reloader, log });
  await supervisor.start(candidate);
  announce();
  certificates.loaded(candidate.blueprint);
  logger.notice(purposeOf(candidate.settings), { event: 'serving' });
  status.follow(candidate);
  notifier.ready(serviceText(supervisor, candidate.settings));
  await service.onListening();
  reloader.open();
  watcher.set(service.files);
  const pulse = setInterval(() => {
    supervisor.ping();
    notifier.watchdog();
  }, pulseMs(notifier));

  await stop;
  certificates.close();
  await watcher.close();
  const settled = reloader.close();
  status.stopping();
  notifier.stopping(supervisor.drainMs + STOP_SLACK_MS);
  const cut = await supervisor.stop();
  await settled;
  if (cut > 0) {
    logger.warning(`Cut off after drain_timeout: ${count(cut, 'connection')}`, { event: 'cut', cut });
  }
  logger.notice('Server stopped', { event: 'stopped' });
  clearInterval(pulse);
  status.close();
  await notifier.sent();
}

async function replaceLog(log: ServerLog, settings: Settings): Promise<void> {
  try {
    await log.replace(settings.log);
  } catch (cause) {
    const text = `cannot open the log ${settings.log.file ?? ''}: ${reasonOf(cause)}; it goes on where it was`;
    log.logger.error(text, { event: 'log' });
  }
}

function warn({ candidate, warnings, inBackground }: Service, logger: Logger): void {
  for (const problem of warnings) logger.warning(describe(problem), { event: 'setting' });
  // Who starts it does not see the log, or there is none.
  if (inBackground || candidate.settings.log.file !== undefined) tell(warnings);
}

/** Gives a function that says where the server listens, and where it could not, whenever that has changed. */
function announcer(supervisor: Supervisor, logger: Logger): () => void {
  let said = '';
  return () => {
    const { addresses, failures } = supervisor.bound;
    const now = JSON.stringify([addresses, failures]);
    if (now === said) return;
    said = now;
    for (const failure of new Set(failures)) logger.warning(failure, { event: 'not bound' });
    for (const { address, port } of addresses) {
      logger.notice(`Server listening on ${address} port ${String(port)} (press <ctr-c> to stop)`, {
        event: 'listening',
        address,
        port,
      });
    }
  };
}

/** For a service manager to show. */
function serviceText({ bound, generation }: Supervisor, settings: Settings): string {
  const where = bound.addresses.map(({ address, port }) => `${address} port ${String(port)}`);
  const what = takesClients(settings.mode) ? `Listening on ${where.join(', ')}` : purposeOf(settings);
  return `${what}; generation ${String(generation)} of the settings`;
}

/** Often enough for the watchdog. */
function pulseMs({ watchdogMs }: Notifier): number {
  return watchdogMs === undefined ? PULSE_MS : Math.min(PULSE_MS, watchdogMs / PULSES_PER_WATCHDOG);
}

interface Obedient {
  readonly supervisor: Supervisor;
  readonly reloader: Reloader;
  readonly log: ServerLog;
}

/** Resolves when a signal asks for the end. */
function obeySignals(
  onSignals: Service['onSignals'],
  { supervisor, reloader, log }: Obedient,
): Promise<void> {
  const startedAt = performance.now();
  const { logger } = log;
  return new Promise((resolve) => {
    onSignals({
      stop: () => {
        resolve();
      },
      stopNow: (signal) => {
        logger.warning(`Second ${signal}: ending at once`, { event: 'stopped' });
        supervisor.kill();
        process.exit(EXIT_FAILURE);
      },
      reload: () => {
        reloader.request('SIGHUP');
      },
      reopenLogs: () => {
        log.reopen();
      },
      report: () => {
        void supervisor.status().then((status) => {
          const lost = log.dropped === 0 ? '' : `, ${count(log.dropped, 'log line')} lost`;
          logger.notice(`${statusLine(status, performance.now() - startedAt)}${lost}`, { event: 'status' });
        });
      },
    });
  });
}
