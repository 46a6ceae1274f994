/** tentacle_server from its command line to its exit code. */
import { checkReport } from './check-report.ts';
import type { CheckedJetStream } from './jetstream-actions.ts';
import { fail, isError, tell } from './problems.ts';
import { queueOf, queueTable } from './queue-table.ts';
import { serve } from './serve.ts';
import { serviceOf } from './services.ts';
import { type Target, targetOf } from '../jetstream/state/target.ts';
import { reasonOf } from '../log/errno.ts';
import { askPassphrase } from '../process/ask.ts';
import { daemonSide, startDaemon } from '../process/daemonize.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
import { becomeUser, isRoot, isUser } from '../process/privileges.ts';
import { openNotifier } from '../process/service-notify.ts';
import { catchSignals } from '../process/signals.ts';
import { activatedSockets } from '../process/socket-activation.ts';
import { showInstead } from '../process/title.ts';
import { isLibwrapHelper, libwrapMain } from '../server/libwrap-main.ts';
import { listen } from '../server/listener.ts';
import type { Loaded } from '../server/reloader.ts';
import { isWorker, workerMain } from '../server/worker-main.ts';
import { error, type Problem, textOf, warning } from '../settings/assignment.ts';
import { judgeCompanions, withoutPasswords } from '../settings/command-line.ts';
import { keepFixed } from '../settings/changes.ts';
import type { AskPassphrase } from '../settings/files.ts';
import {
  DEFAULT_CONF_FILE,
  DEFAULTS_FILE,
  loadSettings,
  readRequest,
  type Request,
  type Start,
} from '../settings/load.ts';
import { type ActionName, ACTIONS, OPTIONS } from '../settings/options.ts';
import { takesClients } from '../settings/mode.ts';
import type { Settings } from '../settings/settings.ts';
import type { Material } from '../settings/validate.ts';

const PROGRAM = 'tentacle_server';
const USAGE = `Usage: ${PROGRAM} [-F FILE] [-s DIR] [option ...]`;
const VERSION = process.env.TENTACLE_VERSION ?? 'unbundled';

/**
 * Runs the program.
 * @param given the arguments behind its name
 * @returns the exit code, once everything is done
 */
export async function serverMain(given: readonly string[]): Promise<number> {
  if (isWorker()) return workerMain(serviceOf);
  if (isLibwrapHelper()) return libwrapMain();
  const daemon = await daemonSide();
  const words = daemon?.words ?? given;
  const shown = withoutPasswords(words);
  showInstead(given, shown);
  const start: Start = {
    words,
    extOpts: process.env.TENTACLE_EXT_OPTS,
    directory: process.cwd(),
    defaultsFile: process.env.TENTACLE_DEFAULTS_FILE ?? DEFAULTS_FILE,
  };
  const asked = await readRequest(start);
  const answered = await answerAction(start, asked);
  if (answered !== undefined) return answered;

  // What it says is not known: every further complaint would be about something else.
  if (asked.unreadable) return fail(asked.problems.filter(isError));
  const show = SHOWN.find(({ action }) => asked.actions.has(action))?.show;
  const managed = process.env.NOTIFY_SOCKET !== undefined;
  const detaches = asked.values.daemon && !managed && show === undefined;
  if (detaches && daemon === undefined) return startDaemon({ words, shown, ask: askPassphrase });
  if (show !== undefined) return show(start, asked);

  const onSignals = catchSignals();
  const identity = settleUser(asked);
  const ask = rememberAnswer(daemon?.ask ?? askPassphrase);
  // Read again as the user who will serve: what it cannot read now, no reload could.
  const first = await load(start, ask);
  const problems = [...identity, ...first.problems, ...judgeDaemon(asked, managed)];
  const { candidate } = first;
  if (candidate === undefined || problems.some(isError)) return fail(problems);
  let sockets: readonly number[];
  try {
    sockets = activatedSockets(process.env);
  } catch (cause) {
    return fail([error('LISTEN_FDS', (cause as Error).message)]);
  }
  const notifier = await openNotifier(process.env, (text) => {
    problems.push(warning('', text));
  });
  return serve({
    candidate,
    files: first.files,
    warnings: problems,
    version: VERSION,
    inBackground: daemon !== undefined,
    load: () => load(start, ask, first.request),
    notifier,
    onSignals,
    sockets,
    shown,
    onListening: async () => daemon?.ready(),
  });
}

/** --queue: what waits in the directory, and for whom. */
async function showQueue(start: Start, asked: Request): Promise<number> {
  const found = await settingsFor(start, asked);
  if (found === undefined) return EXIT_FAILURE;
  const { settings, request } = found;
  const queue = queueOf(settings);
  if (queue === undefined) {
    const text =
      'nothing waits here: only a proxy with proxy_ip and proxy_mode store, and store jetstream with directory, have a queue';
    return fail([error('--queue', text)]);
  }
  try {
    process.stdout.write(await queueTable(queue));
    return EXIT_OK;
  } catch (cause) {
    const text = `directory ${queue.directory} cannot be read: ${reasonOf(cause)}`;
    return fail([error(request.sources.directory, text)]);
  }
}

/** --setup-jetstream: a line for each thing that was made, or was there. */
async function setUp(start: Start, asked: Request): Promise<number> {
  const found = await settingsFor(start, asked);
  if (found === undefined) return EXIT_FAILURE;
  const { settings, request } = found;
  const target = targetOf(settings.mode);
  if (target === undefined) {
    const text =
      'there is nothing to set up: only store jetstream, and the modes deliver and sync, keep files on JetStream';
    return fail([error('--setup-jetstream', text)]);
  }
  const { setUpJetStream } = await import('./jetstream-actions.ts');
  // Nobody reads it any more: the rest is made all the same.
  process.stdout.on('error', () => undefined);
  const problems = await setUpJetStream(target, request.sources.nats_servers, (line) => {
    process.stdout.write(`${line}\n`);
  });
  tell(problems);
  return problems.some(isError) ? EXIT_FAILURE : EXIT_OK;
}

