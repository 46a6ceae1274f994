/** What happens when the log cannot be written. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { freePort, SERVER } from '../support/program.ts';
import { fill, smallDisk } from '../support/full-disk.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

/** Refused without a look at the disk; its log lines are long. */
const REFUSED = `RECV </${'n'.repeat(250)}>\n`;
const REFUSAL = 'RECV ERR (file has an invalid file name)\n';

/** Peak resident memory of a process since this was last asked, in MiB. */
function peakMemory(pid: number): number {
  const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  writeFileSync(`/proc/${String(pid)}/clear_refs`, '5');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 'NaN') / 1024;
}

/** Has many commands refused, in pieces. */
async function refusals(dialogue: Dialogue, count: number): Promise<void> {
  const piece = 500;
  for (let done = 0; done < count; done += piece) {
    dialogue.send(REFUSED.repeat(piece));
    await dialogue.take(REFUSAL.length * piece);
  }
}

/** Starts a server that says nothing on its own output, and gives its pid. */
function startLoggingTo(log: string, port: number): number {
  const options = [
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    '-s',
    temporarySpool(),
    '-V',
    '-t',
    '60',
    '-l',
    log,
  ];
  const child = spawn(process.execPath, [SERVER, '--allow-root', ...options], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child.pid ?? 0;
}

/** Connects as soon as somebody listens. */
async function connected(port: number): Promise<Dialogue> {
  for (;;) {
    const dialogue = await Dialogue.open(port).catch(() => undefined);
    if (dialogue !== undefined) return dialogue;
  }
}

testWith(
  ['root', 'mount'],
  'a log on a full disk stops nobody, costs no memory, and goes on later',
  async () => {
    const disk = smallDisk('16m');
    const log = join(disk, 'server.log');
    const port = await freePort();
    const pid = startLoggingTo(log, port);
    const dialogue = await connected(port);
    await refusals(dialogue, 1000);
    fill(join(disk, 'ballast'));
    peakMemory(pid);
    await refusals(dialogue, 20_000);
    const before = peakMemory(pid);
    await refusals(dialogue, 100_000);
    expect(peakMemory(pid) - before).toBeLessThan(40);
    rmSync(join(disk, 'ballast'));
    expect(await dialogue.ask('RECV <back again>\n')).toBe('RECV ERR (file does not exist)\n');
    expect(readFileSync(log, 'utf8')).toContain("Requested file 'back again'");
  },
);
