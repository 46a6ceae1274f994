/** Turns the signals that stop a service into calls. */

export interface StopSignals {
  /** Asked to stop: finish what is in progress. */
  readonly stop: (signal: string) => void;
  /** Asked again: end at once. */
  readonly stopNow: (signal: string) => void;
  /** Asked to read the configuration again. */
  readonly reload: () => void;
}

/** Listens for SIGTERM, SIGINT and SIGHUP for the life of the process. */
export function onSignals(handlers: StopSignals): void {
  let asked = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const handle = asked ? handlers.stopNow : handlers.stop;
      asked = true;
      handle(signal);
    });
  }
  process.on('SIGHUP', handlers.reload);
}
