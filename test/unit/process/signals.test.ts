/** Signals to real processes: a service while it starts, one that runs, and a worker. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { compiled } from '../../support/compiled.ts';

/** Says what it is asked; is ready when a line comes in, and repeats every further line. */
const SERVICE = `
import { createInterface } from 'node:readline';
import { catchSignals } from 'SRC/process/signals.ts';
const handle = catchSignals();
process.prependOnceListener('SIGUSR2', () => console.log('caught'));
let ready = false;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (!ready) handle({
    stop: (signal) => console.log('stop ' + signal),
    stopNow: (signal) => console.log('stop now ' + signal),
    reload: () => console.log('reload'),
    reopenLogs: () => console.log('reopen logs'),
    report: () => console.log('report'),
  });
  ready = true;
  console.log(line);
});
process.on('exit', () => console.log('cleaned up'));
console.log('starting');
`;

const WORKER = `
import { createInterface } from 'node:readline';
import { ignoreTerminalSignals } from 'SRC/process/signals.ts';
ignoreTerminalSignals();
createInterface({ input: process.stdin }).on('line', (line) => console.log(line));
console.log('starting');
`;

class Running {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<unknown[]>;
  errors = '';

  private constructor(program: string) {
    this.#child = spawn(process.execPath, [program], { stdio: 'pipe' });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#child.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exited = once(this.#child, 'exit');
    onTestFinished(() => {
      this.#child.kill('SIGKILL');
    });
  }

  static async start(source: string): Promise<Running> {
    const running = new Running(await compiled(source));
    expect(await running.said()).toBe('starting');
    return running;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  async said(): Promise<string> {
    return String((await this.#lines.next()).value);
  }
}

test('each signal calls its handler', async () => {
  const service = await Running.start(SERVICE);
  service.write('ready');
  expect(await service.said()).toBe('ready');
  const asked = [
    ['SIGHUP', 'reload'],
    ['SIGUSR1', 'reopen logs'],
    ['SIGUSR2', 'report'],
    ['SIGTERM', 'stop SIGTERM'],
    ['SIGINT', 'stop now SIGINT'],
  ] as const;
  for (const [signal, word] of asked) {
    service.kill(signal);
    if (signal === 'SIGUSR2') expect(await service.said()).toBe('caught');
    expect(await service.said()).toBe(word);
  }
  expect(service.errors).toBe('');
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s during the start ends it in order, with exit code 0',
  async (signal) => {
    const service = await Running.start(SERVICE);
    service.kill(signal);
    expect(await service.said()).toBe('cleaned up');
    expect(await service.exited).toEqual([0, null]);
  },
);

test('a SIGHUP during the start is remembered once; log signals have nothing to do', async () => {
  const service = await Running.start(SERVICE);
  for (const signal of ['SIGHUP', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) service.kill(signal);
  // Signals that wait come in the order of their numbers: SIGUSR2 is the last.
  expect(await service.said()).toBe('caught');
  service.write('ready');
  expect(await service.said()).toBe('reload');
  expect(await service.said()).toBe('ready');
  service.write('no more');
  expect(await service.said()).toBe('no more');
});

test('a worker goes on whatever reaches its process group, and starts no inspector', async () => {
  const worker = await Running.start(WORKER);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE'] as const) {
    worker.kill(signal);
    worker.write(signal);
    expect(await worker.said()).toBe(signal);
  }
  expect(worker.errors).toBe('');
});
