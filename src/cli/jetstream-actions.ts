/** What --setup-jetstream does, and what --check asks of JetStream. A part, loaded with the NATS packages. */
import { jetStreamBlock, oneClock } from './jetstream-block.ts';
import { isAway } from '../jetstream/away.ts';
import { type ClockDifference, clockDifferences } from '../jetstream/state/clocks.ts';
import type { Cluster } from '../jetstream/cluster.ts';
import { findingsOf, obstacleOf } from '../jetstream/state/findings.ts';
import { askServers, type ServerAnswer } from '../jetstream/state/servers.ts';
import { setUp, type Step } from '../jetstream/setup/setup.ts';
import { openQuietly } from '../jetstream/state/state-reader.ts';
import { type JetStreamState, readState } from '../jetstream/state/stream-state.ts';
import type { Target } from '../jetstream/state/target.ts';
import { printable } from '../log/printable.ts';
import { error, type Problem, type Source, warning } from '../settings/assignment.ts';
import { monotonicMs } from '../protocol/timer.ts';

/** A cluster that begins, or that has lost a server, elects its leaders within some ten seconds. */
const SETUP_PATIENCE_MS = 20_000;
const CHECK_PATIENCE_MS = 10_000;
const PAUSE_MS = 300;
/** Times received are compared, and which of two files is newer. */
const CLOCK_MS = 1000;

/**
 * Makes what the settings want, or sees that it is there.
 * @param source where nats_servers is set
 * @param tell hears a line for each thing
 * @returns what went wrong
 */
export async function setUpJetStream(
  { settings, directories }: Target,
  source: Source,
  tell: (line: string) => void,
): Promise<Problem[]> {
  try {
    const servers = await askServers(settings, 'setup');
    const troubles = troublesOf(servers);
    if (troubles.length === servers.length) return troubles.map((text) => error(source, text));
    const told = new Set<string>();
    const onStep = (step: Step): void => {
      // After a pause all is looked at again.
      if (!told.has(step.what)) tell(stepText(step));
      told.add(step.what);
    };
    await connected(answering(settings, servers), 'setup', (cluster) =>
      patiently(cluster, SETUP_PATIENCE_MS, () => setUp(cluster, directories, onStep)),
    );
    return troubles.map((text) => warning(source, text));
  } catch (cause) {
    return [error(source, `--setup-jetstream: ${messageOf(cause)}`)];
  }
}

function stepText({ what, done, changes }: Step): string {
  return `${what}: ${done}${changes.length === 0 ? '' : `, ${changes.join(', ')}`}`;
}

export interface CheckedJetStream {
  /** A block for the report. */
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];
  /** Without the packages, or with credentials that are none, no worker starts. */
  readonly preventsStart: boolean;
}

/**
 * Connects, and says how things are. What leaves the server without work is an error, unless files can wait in a directory
 * meanwhile: the server itself starts, and tries on.
 * @param source where nats_servers is set
 */
export async function checkJetStream(target: Target, source: Source): Promise<CheckedJetStream> {
  const { settings, queue } = target;
  const bad = (text: string): Problem =>
    queue === undefined
      ? error(source, `${text}; until then no file is stored or delivered`)
      : warning(source, `${text}; until then files wait in ${queue.directory}`);
  let servers: readonly ServerAnswer[];
  try {
    servers = await askServers(settings, 'check');
  } catch (cause) {
    return { lines: [], problems: [error(source, messageOf(cause))], preventsStart: true };
  }
  const troubles = troublesOf(servers);
  const isDown = troubles.length === servers.length;
  const found = isDown ? NOTHING : await look({ ...target, settings: answering(settings, servers) });
  const { state, trouble, clocks } = found;
  const lines = jetStreamBlock(settings, { servers, state, clocks }, Date.now());
  const obstacle = trouble ?? (state && obstacleOf(state, settings.stream));
  const problems = [
    ...troubles.map((text) => (isDown ? bad(text) : warning(source, text))),
    ...(obstacle === undefined ? [] : [bad(obstacle)]),
    ...(state === undefined ? [] : findingsOf(state, settings.stream, Date.now())).map((text) =>
      warning(source, text),
    ),
    ...clocks
      .filter(isOff)
      .map((clock) => warning(source, `clocks differ: ${oneClock(clock)}: let both follow NTP`)),
  ];
  return { lines, problems, preventsStart: false };
}

/** For --queue: whether each server, and the stream, would take files right now. */
export async function jetStreamStates(target: Target): Promise<string[]> {
  const { stream } = target.settings;
  let servers: readonly ServerAnswer[];
  try {
    servers = await askServers(target.settings, 'queue');
  } catch (cause) {
    return [messageOf(cause)];
  }
  const texts = servers.map(({ address, trouble }) => `${address}: ${trouble ?? 'up'}`);
  if (servers.every(({ trouble }) => trouble !== undefined)) return texts;
  const { state, trouble } = await look({ ...target, settings: answering(target.settings, servers) });
  const obstacle = trouble ?? (state && obstacleOf(state, stream));
  return [...texts, obstacle ?? `stream ${stream}: up`];
}

interface Found {
  readonly state: JetStreamState | undefined;
  readonly trouble: string | undefined;
  readonly clocks: readonly ClockDifference[];
}

const NOTHING: Found = { state: undefined, trouble: undefined, clocks: [] };

async function look({ settings, directories }: Target): Promise<Found> {
  try {
    return await connected(settings, 'check', async (cluster) => {
      const state = await patiently(cluster, CHECK_PATIENCE_MS, () => readState(cluster, directories));
      const clocks = await cluster.use((link) => clockDifferences(link, settings.stream)).catch(() => []);
      return { state, trouble: undefined, clocks };
    });
  } catch (cause) {
    return { ...NOTHING, trouble: messageOf(cause) };
  }
}

function isOff({ aheadMs, errorMs }: ClockDifference): boolean {
  return Math.abs(aheadMs) - errorMs > CLOCK_MS;
}

/** With the servers that let us in alone: connecting to one that says nothing would not end. */
function answering(settings: Target['settings'], servers: readonly ServerAnswer[]): Target['settings'] {
  const good = servers.filter(({ trouble }) => trouble === undefined);
  return { ...settings, servers: good.map(({ server }) => server) };
}

/** One for each server that cannot be used. */
function troublesOf(servers: readonly ServerAnswer[]): string[] {
  return servers.flatMap(({ address, trouble }) =>
    trouble === undefined ? [] : [`nats_servers: ${address}: ${trouble}`],
  );
}

async function connected<T>(
  settings: Target['settings'],
  what: string,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = await openQuietly(settings, what);
  try {
    return await work(cluster);
  } finally {
    await cluster.close();
  }
}

/** Again and again while the cluster is away. @throws JetStreamAway after so many milliseconds, and every other error at once */
async function patiently<T>(cluster: Cluster, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = monotonicMs() + patienceMs;
  for (;;) {
    try {
      await cluster.connected(Math.max(0, deadline - monotonicMs()));
      return await work();
    } catch (cause) {
      if (!isAway(cause) || monotonicMs() > deadline) throw cause;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

function messageOf(cause: unknown): string {
  return printable((cause as Error).message);
}