/** For what is done instead of serving. Undefined when something is wrong with them, which is then told. */
async function settingsFor(
  start: Start,
  asked: Request,
): Promise<{ readonly settings: Settings; readonly request: Request } | undefined> {
  const identity = settleUser(asked);
  const { request, candidate, problems: found } = await load(start, askPassphrase);
  const problems = [...identity, ...found].filter(isError);
  if (candidate !== undefined && problems.length === 0) return { settings: candidate.settings, request };
  fail(problems);
  return undefined;
}

/** What is shown instead of serving. */
const SHOWN: readonly {
  readonly action: ActionName;
  readonly show: (start: Start, asked: Request) => Promise<number>;
}[] = [
  { action: 'check', show: report },
  { action: 'queue', show: showQueue },
  { action: 'setup-jetstream', show: setUp },
];

/** --check: what a start would read and find, without starting. */
async function report(start: Start, asked: Request): Promise<number> {
  const identity = settleUser(asked);
  const { request, candidate, material, problems: found } = await load(start, askPassphrase);
  const problems = [...identity, ...found];
  if (candidate !== undefined) problems.push(...(await tryListening(candidate.settings)));
  const target = candidate && targetOf(candidate.settings.mode);
  const jetstream = target && (await lookAtJetStream(target, request));
  process.stdout.write(checkReport(request, { material, problems, jetstream }));
  return [...problems, ...(jetstream?.problems ?? [])].some(isError) ? EXIT_FAILURE : EXIT_OK;
}

async function lookAtJetStream(target: Target, { sources }: Request): Promise<CheckedJetStream> {
  const { checkJetStream } = await import('./jetstream-actions.ts');
  return checkJetStream(target, sources.nats_servers);
}

/**
 * Reads everything that settings are made of.
 * @param running what the server was started with, of which some cannot change
 */
async function load(
  start: Start,
  ask: AskPassphrase,
  running?: Request,
): Promise<Loaded & { readonly request: Request; readonly material: Material }> {
  const asked = await readRequest(start);
  const { request, kept } = running === undefined ? { request: asked, kept: [] } : keepFixed(asked, running);
  const { settings, material, problems } = await loadSettings(request, ask);
  const { values, sources, files } = request;
  const blueprint = { values, sources, material };
  return { request, kept, problems, files, material, candidate: settings && { blueprint, settings } };
}

/** Asks a person once: at a reload there is nobody to ask. */
function rememberAnswer(ask: AskPassphrase): AskPassphrase {
  let asked: Promise<string | undefined> | undefined;
  return (file) => (asked ??= ask(file));
}

/** What running in the background means here. */
function judgeDaemon({ values, sources }: Request, managed: boolean): Problem[] {
  if (!values.daemon) return [];
  if (managed) {
    const text = 'daemon has no effect: a service manager runs this server, and expects it in the foreground';
    return [warning(sources.daemon, text)];
  }
  if (values.log_file !== undefined) return [];
  return [warning(sources.daemon, 'in the background without log_file nothing is logged anywhere: set it')];
}

/** All that needs no settings; undefined when the server is to run or to be checked. */
async function answerAction(start: Start, request: Request): Promise<number | undefined> {
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
  if (actions.has('make-certificates')) {
    const { makeCertificatesMain } = await import('./make-certificates.ts');
    return makeCertificatesMain(start, PROGRAM);
  }
  if (actions.has('status')) {
    const { showStatus } = await import('./status-view.ts');
    return showStatus(request);
  }
  const alone = judgeCompanions(actions);
  return alone.length > 0 ? fail(alone) : undefined;
}

/** Never runs as root what need not be. */
function settleUser({ values, sources }: Request): Problem[] {
  const user = values.user === undefined ? undefined : textOf(values.user);
  if (!isRoot()) {
    const wrong = user !== undefined && !isUser(user);
    const text = `user: only root can become "${user ?? ''}"; running as the user who started this`;
    return wrong ? [warning(sources.user, text)] : [];
  }
  if (user === undefined) {
    const text =
      'refusing to run as root: add "user NAME" (-U NAME) to become an ordinary user, or "allow_root 1" if it must be root';
    return values.allow_root ? [] : [error('', text)];
  }
  if (isUser(user) && !values.allow_root) {
    return [error(sources.user, 'user: refusing to run as root without "allow_root 1"')];
  }
  try {
    becomeUser(user);
    return [];
  } catch (cause) {
    return [error(sources.user, `user: ${(cause as Error).message}`)];
  }
}

/** Whether the addresses can be bound; a port in use is no error, since the server to be checked may be running. */
async function tryListening({ listen: to, mode }: Settings): Promise<Problem[]> {
  try {
    const { servers, failures } = await listen(takesClients(mode) ? to : undefined, {
      accept: (socket) => socket.destroy(),
      onError: () => undefined,
    });
    for (const server of servers) server.close();
    return failures.map((failure) => ({ severity: 'warning', source: '', text: failure }));
  } catch (cause) {
    const text = (cause as Error).message;
    return [
      { severity: text.includes(reasonOf({ code: 'EADDRINUSE' })) ? 'warning' : 'error', source: '', text },
    ];
  }
}
