/** The process that runs one target; its parent watches it. */
import { readFileSync } from 'node:fs';
import { Coverage } from './coverage.ts';
import { Loop } from './loop.ts';
import type { Order, Report } from './messages.ts';
import { recordTo } from './record.ts';
import { TARGETS } from './targets.ts';

const PROGRESS_MS = 1000;

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
process.on('disconnect', () => process.exit(1));
process.on('uncaughtException', (error) => {
  end({ kind: 'failed', text: `uncaught: ${error.stack ?? error.message}` });
});
process.on('unhandledRejection', (reason) => {
  end({
    kind: 'failed',
    text: `unhandled rejection: ${reason instanceof Error ? (reason.stack ?? '') : String(reason)}`,
  });
});

function tell(report: Report): void {
  process.send?.(report);
}

function end(report: Report): void {
  process.send?.(report, () => process.exit(0));
}

async function work(): Promise<void> {
  const coverage = new Coverage(import.meta.url);
  const target = await TARGETS[order.target]();
  const loop = new Loop({ target, coverage, seed: order.seed, record: recordTo(order.record) });
  try {
    if (order.input !== undefined) await loop.execute(readFileSync(order.input));
    else await runFor(loop, order.seconds * 1000);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    tell({ kind: 'failed', text });
    if (order.input === undefined) await loop.shrink(loop.last);
    end({ kind: 'ended', ...loop.progress });
    return;
  }
  await target.close();
  end({ kind: 'ended', ...loop.progress });
}

async function runFor(loop: Loop, ms: number): Promise<void> {
  const until = Date.now() + ms;
  let next = 0;
  await loop.begin();
  while (Date.now() < until) {
    await loop.step();
    // Sockets and messages get their turn.
    await new Promise(setImmediate);
    if (Date.now() < next) continue;
    tell({ kind: 'progress', ...loop.progress });
    next = Date.now() + PROGRESS_MS;
  }
}

void work().catch((error: unknown) => {
  end({ kind: 'failed', text: String(error) });
});
