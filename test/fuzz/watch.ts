/** Runs one target in a process of its own, and notices when it fails, hangs or dies. */
import { fork } from 'node:child_process';
import { dirname } from 'node:path';
import type { Progress } from './loop.ts';
import type { Order, Report } from './messages.ts';
import { readRecord } from './record.ts';

/** For one input. */
const HANGS_MS = 10_000;
/** Until the first input: certificates, sockets. */
const BEGINS_MS = 60_000;
const LOOK_MS = 500;
/** Megabytes. */
const HEAP = '--max-old-space-size=512';

export interface Outcome {
  readonly progress: Progress;
  /** What went wrong, with which input. */
  readonly failure: { readonly text: string; readonly input: Buffer } | undefined;
}

/** @param program the bundle of `worker.ts` */
export function watch(
  program: string,
  order: Order,
  onProgress: (progress: Progress) => void,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let progress: Progress = { executions: 0, corpus: 0, blocks: 0 };
    let text: string | undefined;
    let failing: Buffer | undefined;
    let moved = { count: 0, at: Date.now() };
    // Whatever it leaves behind when it is killed goes with the record.
    const env = { ...process.env, TMPDIR: dirname(order.record) };
    const child = fork(program, [JSON.stringify(order)], { execArgv: [HEAP], env });
    const look = setInterval(() => {
      const { count } = readRecord(order.record);
      if (count !== moved.count) moved = { count, at: Date.now() };
      const patience = count === 0 ? BEGINS_MS : HANGS_MS;
      if (Date.now() - moved.at < patience) return;
      text ??= `it hangs: nothing happened for ${String(patience / 1000)} s`;
      child.kill('SIGKILL');
    }, LOOK_MS);
    child.on('message', (report: Report) => {
      if (report.kind === 'failed') {
        text ??= report.text;
        failing ??= Buffer.from(readRecord(order.record).input);
        return;
      }
      progress = report;
      if (report.kind === 'progress') onProgress(progress);
      // It has shrunk its input.
      else if (text !== undefined) failing = Buffer.from(readRecord(order.record).input);
    });
    child.on('exit', (code, signal) => {
      clearInterval(look);
      if (code !== 0) text ??= `the process died: ${signal ?? String(code)}`;
      const input = failing ?? Buffer.from(readRecord(order.record).input);
      resolve({ progress, failure: text === undefined ? undefined : { text, input } });
    });
  });
}
