/** What broken and hostile clients do: every phase of a connection, ended in every way, and lies. */
import { randomBytes } from 'node:crypto';
import { passwordDigest } from '../../src/protocol/password.ts';
import { contentsOf } from './certificates.ts';
import { chunksOf, newName } from './content.ts';
import { Intruder } from './intruder.ts';
import { FIXTURES, type Way } from './field.ts';
import { acknowledged, type Action, type Soaked } from './action.ts';

const SIZE = 200_000;

interface Phase {
  readonly name: string;
  /** Brings a connection there. */
  readonly reach: (way: Way) => Promise<Intruder>;
  readonly on?: (way: Way) => boolean;
}

/** Past the password. */
async function admitted(way: Way): Promise<Intruder> {
  const intruder = await Intruder.inside(way);
  const { password } = way.to;
  if (password === undefined) return intruder;
  const answer = await intruder.ask(`PASS ${passwordDigest(Buffer.from(password))}\n`);
  if (answer !== 'PASS OK') throw new Error(`PASS was answered with ${String(answer)}`);
  return intruder;
}

/** So many bytes of a file are sent, all of them or fewer. */
async function inFile(way: Way, bytes: number): Promise<Intruder> {
  const intruder = await admitted(way);
  const name = newName(SIZE, 'data');
  const answer = await intruder.ask(`SEND <${name}> SIZE ${String(SIZE)}\n`);
  if (answer !== 'SEND OK') throw new Error(`SEND was answered with ${String(answer)}`);
  await intruder.say(Buffer.concat([...chunksOf(name)]).subarray(0, bytes));
  return intruder;
}

async function inLine(way: Way): Promise<Intruder> {
  const intruder = await admitted(way);
  await intruder.say('SEND <half a li');
  return intruder;
}

async function inFetch(way: Way): Promise<Intruder> {
  const intruder = await admitted(way);
  const answer = await intruder.ask(`RECV <${FIXTURES[2] ?? ''}>\n`);
  if (answer?.startsWith('RECV SIZE') !== true) throw new Error(`RECV was answered with ${String(answer)}`);
  await intruder.say('RECV OK\n');
  return intruder;
}

const PHASES: readonly Phase[] = [
  { name: 'after connecting', reach: (way) => Intruder.atTheDoor(way) },
  {
    name: 'in the handshake',
    reach: (way) => Intruder.inHandshake(way),
    on: ({ to }) => to.tls !== undefined,
  },
  { name: 'after the greeting', reach: admitted },
  { name: 'in a line', reach: inLine },
  { name: 'in a file', reach: (way) => inFile(way, SIZE / 2) },
  { name: 'before the last OK', reach: (way) => inFile(way, SIZE) },
  { name: 'while it fetches', reach: inFetch },
];

interface Ending {
  readonly name: string;
  readonly end: (intruder: Intruder) => Promise<void>;
}

async function halfClosed(intruder: Intruder): Promise<void> {
  intruder.halfClose();
  await intruder.untilClosed();
}

const RESET: Ending = {
  name: 'reset',
  // eslint-disable-next-line @typescript-eslint/require-await -- an ending like the others
  end: async (intruder) => {
    intruder.reset();
  },
};
const HALF_CLOSE: Ending = { name: 'half-close', end: halfClosed };
const SILENCE: Ending = {
  name: 'silence',
  end: async (intruder) => {
    await intruder.untilClosed();
  },
};

function aborts(ending: Ending): readonly Action[] {
  return PHASES.map(({ name, reach, on }) => ({
    name: `${ending.name} ${name}`,
    run: async (_, way) => ending.end(await reach(way)),
    ...(on === undefined ? {} : { on }),
  }));
}

export const RESETS = aborts(RESET);
export const HALF_CLOSES = aborts(HALF_CLOSE);
/** They take as long as the server is patient. */
export const SILENCES = aborts(SILENCE);

async function wrongPassword(_: Soaked, way: Way): Promise<void> {
  const intruder = await Intruder.inside(way);
  await intruder.say(`PASS ${passwordDigest(Buffer.from('wrong'))}\n`);
  await expectNothing(intruder, 'a wrong password');
}

async function junk(_: Soaked, way: Way): Promise<void> {
  const intruder = await Intruder.atTheDoor(way);
  await intruder.say(Buffer.concat([randomBytes(1000), Buffer.from('\n')]));
  await intruder.untilClosed();
}

async function stranger({ field }: Soaked, way: Way): Promise<void> {
  // With TLS 1.3 the server's verdict comes after the client believes the handshake done; with 1.2, before.
  const intruder = await Intruder.inside(way, contentsOf(field.certificates.stranger));
  await intruder.say('RECV <?>\n');
  await expectNothing(intruder, 'a certificate of another CA');
}

async function expectNothing(intruder: Intruder, what: string): Promise<void> {
  const bytes = await intruder.untilClosed();
  if (bytes > 0) throw new Error(`${what} was answered with ${String(bytes)} bytes`);
}

async function noArchive(soaked: Soaked, way: Way): Promise<void> {
  const intruder = await admitted(way);
  const lie = newName(3000, 'data');
  if ((await intruder.ask(`ZSEND <${lie}> SIZE 3000\n`)) !== 'ZSEND OK')
    throw new Error('ZSEND was not taken');
  await intruder.say(randomBytes(2999));
  const answer = await intruder.ask('x');
  if (answer?.startsWith('ZSEND ERR') !== true) throw new Error(`no archive: ${String(answer)}`);
  const name = newName(10, 'data');
  if ((await intruder.ask(`SEND <${name}> SIZE 10\n`)) !== 'SEND OK') throw new Error('SEND was not taken');
  await intruder.say(Buffer.concat([...chunksOf(name)]));
  if ((await intruder.ask('')) !== 'SEND OK') throw new Error('SEND was not confirmed');
  acknowledged(soaked, way, name);
  intruder.reset();
}

export const LIES: readonly Action[] = [
  { name: 'wrong password', run: wrongPassword },
  { name: 'junk', run: junk },
  { name: 'a certificate of another CA', run: stranger, on: ({ to }) => to.tls?.cert !== undefined },
  { name: 'no archive, then a file', run: noArchive },
];
