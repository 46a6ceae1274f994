/** Lays a report out for a terminal: the verdict first, then one screen of figures. Pure. */
import { byteCount } from '../log/byte-count.ts';
import { count, duration } from '../log/count.ts';
import type { WorkerState } from '../server/supervisor.ts';
import { concernsOf } from '../status/concerns.ts';
import { hasClients } from '../status/has-clients.ts';
import type { StatusReport } from '../status/report.ts';

export interface Line {
  readonly text: string;
  /** What a colour may stress; the words say it, too. */
  readonly mood: 'good' | 'bad' | undefined;
}

export interface Size {
  /** Columns; Infinity: nothing is cut. */
  readonly width: number;
  /** Rows that the lists of what happened lately are made to fit in. */
  readonly height: number;
}

const MS = 1000;
const MS_PER_DAY = 86_400_000;
const LABEL_WIDTH = 13;
/** Of what there may be many of. */
const MOST_LISTED = 4;
/** Certificates that expire within so many days are bad news. */
const SOON_DAYS = 14;

/** The verdict, an empty line, then everything else. */
export function screen(report: StatusReport, { width, height }: Size): Line[] {
  const concerns = concernsOf(report).map(({ text }) => text);
  const facts = [
    ...checkLines(report, width),
    ...labelled('to look at', concerns.length === 0 ? [] : [concerns.join('; ')]),
    ...trafficLines(report),
    ...storageLines(report),
    ...upstreamLines(report),
    ...jetStreamLines(report),
    ...certificateLines(report),
    ...labelled('workers', [workersText(report)]),
    ...reloadLines(report, width),
    ...labelled('refusals', refusalTexts(report)),
  ];
  const head = [
    verdict(report),
    plain(`${report.version}, generation ${String(report.generation)}. ${report.purpose}`),
  ];
  const lines = [...head, plain(''), ...facts];
  return [...lines, ...lately(report, height - lines.length)].map((line) => fitted(line, width));
}

/** In one line whether all is well, as Nagios and its kind show it. */
export function verdict(report: StatusReport): Line {
  const { ready, checks, rates, connections, host, now, startedAt } = report;
  const troubles = checks.filter(({ ok }) => !ok).map(({ name, text }) => `${name}: ${text}`);
  if (!ready) return { text: `NOT READY - ${troubles.join('; ')}`, mood: 'bad' };
  const figures = [
    `${perSecond(rates.files)} files/s`,
    ...(hasClients(report) ? [`${count(connections.open, 'connection')} open`] : []),
    `up ${duration(now - startedAt)}`,
  ];
  const concerns = concernsOf(report).length;
  const more = concerns === 0 ? '' : `; ${count(concerns, 'thing')} to look at`;
  return { text: `OK - tentacle_server on ${host}: ${figures.join(', ')}${more}`, mood: 'good' };
}

/** The figures as plugins of Nagios tell them: `files_per_second=12.00 connections_open=3;;;0;1000`. */
export function performanceData({
  rates,
  connections,
  totals,
  spool,
  queue,
  jetstream,
}: StatusReport): string {
  const figures: readonly (readonly [name: string, value: number | undefined, unit: string])[] = [
    ['files_per_second', rates.files, ''],
    ['bytes_per_second', rates.bytes, 'B'],
    ['connections_open', connections.open, `;;;0;${String(connections.limit)}`],
    ['files_received', totals.filesReceived, 'c'],
    ['files_sent', totals.filesSent, 'c'],
    ['refused', totals.refused, 'c'],
    ['spool_files', spool?.files, ''],
    ['spool_oldest', spool && (spool.oldestSeconds ?? 0), 's'],
    ['spool_free', spool?.freeBytes, 'B'],
    ['queue_files', queue?.files, ''],
    ['queue_oldest', queue && (queue.oldestSeconds ?? 0), 's'],
    ['jetstream_messages', jetstream?.figures?.messages, ''],
    ['jetstream_oldest', jetstream?.figures && (jetstream.figures.oldestSeconds ?? 0), 's'],
  ];
  return figures
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value = 0, unit]) => `${name}=${String(Math.round(value * 100) / 100)}${unit}`)
    .join(' ');
}

/** What is wrong, and what to do about it, is to be read to its end. */
function checkLines({ checks }: StatusReport, width: number): Line[] {
  return checks.flatMap(({ name, ok, text }) => {
    if (ok) return labelled(name, [`ok   ${text}`]);
    const [first = '', ...others] = wrapped(text, width - LABEL_WIDTH - 'BAD  '.length);
    return under(name, [`BAD  ${first}`, ...others.map((part) => `     ${part}`)].map(bad));
  });
}

function trafficLines(report: StatusReport): Line[] {
  return [...labelled('now', [nowText(report)]), ...labelled('since start', sinceStart(report))];
}

