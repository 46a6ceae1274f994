/** Every recorded conversation with the Perl server, held with ours: as recorded, byte by byte, and in one piece. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { unzip } from '../../src/protocol/zip/unzip.ts';
import type { Token } from '../../src/settings/options.ts';
import { Dialogue } from '../support/dialogue.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker } from '../support/worker.ts';
import { OURS } from './ours.ts';

interface Step {
  readonly send: string;
  /** Null: an archive, whose bytes are not pinned. */
  readonly recv: string | null;
  readonly closed: boolean;
}

interface Case {
  readonly name: string;
  readonly server: Partial<Record<Token, string>>;
  readonly steps: readonly Step[];
  /** Set where this project deliberately answers differently. */
  readonly ours?: string;
}

const { cases } = JSON.parse(readFileSync('test/testdata/transcripts.json', 'utf8')) as { cases: Case[] };
const settings = [...new Set(cases.map(({ server }) => JSON.stringify(server)))];

/** The steps this project answers: its own where they differ, else the recorded ones. */
function stepsOf(recorded: Case): readonly Step[] {
  const own = OURS[recorded.name];
  if (own === undefined) return recorded.steps;
  return own.map(([send, recv, closed]) => ({ send, recv, closed: closed === 'closed' }));
}

function fixtures(server: Case['server']): string {
  if (server.insecure === '1') {
    const spool = temporarySpool('conf');
    writeFileSync(join(spool, 'm.data'), 'move-me\n');
    writeFileSync(join(spool, 'm2.data'), 'm2\n');
    writeFileSync(join(spool, 'empty.data'), '');
    writeFileSync(join(spool, 'bad,name'), 'x');
    writeFileSync(join(spool, 'conf', 'a.conf'), 'x');
    return spool;
  }
  return server.filters === undefined ? temporarySpool() : temporarySpool('conf', 'md5');
}

type Send = (client: Dialogue, text: string) => Promise<void>;

const WAYS: Readonly<Record<string, Send>> = {
  'one piece per line': (client, text) => {
    client.send(text);
    return Promise.resolve();
  },
  'cut at every byte': async (client, text) => {
    for (const byte of text) {
      client.send(byte);
      await tick();
    }
  },
};

async function unpacked(archive: string): Promise<string> {
  const source = [Buffer.from(archive, 'latin1')];
  const chunks: Buffer[] = [];
  for await (const chunk of unzip(toAsync(source), 1000)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

async function* toAsync(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}

/** Takes the expected answer; gives the size that it announced, where the recording left it open. */
async function take(client: Dialogue, expected: string | null, announced: number): Promise<number> {
  if (expected === null) {
    // "zrecv ok" fetches what "zsend ok" stored.
    expect(await unpacked(await client.take(announced))).toBe('hello zip\n'.repeat(10));
  } else if (expected.includes('<n>')) {
    const line = await client.line();
    expect(line).toMatch(/^ZRECV SIZE \d+\n$/);
    return Number(line.split(' ')[2]);
  } else if (expected !== '') {
    expect(await client.take(Buffer.byteLength(expected, 'latin1'))).toBe(expected);
  }
  return 0;
}

async function converse(port: number, steps: readonly Step[], send: Send): Promise<void> {
  const client = await Dialogue.open(port);
  let announced = 0;
  for (const step of steps) {
    await send(client, step.send);
    announced = await take(client, step.recv, announced);
    if (step.closed) expect(await client.rest()).toBe('');
  }
  client.stream.destroy();
}

test('there are 83 recorded conversations, and every "ours" has its answer', () => {
  expect(cases).toHaveLength(83);
  const differing = cases.filter(({ ours }) => ours !== undefined).map(({ name }) => name);
  expect(Object.keys(OURS).sort()).toEqual(differing.sort());
});

describe.each(Object.entries(WAYS))('%s', (_way, send) => {
  test.each(settings)('server %s', async (key) => {
    const server = JSON.parse(key) as Case['server'];
    const spool = fixtures(server);
    const { port, log } = await startWorker({ ...server, directory: spool });
    for (const recorded of cases.filter((each) => JSON.stringify(each.server) === key)) {
      try {
        await converse(port, stepsOf(recorded), send);
      } catch (cause) {
        throw new Error(`conversation "${recorded.name}" went wrong; log:\n${log.slice(-4).join('')}`, {
          cause,
        });
      }
    }
    expect(readdirSync(spool).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(existsSync(join(spool, 'half.data'))).toBe(false);
  });
});

describe('W2 a whole conversation in one piece', () => {
  const whole = cases.filter((each) =>
    each.steps.every(({ recv }) => recv !== null && !recv.includes('<n>')),
  );
  test.each(settings)('server %s', async (key) => {
    const server = JSON.parse(key) as Case['server'];
    const spool = fixtures(server);
    const { port } = await startWorker({ ...server, directory: spool });
    for (const recorded of whole.filter((each) => JSON.stringify(each.server) === key)) {
      const steps = stepsOf(recorded);
      const client = await Dialogue.open(port);
      client.send(steps.map((step) => step.send).join(''));
      for (const step of steps) await take(client, step.recv, 0);
      if (steps.some(({ closed }) => closed)) expect(await client.rest(), recorded.name).toBe('');
      client.stream.destroy();
    }
  });
});

test('what the conversations sent is in the spool, each file under its filter directory (N2)', async () => {
  const spool = temporarySpool('conf', 'md5');
  mkdirSync(join(spool, 'collections'));
  const { port } = await startWorker({
    directory: spool,
    filters: '.*\\.conf:conf;.*\\.md5:md5/;.*\\.zip:collections',
  });
  const client = await Dialogue.open(port);
  for (const name of ['agent.conf', 'k.md5', 'c.zip', 'plain.data']) {
    expect(await client.ask(`SEND <${name}> SIZE 3\n`)).toBe('SEND OK\n');
    expect(await client.ask('abc')).toBe('SEND OK\n');
  }
  expect(readdirSync(spool, { recursive: true, encoding: 'utf8' }).sort()).toEqual(
    ['collections', 'collections/c.zip', 'conf', 'conf/agent.conf', 'md5', 'md5/k.md5', 'plain.data'].sort(),
  );
});
