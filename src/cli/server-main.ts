/** tentacle_server from its command line to its exit code. */
import { checkReport } from './check-report.ts';
import { count } from '../log/count.ts';
import { type LogFile, openLogFile } from '../log/log-file.ts';
import { createLogger, type Logger } from '../log/logger.ts';
import { askPassphrase } from '../process/ask.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
import { becomeUser, isRoot, isUser } from '../process/privileges.ts';
import { onSignals } from '../process/signals.ts';
import { showInstead } from '../process/title.ts';
import { reasonOf } from '../log/errno.ts';
import { listen } from '../server/listener.ts';
import { Worker } from '../server/worker.ts';
import { describe, error, type Problem, textOf } from '../settings/assignment.ts';
import { withoutPasswords } from '../settings/command-line.ts';
import {
  DEFAULT_CONF_FILE,
  DEFAULTS_FILE,
  loadSettings,
  readRequest,
  type Request,
  type Start,
} from '../settings/load.ts';
import { ACTIONS, OPTIONS } from '../settings/options.ts';
import type { Settings } from '../settings/settings.ts';

const PROGRAM = 'tentacle_server';
const USAGE = `Usage: ${PROGRAM} [-F FILE] [-s DIR] [option ...]`;
const VERSION = process.env.TENTACLE_VERSION ?? 'unbundled';

/**
 * Runs the program.
 * @param words the arguments behind its name
 * @returns the exit code, once everything is done
 */
export async function serverMain(words: readonly string[]): Promise<number> {
  showInstead(words, withoutPasswords(words));
  const start: Start = {
    words,
    extOpts: process.env.TENTACLE_EXT_OPTS,
    directory: process.cwd(),
    defaultsFile: process.env.TENTACLE_DEFAULTS_FILE ?? DEFAULTS_FILE,
  };
  const asked = await readRequest(start);
  const answered = await answerAction(asked);
  if (answered !== undefined) return answered;

  // What it says is not known: every further complaint would be about something else.
  if (asked.unreadable) return fail(asked.problems.filter(isError));

  const identity = settleUser(asked);
  // Read again as the user who will serve: what it cannot read now, no reload could.
  const request = identity.changed ? await readRequest(start) : asked;
  const loaded = await loadSettings(request, askPassphrase);
  const problems = [...identity.problems, ...loaded.problems];
  if (request.actions.has('check')) {
    if (loaded.settings !== undefined) problems.push(...(await tryListening(loaded.settings)));
    process.stdout.write(checkReport(request, problems));
    return problems.some(isError) ? EXIT_FAILURE : EXIT_OK;
  }
  if (loaded.settings === undefined || problems.some(isError)) return fail(problems);
  return serve(loaded.settings, problems);
}

/** Help, version and what is not supported; undefined when the server is to run or to be checked. */
async function answerAction(request: Request): Promise<number | undefined> {
  const { actions } = request;
  if (actions.has('help') || (request.empty && actions.size === 0)) {
    const { helpText } = await import('../settings/help.ts');
    process.stdout.write(`${await helpText(USAGE, OPTIONS, ACTIONS)}\n`);
    if (actions.has('help')) return EXIT_OK;
    process.stderr.write(`[err] nothing to do: give -s DIR or -F FILE; there is no ${DEFAULT_CONF_FILE}\n`);
    return EXIT_FAILURE;
  }
  if (actions.has('version')) {
    process.stdout.write(`${PROGRAM} ${VERSION}\n`);
    return EXIT_OK;
  }
  if (actions.has('service')) {
    return fail([error('-S', 'Windows services are not supported; on Linux use systemd or the init script')]);
  }
  return undefined;
}

/** Never runs as root what need not be. */
function settleUser({ values, sources }: Request): { changed: boolean; problems: Problem[] } {
  const user = values.user === undefined ? undefined : textOf(values.user);
  if (!isRoot()) {
    const wrong = user !== undefined && !isUser(user);
    const text = `user: only root can become "${user ?? ''}"; running as the user who started this`;
    return { changed: false, problems: wrong ? [{ severity: 'warning', source: sources.user, text }] : [] };
  }
  if (user === undefined) {
    const text =
      'refusing to run as root: add "user NAME" (-U NAME) to become an ordinary user, or "allow_root 1" if it must be root';
    return { changed: false, problems: values.allow_root ? [] : [error('', text)] };
  }
  if (isUser(user) && !values.allow_root) {
    return {
      changed: false,
      problems: [error(sources.user, 'user: refusing to run as root without "allow_root 1"')],
    };
  }
  try {
    becomeUser(user);
    return { changed: true, problems: [] };
  } catch (cause) {
    return { changed: false, problems: [error(sources.user, `user: ${(cause as Error).message}`)] };
  }
}

/** Whether the addresses can be bound; a port in use is no error, since the server to be checked may be running. */
async function tryListening({ listen: to }: Settings): Promise<Problem[]> {
  try {
    const { servers, failures } = await listen(to, (socket) => socket.destroy());
    for (const server of servers) server.close();
    return failures.map((failure) => ({ severity: 'warning', source: '', text: failure }));
  } catch (cause) {
    const text = (cause as Error).message;
    return [
      { severity: text.includes(reasonOf({ code: 'EADDRINUSE' })) ? 'warning' : 'error', source: '', text },
    ];
  }
}

/** Listens until a signal says otherwise. */
async function serve(settings: Settings, warnings: readonly Problem[]): Promise<number> {
  let logFile: LogFile;
  try {
    logFile = await openLogFile(settings.log);
  } catch (cause) {
    return fail([error('', `cannot open the log: ${reasonOf(cause)}`)]);
  }
  const log = createLogger(settings.log, logFile);
  if (logFile.problem !== undefined) log.warning(logFile.problem, { event: 'setting' });
  for (const problem of warnings) log.warning(describe(problem), { event: 'setting' });
  // Who starts it does not see the log.
  if (settings.log.file !== undefined) tell(warnings);
  // Before anything listens: a signal in between would end the process as it stands.
  const stop = stopRequested(log);
  let worker: Worker;
  try {
    worker = await Worker.start(settings, log);
  } catch (cause) {
    return fail([error('', (cause as Error).message)]);
  }
  await stop;
  const cut = await worker.drain();
  if (cut > 0) {
    log.warning(`Cut off after drain_timeout: ${count(cut, 'connection')}`, { event: 'cut', cut });
  }
  log.notice('Server stopped', { event: 'stopped' });
  logFile.close();
  return EXIT_OK;
}

function stopRequested(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    onSignals({
      stop: () => {
        resolve();
      },
      stopNow: (signal) => {
        log.warning(`Second ${signal}: ending at once`, { event: 'stopped' });
        process.exit(EXIT_FAILURE);
      },
      reload: () => {
        log.warning('SIGHUP: reloading is not available yet; restart to change settings', {
          event: 'reload',
        });
      },
      reopenLogs: () => {
        log.warning('SIGUSR1: reopening log files is not available yet', { event: 'log' });
      },
      report: () => {
        log.warning('SIGUSR2: the status line is not available yet', { event: 'status' });
      },
    });
  });
}

function fail(problems: readonly Problem[]): number {
  tell(problems.filter((problem) => !isError(problem)));
  tell(problems.filter(isError));
  return EXIT_FAILURE;
}

/** To standard error, for whoever starts it. */
function tell(problems: readonly Problem[]): void {
  for (const problem of problems) {
    process.stderr.write(`[${isError(problem) ? 'err' : 'warning'}] ${describe(problem)}\n`);
  }
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}