function nowText({ rates, connections, mode }: StatusReport): string {
  const { files, bytes, connections: opened } = rates;
  const moved = `${perSecond(files)} files/s, ${byteCount(Math.round(bytes))}/s`;
  if (!hasClients({ mode })) return moved;
  const traffic = `${moved}, ${perSecond(opened)} connections/s`;
  return `${traffic}; ${String(connections.open)} of ${String(connections.limit)} open`;
}

function sinceStart({ totals, mode, queue }: StatusReport): string[] {
  const { filesDelivered, filesTaken, filesGiven, bytesMoved } = totals;
  if (mode === 'deliver') return [`${count(filesDelivered, 'file')} delivered (${byteCount(bytesMoved)})`];
  if (mode === 'sync') {
    const given = `${String(filesGiven)} given to it (${byteCount(bytesMoved)})`;
    return [`${count(filesTaken, 'file')} taken from the store, ${given}`];
  }
  const { filesReceived, bytesReceived, filesSent, bytesSent } = totals;
  const forwarded = queue !== undefined ? `, ${String(totals.filesForwarded)} sent on` : '';
  const traffic =
    mode === 'relay'
      ? `${byteCount(bytesReceived)} from clients, ${byteCount(bytesSent)} to them`
      : `${count(filesReceived, 'file')} received (${byteCount(bytesReceived)}), ${String(filesSent)} sent (${byteCount(bytesSent)})${forwarded}`;
  return [traffic, `${count(totals.connections, 'connection')}, ${String(totals.refused)} refused`];
}

/** The queue of a proxy that stores is all that its spool holds. */
function storageLines({ spool, queue }: StatusReport): Line[] {
  if (spool === undefined) return [];
  const { files, bytes, oldestSeconds, freeBytes, totalBytes, reserveBytes } =
    queue === undefined ? spool : { ...spool, ...queue };
  const oldest = oldestSeconds == undefined ? '' : `, the oldest for ${duration(oldestSeconds * MS)}`;
  // JSON has no infinity: where the system does not say how much room there is.
  const room = Number.isFinite(freeBytes) ? `; ${byteCount(freeBytes)} of ${byteCount(totalBytes)} free` : '';
  const reserve = reserveBytes === 0 ? '' : `, ${byteCount(reserveBytes)} reserved`;
  const label = queue === undefined ? 'spool' : 'queue';
  return labelled(label, [`${count(files, 'file')} (${byteCount(bytes)})${oldest}${room}${reserve}`]);
}

/** Those that are down first. */
function upstreamLines({ upstreams }: StatusReport): Line[] {
  const ordered = upstreams.toSorted((a, b) => Number(a.up) - Number(b.up));
  const lines = ordered.map(({ server, up, text }) => ({
    text: `${up ? 'up  ' : 'DOWN'} ${server}${up ? '' : `: ${text}`}`,
    mood: up ? undefined : ('bad' as const),
  }));
  return under('upstreams', limited(lines));
}

function jetStreamLines({ jetstream }: StatusReport): Line[] {
  if (jetstream === undefined) return [];
  const { stream, up, text, figures } = jetstream;
  const state = {
    text: up ? `up   stream ${stream}` : `DOWN ${text}`,
    mood: up ? undefined : ('bad' as const),
  };
  if (figures === undefined) return under('jetstream', [state]);
  const { messages, bytes, oldestSeconds, pending, replicas } = figures;
  const oldest = oldestSeconds == undefined ? '' : `, the oldest for ${duration(oldestSeconds * MS)}`;
  const toDeliver = pending == undefined ? '' : `, ${String(pending)} to be delivered`;
  const servers = replicas.map(({ name, state }) => `${name} ${state}`).join(', ');
  return under('jetstream', [
    {
      ...state,
      text: `${state.text}: ${count(messages, 'file')} (${byteCount(bytes)})${oldest}${toDeliver}`,
    },
    ...(servers === '' ? [] : [plain(`     ${servers}; connected to ${figures.server}`)]),
  ]);
}

function certificateLines({ certificates, now }: StatusReport): Line[] {
  const ordered = certificates.toSorted((a, b) => a.validTo - b.validTo);
  const lines = ordered.map(({ token, file, subject, validTo }) => {
    const left = validTo < now ? 'EXPIRED' : `${duration(validTo - now)} left`;
    return {
      text: `${left}: ${token} ${file} (${subject})`,
      mood: validTo - now < SOON_DAYS * MS_PER_DAY ? ('bad' as const) : undefined,
    };
  });
  return under('certificates', limited(lines));
}

