/** What agents do by running a program for each round: ours, and Debian's where it is installed. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { directory } from '../bench/programs.ts';
import { chunksOf, isWhole } from './content.ts';
import { smallName } from './honest.ts';
import { FIXTURES, type Way } from './field.ts';
import { acknowledged, type Action, type Soaked } from './action.ts';

interface Program {
  readonly name: string;
  readonly command: readonly string[];
  readonly canPack: boolean;
  readonly hasCertificates: boolean;
}

const OURS: Program = {
  name: 'tentacle_client',
  command: [process.execPath, resolve('dist/bin/tentacle_client.cjs')],
  canPack: true,
  hasCertificates: true,
};
const DEBIAN: Program = {
  name: "Debian's tentacle_client",
  command: ['/usr/bin/tentacle_client'],
  canPack: false,
  // With one it says in words what today's IO::Socket::SSL takes as a number only.
  hasCertificates: false,
};

/** Which of the programs can take part. */
function isInstalled({ command }: Program): boolean {
  try {
    accessSync(command[0] ?? '', constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where a program runs, and whom it believes. */
interface Run {
  readonly cwd: string;
  readonly ca: string;
}

/** Runs it. @throws Error with its words when it fails */
function run(
  { command: [program = '', ...fixed] }: Program,
  args: readonly string[],
  { cwd, ca }: Run,
): Promise<void> {
  // Perl's TLS verifies the server also where -c says not to.
  const env = { ...process.env, SSL_CERT_FILE: ca, TENTACLE_EXT_OPTS: '', TENTACLE_PASSWORD: '' };
  return new Promise((done, failed) => {
    execFile(program, [...fixed, ...args], { cwd, env }, (error, stdout, stderr) => {
      if (error === null) done();
      else failed(new Error(`exit code ${String(error.code)}: ${stderr.trim()} ${stdout.trim()}`));
    });
  });
}

async function sendOrFetch(program: Program, soaked: Soaked, way: Way): Promise<void> {
  const { random, field } = soaked;
  const cwd = await mkdtemp(join(directory, 'agent-'));
  const given = ['-a', way.to.host, '-p', String(way.to.port), ...way.flags];
  if (program.canPack && random.chance(1 / 3)) given.push('-z');
  try {
    if (random.chance(1 / 4)) {
      const fixture = random.of(FIXTURES);
      await run(program, [...given, '-g', fixture], { cwd, ca: field.certificates.ca });
      if (!isWhole(fixture, await readFile(join(cwd, fixture)))) throw new Error(`${fixture}: other bytes`);
      return;
    }
    const names = Array.from({ length: random.between(1, 3) }, () => smallName(random));
    for (const name of names) await writeFile(join(cwd, name), Buffer.concat([...chunksOf(name)]));
    await run(program, [...given, ...names], { cwd, ca: field.certificates.ca });
    for (const name of names) acknowledged(soaked, way, name);
  } finally {
    await rm(cwd, { recursive: true });
  }
}

/** One action for each program that is here. */
export const PROGRAMS: readonly Action[] = [OURS, DEBIAN].filter(isInstalled).map((program) => ({
  name: `program ${program.name}`,
  run: (soaked, way) => sendOrFetch(program, soaked, way),
  on: ({ to }) => program.hasCertificates || to.tls?.cert === undefined,
}));
