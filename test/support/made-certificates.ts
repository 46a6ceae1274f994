/** Certificates as --make-certificates makes them, and the lines that it prints, as an administrator pastes them. */
import { join } from 'node:path';
import { runServer } from './program.ts';
import { temporaryDirectory } from './temporary.ts';

export interface MadeCertificates {
  /** Holds them. */
  readonly directory: string;
  readonly stdout: string;
  /**
   * The lines below a heading of a set-up, as `lines('S5', 'tentacle_server.conf')`, with the paths of this directory.
   * @throws Error when there are none
   */
  readonly lines: (setUp: string, heading: string) => readonly string[];
}

/** Runs the built program. @param args behind the directory @throws Error with what it said when it fails */
export function madeCertificates(
  args: readonly string[],
  directory = join(temporaryDirectory(), 'pki'),
): MadeCertificates {
  const { status, stdout, stderr } = runServer(['--make-certificates', directory, ...args]);
  if (status !== 0 || stderr !== '') throw new Error(stderr);
  const lines = (setUp: string, heading: string): readonly string[] => {
    const [, section = ''] = stdout.split(`\n== ${setUp}`);
    const [, below = ''] = (section.split('\n== ')[0] ?? '').split(`\n${heading}:\n`);
    const found = /^(?: {4}.*\n?)+/.exec(below)?.[0].trim().split(/\n */) ?? [];
    if (found.length === 0) throw new Error(`${setUp} has no ${heading}: ${stdout}`);
    return found.map((line) => line.replaceAll(/\/etc\/(?:tentacle|pandora)(?=\/)/g, directory));
  };
  return { directory, stdout, lines };
}
