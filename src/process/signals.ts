/** Turns the signals that people and service managers send into calls. */
import { EXIT_OK } from './exit-codes.ts';

export interface SignalHandlers {
  /** SIGTERM, SIGINT: finish what is in progress. */
  readonly stop: (signal: string) => void;
  /** Asked again: end at once. */
  readonly stopNow: (signal: string) => void;
  /** SIGHUP: read the configuration again. */
  readonly reload: () => void;
  /** SIGUSR1: logrotate moved the log files away. */
  readonly reopenLogs: () => void;
  /** SIGUSR2: say in a line how it goes. */
  readonly report: () => void;
}

/** Listens for all of them from now on. */
export function onSignals(handlers: SignalHandlers): void {
  catchSignals()(handlers);
}

/**
 * Catches all signals while a service starts, so that none ends it half-way. Until the handlers are given, SIGTERM and
 * SIGINT end the process with exit code 0 (it was asked to stop, and nothing is in progress yet; 'exit' listeners run),
 * a SIGHUP is remembered (what was read may be old by then), and SIGUSR1 and SIGUSR2 have nothing to do yet.
 * @returns takes the handlers, once the service is ready for them
 */
export function catchSignals(): (handlers: SignalHandlers) => void {
  let reloadMissed = false;
  let stopAsked = false;
  let current: SignalHandlers = {
    stop: () => process.exit(EXIT_OK),
    stopNow: () => process.exit(EXIT_OK),
    reload: () => (reloadMissed = true),
    reopenLogs: nothing,
    report: nothing,
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const handle = stopAsked ? current.stopNow : current.stop;
      stopAsked = true;
      handle(signal);
    });
  }
  process.on('SIGHUP', () => {
    current.reload();
  });
  process.on('SIGUSR1', () => {
    current.reopenLogs();
  });
  process.on('SIGUSR2', () => {
    current.report();
  });
  return (handlers) => {
    current = handlers;
    if (reloadMissed) handlers.reload();
    reloadMissed = false;
  };
}

/**
 * For workers, as their first act: what is meant for the service comes from the supervisor, by message, but Ctrl-C, a
 * closed terminal and `kill` of the process group reach every process. SIGUSR1 would start Node's inspector.
 */
export function ignoreTerminalSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) {
    process.on(signal, nothing);
  }
}

function nothing(): void {
  // Not to be there would be the system's default: to end the process.
}
