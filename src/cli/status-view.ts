/** --status: shows on a terminal, or to a monitoring program, how the running server is. */
import { setTimeout as pause } from 'node:timers/promises';
import { fitted, type Line, performanceData, screen, type Size, wrapped } from './status-screen.ts';
import { isError } from './problems.ts';
import { EXIT_FAILURE, EXIT_NO_ANSWER, EXIT_OK } from '../process/exit-codes.ts';
import { describe, textOf } from '../settings/assignment.ts';
import { DEFAULT_CONF_FILE, type Request } from '../settings/load.ts';
import type { StatusSettings } from '../settings/settings.ts';
import { parseStatusAddress, statusAddressText } from '../settings/status-address.ts';
import { askStatus, NoAnswer } from '../status/ask.ts';
import type { StatusReport } from '../status/report.ts';

const INTERVAL_MS = 2000;

/** A report, or why there is none. */
type Answer = { readonly report: StatusReport } | Silence;
interface Silence {
  readonly reason: string;
  /** In milliseconds since the epoch, where somebody has waited for it. */
  readonly since?: number;
}
type Show = (answer: Answer) => void;

/**
 * Shows it once, or with --watch until Ctrl-C. Nothing is needed but the address: no certificate, no spool, no user.
 * @returns the exit code: 0 ready, 1 not, 2 nobody knows
 */
export async function showStatus(asked: Request): Promise<number> {
  const ending = new AbortController();
  // Nobody reads it any more.
  process.stdout.on('error', () => {
    ending.abort();
  });
  const isWatched = asked.actions.has('watch');
  const show = asked.actions.has('json') ? jsonShow(isWatched) : screenShow(isWatched);
  const found = whomToAsk(asked);
  if (!('reason' in found) && isWatched) return watch(found, show, ending);
  const answer = 'reason' in found ? found : await ask(found);
  show(answer);
  return exitCode(answer);
}

/** @returns the exit code of the last state */
async function watch(settings: StatusSettings, show: Show, ending: AbortController): Promise<number> {
  const { signal } = ending;
  const end = (): void => {
    ending.abort();
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  let code = EXIT_NO_ANSWER;
  let silentSince: number | undefined;
  for (;;) {
    const answer = await ask(settings, signal);
    // What was asked in vain because of the end is no state of the server.
    if (signal.aborted) return code;
    silentSince = 'reason' in answer ? (silentSince ?? Date.now()) : undefined;
    show(silentSince === undefined ? answer : { ...answer, since: silentSince });
    code = exitCode(answer);
    await pause(INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function exitCode(answer: Answer): number {
  if ('reason' in answer) return EXIT_NO_ANSWER;
  return answer.report.ready ? EXIT_OK : EXIT_FAILURE;
}

async function ask(settings: StatusSettings, ending?: AbortSignal): Promise<Answer> {
  try {
    return { report: await askStatus(settings, ending) };
  } catch (cause) {
    if (!(cause instanceof NoAnswer)) throw cause;
    return { reason: `${statusAddressText(settings.address)}: ${cause.message}` };
  }
}

/** Of all that the server's files say only this counts: the rest of it may be wrong, or forbidden to read. */
function whomToAsk(asked: Request): StatusSettings | Silence {
  const { values, sources, problems, unreadable, confFile } = asked;
  // Words of the command line that mean nothing.
  const stray = problems.filter((problem) => isError(problem) && problem.source === '');
  if (stray.length > 0) return { reason: stray.map(describe).join('; ') };
  const { status_address: text, status_token: token } = values;
  if (text === undefined) {
    if (unreadable) return { reason: `${problems.filter(isError).map(describe).join('; ')}; ${ELSEWHERE}` };
    const where = confFile ?? `there is no ${DEFAULT_CONF_FILE}, and no -F FILE`;
    return { reason: `status_address is not set (${where}): ${ADVICE}` };
  }
  try {
    return { address: parseStatusAddress(textOf(text)), token };
  } catch (cause) {
    return { reason: `${sources.status_address}: status_address: ${(cause as Error).message}` };
  }
}

const ELSEWHERE = "ask as root or as the server's user, or give --status-address";
const ADVICE =
  'add "status_address 127.0.0.1:41180" to the configuration file, which the running server takes over by itself';

/** Indented; watched, one object a line. Why there is none is no JSON. */
function jsonShow(isWatched: boolean): Show {
  return (answer) => {
    if ('reason' in answer) process.stderr.write(`[err] ${noAnswer(answer).text}\n`);
    else process.stdout.write(`${escaped(JSON.stringify(answer.report, undefined, isWatched ? 0 : 2))}\n`);
  };
}

/** What is no line end and yet could move a cursor, as JSON writes it. */
function escaped(json: string): string {
  return json.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (found) =>
    found
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function screenShow(isWatched: boolean): Show {
  const { stdout } = process;
  if (!stdout.isTTY) {
    let isFirst = true;
    return (answer) => {
      stdout.write(`${isFirst ? '' : '\n'}${plainText(answer)}`);
      isFirst = false;
    };
  }
  return isWatched ? watchedScreen() : (answer) => stdout.write(`${terminalLines(answer).join('\n')}\n`);
}

/** Nothing is cut; the first line has figures for whoever draws curves of them. */
function plainText(answer: Answer): string {
  const [first = '', ...others] = linesOf(answer, { width: Infinity, height: 24 }).map(({ text }) => text);
  const data = 'report' in answer ? ` | ${performanceData(answer.report)}` : '';
  return `${[`${first}${data}`, ...others].join('\n')}\n`;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** On the terminal's other screen, which is written over: what stood before comes back at the end, with the last word. */
function watchedScreen(): Show {
  const { stdout } = process;
  let last = '';
  stdout.write(ENTER);
  process.once('exit', () => stdout.write(`${LEAVE}${last}`));
  return (answer) => {
    const lines = terminalLines(answer).slice(0, stdout.rows || 24);
    last = `${lines[0] ?? ''}\n`;
    stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\n')}\x1b[J`);
  };
}

/** A terminal that does not know its size has 80 columns. Its last row is for the prompt. */
function terminalLines(answer: Answer): string[] {
  const { columns, rows } = process.stdout;
  const lines = linesOf(answer, { width: columns || 80, height: (rows || 24) - 1 });
  const { NO_COLOR: noColour = '', TERM: terminal } = process.env;
  const isColoured = noColour === '' && terminal !== 'dumb';
  return lines.map(({ text, mood }) => (isColoured && mood !== undefined ? COLOURS[mood](text) : text));
}

const COLOURS = {
  good: (text: string) => `\x1b[32m${text}\x1b[0m`,
  bad: (text: string) => `\x1b[31m${text}\x1b[0m`,
};

function linesOf(answer: Answer, size: Size): Line[] {
  if ('report' in answer) return screen(answer.report, size);
  const { text, mood } = noAnswer(answer);
  return wrapped(text, size.width).map((row) => fitted({ text: row, mood }, size.width));
}

function noAnswer({ reason, since }: Silence): Line {
  const sinceText = since === undefined ? '' : ` since ${new Date(since).toTimeString().slice(0, 8)}`;
  return { text: `NO ANSWER${sinceText} - ${reason}`, mood: 'bad' };
}
