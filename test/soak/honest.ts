/** What agents do, by the client library. */
import { setTimeout as pause } from 'node:timers/promises';
import { connect, packedSize, type TentacleClient, type Upload } from '../../src/client/client.ts';
import { RefusedError } from '../../src/client/errors.ts';
import { zip } from '../../src/protocol/zip/zip.ts';
import { chunksOf, isWhole, newName, sizeOf } from './content.ts';
import type { Random } from './random.ts';
import { FIXTURES, LARGEST, type Way } from './field.ts';
import { acknowledged, type Action, type Soaked } from './action.ts';

/** An agent's XML; some have their configuration and its checksum to send. */
const SMALL = 2048;
const MB = 1_000_000;
/** Silence between two files of one connection; the limit is 4 seconds (W4). */
const LONGEST_SILENCE_MS = 2500;

export function smallName(random: Random): string {
  const suffix = random.weighted([
    [18, 'data'],
    [1, 'conf'],
    [1, 'md5'],
  ] as const);
  return newName(suffix === 'md5' ? 32 : random.between(SMALL / 2, SMALL * 2), suffix);
}

function uploadOf(name: string): Upload {
  // eslint-disable-next-line @typescript-eslint/require-await -- the library takes files as streams
  const content = async function* (): AsyncGenerator<Buffer, void, undefined> {
    yield* chunksOf(name);
  };
  return { name, size: sizeOf(name), content };
}

async function send(soaked: Soaked, way: Way, to: TentacleClient, name: string): Promise<void> {
  await to.send(uploadOf(name), { compress: soaked.random.chance(1 / 3) });
  acknowledged(soaked, way, name);
}

async function withClient(way: Way, talk: (client: TentacleClient) => Promise<void>): Promise<void> {
  const client = await connect(way.to);
  try {
    await talk(client);
    await client.quit();
  } finally {
    client.close();
  }
}

async function sendOne(soaked: Soaked, way: Way): Promise<void> {
  const start = performance.now();
  await withClient(way, async (client) => {
    await send(soaked, way, client, smallName(soaked.random));
    soaked.journal.sent(way.name, performance.now() - start);
  });
}

async function sendSeveral(soaked: Soaked, way: Way): Promise<void> {
  await withClient(way, async (client) => {
    const files = soaked.random.between(2, 6);
    for (let file = 0; file < files; file++) await send(soaked, way, client, smallName(soaked.random));
  });
}

async function sendLarge(soaked: Soaked, way: Way): Promise<void> {
  // The larger, the fewer.
  const size = Math.min(LARGEST, Math.round(MB + soaked.random.around(3 * MB)));
  const name = newName(size, 'data');
  const upload = uploadOf(name);
  const compress = soaked.random.chance(1 / 3);
  // Before it connects: packing takes longer than a server waits, where the machine is busy.
  const packed = compress ? { packedSize: await packedSize(name, zip(upload.content())) } : {};
  await withClient(way, async (client) => {
    await client.send({ ...upload, ...packed }, { compress });
    acknowledged(soaked, way, name);
  });
}

async function sendSilently(soaked: Soaked, way: Way): Promise<void> {
  await withClient(way, async (client) => {
    await send(soaked, way, client, smallName(soaked.random));
    await pause(soaked.random.between(0, LONGEST_SILENCE_MS));
    await send(soaked, way, client, smallName(soaked.random));
  });
}

async function fetchFixture(soaked: Soaked, way: Way, compress: boolean): Promise<void> {
  const name = soaked.random.weighted(FIXTURES.map((fixture, index) => [5 - 2 * index, fixture] as const));
  await withClient(way, async (client) => {
    const chunks: Buffer[] = [];
    const sink = async (content: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of content) chunks.push(chunk);
    };
    await client.receive(name, sink, { compress });
    if (!isWhole(name, Buffer.concat(chunks))) throw new Error(`${name}: fetched other bytes`);
  });
}

/** Too large, or no archive: refused, and the session goes on (W11, W12). */
async function beRefused(soaked: Soaked, way: Way): Promise<void> {
  await withClient(way, async (client) => {
    const tooLarge = newName(LARGEST + 1, 'data');
    const refusal = await client.send(uploadOf(tooLarge)).then(
      () => 'nothing',
      (error: unknown) => (error instanceof RefusedError ? error.reason : String(error)),
    );
    if (refusal !== 'file is too big') throw new Error(`${tooLarge}: expected a refusal, not ${refusal}`);
    await send(soaked, way, client, smallName(soaked.random));
  });
}

export const SEND_ONE: Action = { name: 'send a file', run: sendOne };
export const SEND_SEVERAL: Action = { name: 'send several on a connection', run: sendSeveral };
export const SEND_LARGE: Action = { name: 'send 1 to 20 MB', run: sendLarge };
export const SEND_SILENTLY: Action = { name: 'send, say nothing, send again', run: sendSilently };
export const FETCH: Action = { name: 'RECV', run: (soaked, way) => fetchFixture(soaked, way, false) };
export const FETCH_PACKED: Action = { name: 'ZRECV', run: (soaked, way) => fetchFixture(soaked, way, true) };
export const BE_REFUSED: Action = { name: 'oversize, then a file', run: beRefused };
