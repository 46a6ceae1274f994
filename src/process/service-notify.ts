/** Tells the service manager how the service is doing (sd_notify(3)). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { openSender } from './unix-datagram.ts';

/** What can be told; where nobody listens, nothing is sent. Nothing here throws. */
export interface Notifier {
  /** The service listens, or does so again after `reloading`. @param status one line for `systemctl status` */
  readonly ready: (status: string) => void;
  readonly status: (text: string) => void;
  /** A reload begins; `ready` ends it, whether it went well or not. */
  readonly reloading: () => void;
  /** The service ends. @param extendMs how long that may take from now on, whatever TimeoutStopSec says */
  readonly stopping: (extendMs?: number) => void;
  /** The service is alive. */
  readonly watchdog: () => void;
  /** After so long without `watchdog` the service is killed: call it twice as often. Undefined: nobody watches. */
  readonly watchdogMs: number | undefined;
  /** For the environment of a process that may speak for this one; it opens a notifier of its own with them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Resolves when everything told so far is on its way: to be awaited before the process exits. */
  readonly sent: () => Promise<void>;
}

/** Takes one line for the log. */
type Complain = (text: string) => void;

/**
 * Opens the way to the service manager: by the package koffi, else by the program systemd-notify. The variables are
 * removed from the environment, so that no program started from here speaks for the service.
 * @param environment usually process.env
 * @param complain called at most once, when the service manager cannot be told
 */
export async function openNotifier(environment: NodeJS.ProcessEnv, complain: Complain): Promise<Notifier> {
  const { address, watchdogUsec, variables } = taken(environment);
  const { tell, sent } = address === undefined ? NOBODY : await wayTo(address, complain);
  return {
    ready: (status) => {
      tell(['READY=1', statusLine(status)]);
    },
    status: (text) => {
      tell([statusLine(text)]);
    },
    reloading: () => {
      // CLOCK_MONOTONIC, which Type=notify-reload compares with its own.
      tell(['RELOADING=1', `MONOTONIC_USEC=${String(process.hrtime.bigint() / 1000n)}`]);
    },
    stopping: (extendMs) => {
      const extend =
        extendMs === undefined ? [] : [`EXTEND_TIMEOUT_USEC=${String(Math.ceil(extendMs * 1000))}`];
      tell(['STOPPING=1', ...extend]);
    },
    watchdog: () => {
      tell(['WATCHDOG=1']);
    },
    watchdogMs: watchdogUsec === undefined ? undefined : Number(watchdogUsec) / 1000,
    variables,
    sent,
  };
}

interface Taken {
  readonly address: string | undefined;
  readonly watchdogUsec: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
}

/** Removes from the environment what the service manager put there for this process. */
function taken(environment: NodeJS.ProcessEnv): Taken {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment;
  delete environment.NOTIFY_SOCKET;
  delete environment.WATCHDOG_USEC;
  delete environment.WATCHDOG_PID;
  const address = NOTIFY_SOCKET === '' ? undefined : NOTIFY_SOCKET;
  if (address === undefined) return { address, watchdogUsec: undefined, variables: {} };
  const forUs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
  const watchdogUsec = forUs && /^[1-9]\d*$/.test(WATCHDOG_USEC ?? '') ? WATCHDOG_USEC : undefined;
  const watchdog = watchdogUsec === undefined ? {} : { WATCHDOG_USEC: watchdogUsec };
  return { address, watchdogUsec, variables: { NOTIFY_SOCKET: address, ...watchdog } };
}

function statusLine(text: string): string {
  // A line end would begin another assignment.
  return `STATUS=${text.replace(/[\r\n]+/g, ' ')}`;
}

interface Way {
  readonly tell: (assignments: readonly string[]) => void;
  readonly sent: () => Promise<void>;
}

const NOBODY: Way = { tell: () => undefined, sent: () => Promise.resolve() };

async function wayTo(address: string, complain: Complain): Promise<Way> {
  let complained = false;
  const once: Complain = (reason) => {
    if (!complained) complain(`cannot tell the service manager how the service is doing: ${reason}`);
    complained = true;
  };
  try {
    const send = await openSender(address);
    return {
      tell: (assignments) => {
        attempt(() => {
          send(assignments.join('\n'));
        }, once);
      },
      sent: NOBODY.sent,
    };
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === undefined ? `: ${(cause as Error).message}` : '';
    return byProgram(address, (reason) => {
      once(`${reason} (the package koffi is not to be had${why})`);
    });
  }
}

function attempt(send: () => void, complain: Complain): void {
  try {
    send();
  } catch (cause) {
    complain((cause as Error).message);
  }
}

const run = promisify(execFile);
/** It waits until the service manager has read what it sent. */
const PROGRAM_MS = 10_000;

/** One process after the other, so that nothing overtakes. The unit needs NotifyAccess=all for it. */
function byProgram(address: string, complain: Complain): Way {
  const options = { env: { PATH: process.env.PATH, NOTIFY_SOCKET: address }, timeout: PROGRAM_MS };
  let last: Promise<unknown> = Promise.resolve();
  return {
    tell: (assignments) => {
      last = last
        .then(() => run('systemd-notify', assignments, options))
        .catch((cause: unknown) => {
          const { code, message } = cause as NodeJS.ErrnoException;
          complain(
            code === 'ENOENT'
              ? 'there is no program systemd-notify; install it or koffi, or set Type=exec and no WatchdogSec in the unit'
              : message.trim().replaceAll('\n', ': '),
          );
        });
    },
    sent: async () => {
      await last;
    },
  };
}
