/** Starts this program again in the background, and lets the starting command wait until it listens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as passed } from 'node:timers/promises';
import { EXIT_FAILURE, EXIT_OK } from './exit-codes.ts';

const STDERR = 2;
/** How long the starter waits for the end of a stderr that somebody else may hold open, too. */
const LAST_WORDS_MS = 2000;

/** The answer of a person to the question for a key file's passphrase; undefined where nobody can be asked. */
type Ask = (file: string) => Promise<string | undefined>;

type ToDaemon =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'answer'; readonly passphrase?: string };
type ToStarter = { readonly kind: 'question'; readonly file: string } | { readonly kind: 'ready' };

export interface DaemonStart {
  /** The arguments behind the program's name. */
  readonly words: readonly string[];
  /** The same with secrets blanked: what the list of processes shows of the daemon. */
  readonly shown: readonly string[];
  /** Asks on the starter's terminal, which the daemon does not have. */
  readonly ask: Ask;
}

/**
 * Starts the daemon in a session of its own and waits until it listens or has failed. Until then what it writes to
 * stderr appears on this stderr, and it ends when this process does.
 * @returns the exit code: 0 once it listens, 1 when it failed
 */
export async function startDaemon({ words, shown, ask }: DaemonStart): Promise<number> {
  closeInherited();
  // Called as `ps` is to show it: cluster workers show the same.
  const daemon = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...shown], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, TENTACLE_IS_DAEMON: '1' },
  });
  const { stderr } = daemon;
  if (stderr === null) throw new Error('the daemon has no stderr');
  let written = 0;
  // Nobody reads our stderr any more: no reason to end.
  process.stderr.on('error', () => undefined);
  stderr.on('data', (chunk: Buffer) => {
    written += chunk.length;
    process.stderr.write(chunk);
  });
  const lastWords = once(stderr, 'close');
  const end = await decided(daemon, { words, ask });
  await Promise.race([lastWords, passed(LAST_WORDS_MS, undefined, { ref: false })]);
  stderr.destroy();
  daemon.unref();
  if (end === 'ready') return EXIT_OK;
  // A reason of its own says more than the number that it ended with.
  const told = written > 0 && end.startsWith('exit code');
  if (!told) process.stderr.write(`[err] the daemon ended at once (${end})\n`);
  return EXIT_FAILURE;
}

/** Answers the daemon until it says 'ready', or until it ended: then how. */
function decided(daemon: ChildProcess, { words, ask }: Omit<DaemonStart, 'shown'>): Promise<string> {
  const tell = (message: ToDaemon): void => {
    // A daemon that died meanwhile is told of by 'exit'.
    if (daemon.connected) daemon.send(message, () => undefined);
  };
  return new Promise((resolve) => {
    daemon.once('error', (cause) => {
      resolve(cause.message);
    });
    daemon.once('exit', (code, signal) => {
      resolve(signal ?? `exit code ${String(code)}`);
    });
    daemon.on('message', (message) => {
      const said = message as ToStarter;
      if (said.kind === 'ready') resolve('ready');
      else
        void ask(said.file).then((passphrase) => {
          tell({ kind: 'answer', ...(passphrase === undefined ? {} : { passphrase }) });
        });
    });
    tell({ kind: 'words', words });
  });
}

/** The daemon's end of its start. */
export interface DaemonSide {
  /** The arguments behind the program's name, secrets and all; those of the command line are blanked. */
  readonly words: readonly string[];
  /** Has a person asked on the starter's terminal. */
  readonly ask: Ask;
  /**
   * Lets the starter go with exit code 0; stderr is /dev/null from here on. To be called once, when the daemon
   * listens. A daemon that cannot serve writes why to stderr and exits instead.
   */
  readonly ready: () => Promise<void>;
}

/**
 * To be called first of all, once. A starter that ends before `ready` ends this process.
 * @returns undefined when this process was not started by `startDaemon`
 */
export async function daemonSide(): Promise<DaemonSide | undefined> {
  const marked = process.env.TENTACLE_IS_DAEMON !== undefined;
  // Programs that this one starts are no daemons.
  delete process.env.TENTACLE_IS_DAEMON;
  // Whoever has the variable from somewhere else has no channel to a starter.
  if (!marked || !process.connected) return undefined;
  process.once('disconnect', orphaned);
  // Between the starter's end and the news of it.
  process.stderr.on('error', () => undefined);
  const first = await heard();
  if (first.kind !== 'words') throw new Error('the starter gave no words');
  return { words: first.words, ask, ready };
}

function orphaned(): void {
  process.exit(EXIT_FAILURE);
}

async function ask(file: string): Promise<string | undefined> {
  // Listening first: the answer may come in the same turn as the news that the question is out.
  const [answer] = await Promise.all([heard(), say({ kind: 'question', file })]);
  return answer.kind === 'answer' ? answer.passphrase : undefined;
}

async function ready(): Promise<void> {
  // A write in progress must not see its descriptor vanish.
  await new Promise<unknown>((resolve) => process.stderr.write('', resolve));
  await say({ kind: 'ready' });
  process.off('disconnect', orphaned);
  process.disconnect();
  // The descriptor that is free is the one that the next open() gets: the starter sees the end of our words.
  closeSync(STDERR);
  openSync('/dev/null', 'w');
}

/** The next message from the starter; only while one is due does the channel keep this process from ending. */
async function heard(): Promise<ToDaemon> {
  process.channel?.ref();
  const [message] = (await once(process, 'message')) as [ToDaemon];
  process.channel?.unref();
  return message;
}

function say(message: ToStarter): Promise<void> {
  return new Promise((resolve) => {
    // When it cannot be told, it is gone, and 'disconnect' ends us.
    process.send?.(message, undefined, undefined, (error: Error | null) => {
      if (error === null) resolve();
    });
  });
}

/**
 * Closes what this process inherited beside its standard streams, such as the lock of `flock 200`: the daemon would
 * keep it for ever. Node marks its own descriptors as not to be inherited, and these up to the first gap above 15.
 */
function closeInherited(): void {
  const O_CLOEXEC = 0o2000000;
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor <= STDERR) continue;
    try {
      const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'latin1'))?.[1];
      if (flags !== undefined && (parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(descriptor);
    } catch {
      // The descriptor of the listing itself is gone already.
    }
  }
}