function workersText({ workers, restarts }: StatusReport): string {
  const of = (state: WorkerState): number => workers.filter((worker) => worker.state === state).length;
  const [draining, silent] = [of('draining'), of('silent')];
  const memory = workers.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const lag = Math.max(0, ...workers.map(({ lagSeconds }) => lagSeconds));
  return [
    `${String(of('serving'))} serve`,
    ...(silent === 0 ? [] : [`${String(silent)} not answering`]),
    ...(draining === 0 ? [] : [`${String(draining)} finish what is in progress`]),
    byteCount(memory),
    `late by ${String(Math.round(lag * MS))} ms at worst`,
    count(restarts, 'restart'),
  ].join(', ');
}

function reloadLines({ reloads, now }: StatusReport, width: number): Line[] {
  const { succeeded, refused, lastGoodAt, lastRefusal } = reloads;
  const text = `${String(succeeded)}, ${String(refused)} refused; settings of ${duration(now - lastGoodAt)} ago are in force`;
  const refusal =
    lastRefusal === undefined ? [] : wrapped(`REFUSED: ${lastRefusal.text}`, width - LABEL_WIDTH).map(bad);
  return under('reloads', [plain(text), ...refusal]);
}

function refusalTexts({ refusals }: StatusReport): string[] {
  const most = refusals.filter(({ times }) => times > 0).slice(0, MOST_LISTED);
  return most.length === 0 ? [] : [most.map(({ reason, times }) => `${reason} ${String(times)}`).join(', ')];
}

/** What fits: half of it troubles, the rest files, then peers. */
function lately(report: StatusReport, rows: number): Line[] {
  const { recentTroubles, recentFiles, peers, now } = report;
  const ago = (at: number): string => `${duration(Math.max(0, now - at))} ago`.padEnd(16);
  const troubles = recentTroubles.map(
    ({ at, level, text }) => `${ago(at)}${level === 'event' ? '' : `${level}: `}${text}`,
  );
  const files = recentFiles.map(
    ({ at, command, file, bytes, ms, peer }) =>
      `${ago(at)}${command} ${file} (${byteCount(bytes)})${peer === '' ? '' : ` ${peer}`} in ${String(ms)} ms`,
  );
  const latest = peers.latest.map(
    ({ address, lastSeen, files, refused }) =>
      `${ago(lastSeen)}${address}: ${count(files, 'file')}, ${String(refused)} refused`,
  );
  const found: Line[] = [];
  for (const [label, texts, share] of [
    ['troubles', troubles, 2],
    ['files', files, 2],
    ['peers', latest, 1],
  ] as const) {
    const room = Math.ceil(Math.max(0, rows - found.length) / share);
    found.push(...labelled(label, texts.slice(0, room)));
  }
  return found;
}

function plain(text: string): Line {
  return { text, mood: undefined };
}

function bad(text: string): Line {
  return { text, mood: 'bad' };
}

function labelled(label: string, texts: readonly string[]): Line[] {
  return under(label, texts.map(plain));
}

/** The label stands in the first line alone. */
function under(label: string, lines: readonly Line[]): Line[] {
  return lines.map(({ text, mood }, index) => ({
    text: `${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${text}`,
    mood,
  }));
}

function limited(lines: readonly Line[]): readonly Line[] {
  if (lines.length <= MOST_LISTED) return lines;
  const shown = lines.slice(0, MOST_LISTED - 1);
  return [...shown, plain(`and ${String(lines.length - shown.length)} more`)];
}

function perSecond(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}

const MOST_ROWS = 6;
const SHORTEST = 20;

/** In rows between words; of a text that takes many, the first ones. */
export function wrapped(text: string, width: number): readonly string[] {
  const rows = [''];
  for (const word of text.split(' ')) {
    const row = rows.at(-1) ?? '';
    const longer = row === '' ? word : `${row} ${word}`;
    if (columnsOf(longer) <= Math.max(width, SHORTEST) || row === '') rows[rows.length - 1] = longer;
    else rows.push(word);
  }
  return rows.length <= MOST_ROWS ? rows : [...rows.slice(0, MOST_ROWS - 1), ELLIPSIS];
}

// What the server says of peers is printable already; here whatever listens at the address could say anything.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const ELLIPSIS = '...';

/** One row of a terminal, whatever the text holds. The bar, by which Nagios divides text from figures, is a broken one. */
export function fitted({ text, mood }: Line, width: number): Line {
  const safe = text.replace(UNSAFE, '?').replaceAll('|', '\u00a6');
  if (columnsOf(safe) <= width) return { text: safe, mood };
  let cut = '';
  let columns = ELLIPSIS.length;
  for (const character of safe) {
    columns += columnsOf(character);
    if (columns > width) break;
    cut += character;
  }
  return { text: `${cut}${ELLIPSIS}`.slice(0, width), mood };
}

/** At most so many: East Asian letters and pictures take two columns, and all that could be one counts as one. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += (character.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1;
  return columns;
}
