/** What a server that is killed in the middle of its work leaves behind. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { temporarySpool } from '../support/temporary.ts';

const ROUNDS = 3;
const CLIENTS = 50;
/** The kill comes once so many files of a round were acknowledged: then all are in the middle of something. */
const ACKNOWLEDGED = 40;
const SIZE = 300_000;
/** N3: what Pandora's data server takes at once. */
const CONSUMED = /^.*[._]\d+\.data$/;

/** The bytes of a file follow from its name, so that a half one or another one is seen. */
function contentOf(name: string): Buffer {
  return Buffer.alloc(SIZE, createHash('sha256').update(name).digest());
}

/** Whether somebody listens on a port of 127.0.0.1. */
async function accepts(port: number): Promise<boolean> {
  const dialogue = await Dialogue.open(port).catch(() => undefined);
  dialogue?.stream.destroy();
  return dialogue !== undefined;
}

/** Sends files until the server is gone. @param acknowledge told each name whose second OK came */
async function sendUntilKilled(
  port: number,
  names: Iterable<string>,
  acknowledge: (name: string) => void,
): Promise<void> {
  const dialogue = await Dialogue.open(port);
  try {
    for (const name of names) {
      if ((await dialogue.ask(`SEND <${name}> SIZE ${String(SIZE)}\n`)) !== 'SEND OK\n') return;
      if ((await dialogue.ask(contentOf(name))) !== 'SEND OK\n') return;
      acknowledge(name);
    }
  } catch {
    // Killed: what was acknowledged until here counts.
  }
}

function* namesOf(round: number, client: number): Generator<string> {
  for (let count = 1; ; count++) yield `agent-${String(round)}-${String(client)}.${String(count)}.data`;
}

/** What a killed server had not finished. */
function unfinished(spool: string): string[] {
  return readdirSync(spool).filter((name) => name.startsWith('.'));
}

/** Starts a server, which removes what the one before left, and says how much that was. */
async function startAgain(spool: string): Promise<ServerProcess> {
  const left = unfinished(spool).length;
  const server = await ServerProcess.start(['-s', spool, '-t', '60']);
  const said = /Removed (.*) of an earlier run\./.exec(server.output)?.[1];
  expect(said).toBe(left === 0 ? undefined : `${String(left)} unfinished file${left === 1 ? '' : 's'}`);
  expect(unfinished(spool)).toEqual([]);
  return server;
}

/** Lets many clients send, kills the server in the middle, and gives the names it had acknowledged. */
async function killInTheMiddle(spool: string, round: number): Promise<string[]> {
  const server = await startAgain(spool);
  const acknowledged: string[] = [];
  const acknowledge = (name: string): void => {
    acknowledged.push(name);
    if (acknowledged.length === ACKNOWLEDGED) server.child.kill('SIGKILL');
  };
  const clients = Array.from({ length: CLIENTS }, (_, client) =>
    sendUntilKilled(server.port, namesOf(round, client), acknowledge),
  );
  await Promise.all(clients);
  await server.exited;
  expect(server.child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

test(`N3 kill -9 in the middle of ${String(CLIENTS)} transfers loses nothing and leaves nothing half`, async () => {
  const spool = temporarySpool();
  const acknowledged: string[] = [];
  let staged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    acknowledged.push(...(await killInTheMiddle(spool, round)));
    const names = readdirSync(spool);
    const hidden = unfinished(spool);
    staged += hidden.length;
    expect(hidden.filter((name) => CONSUMED.test(name))).toEqual([]);
    // Acknowledged or not: what has its name is whole.
    const broken = names
      .filter((name) => !hidden.includes(name))
      .filter((name) => !readFileSync(join(spool, name)).equals(contentOf(name)));
    expect(broken).toEqual([]);
    const present = new Set(names);
    expect(acknowledged.filter((name) => !present.has(name))).toEqual([]);
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(ROUNDS * ACKNOWLEDGED);
  // Otherwise the kills came at the wrong time, and nothing above says much.
  expect(staged).toBeGreaterThan(0);
  await startAgain(spool);
});

test('N3 a start leaves the staged files of a live server alone', async () => {
  const spool = temporarySpool();
  const first = await ServerProcess.start(['-s', spool, '-t', '60']);
  const dialogue = await Dialogue.open(first.port);
  expect(await dialogue.ask('SEND <a.1.data> SIZE 6\n')).toBe('SEND OK\n');
  await ServerProcess.start(['-s', spool]);
  expect(await dialogue.ask('abcdef')).toBe('SEND OK\n');
  expect(readdirSync(spool)).toEqual(['a.1.data']);
});

// About half of these kills come while the first worker's socket is on its way to the supervisor.
test('P3 kill -9 of the supervisor while it starts leaves no worker that listens', async () => {
  for (let round = 0; round < 2 * ROUNDS; round++) {
    const port = await freePort();
    const args = ['-F', '/dev/null', '-a', '127.0.0.1', '-p', String(port), '-s', temporarySpool()];
    const listening = (): Promise<void> =>
      expect.poll(() => accepts(port), { interval: 1, timeout: 20_000 }).toBe(true);
    const server = await ServerProcess.start(args, { port, listening });
    await server.stop('SIGKILL');
    await expect.poll(() => accepts(port)).toBe(false);
  }
});
