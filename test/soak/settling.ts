/** Waits until everything is as before the clients came, and says what is not when that takes too long. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Census, type Holding, takeCensus } from './census.ts';
import { leftIn } from './data-server.ts';
import type { Ledger } from './ledger.ts';
import type { Field } from './field.ts';
import type { Site } from './site.ts';

/** Over the drain_timeout of the last reload, and every idle limit. */
const SETTLE_MS = 90_000;
const LOOK_MS = 500;
const MOST_NAMED = 5;

/** @returns what is still not settled; nothing when all is well */
export async function settle(field: Field, ledger: Ledger, before: Census): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const open = unsettled(field, ledger, before);
    if (open.length === 0 || performance.now() > deadline) return open;
    await pause(LOOK_MS);
  }
}

function unsettled(field: Field, ledger: Ledger, before: Census): readonly string[] {
  const left = field.folders.flatMap(leftIn);
  const now = takeCensus(field.sites);
  return [
    ...named('acknowledged, and never seen', ledger.awaited),
    ...named('left in a spool', left),
    ...field.sites.flatMap(({ name }) => descriptorsOver(of(before, name), of(now, name))),
  ];
}

function named(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  return [`${what}: ${String(names.length)} files, such as ${names.slice(0, MOST_NAMED).join(', ')}`];
}

/** The processes of a site, those with the fewest descriptors first in their role. */
function of({ holdings }: Census, site: string): readonly Holding[] {
  return holdings
    .filter((holding) => holding.site === site)
    .sort((a, b) => a.role.localeCompare(b.role) || a.open.length - b.open.length);
}

/** Compares like with like; after a reload other workers are there, in whatever order. */
function descriptorsOver(before: readonly Holding[], now: readonly Holding[]): readonly string[] {
  const site = before[0]?.site ?? '';
  if (before.length !== now.length) {
    return [`${site}: ${String(now.length)} processes, and ${String(before.length)} at the start`];
  }
  return now.flatMap(({ role, open }, index) => {
    const earlier = before[index]?.open ?? [];
    if (open.length <= earlier.length) return [];
    return [
      `${site}: a ${role} has ${String(open.length)} descriptors, and ${String(earlier.length)} at the start: ${kinds(open)}; at the start: ${kinds(earlier)}`,
    ];
  });
}

/** `socket` 12, `pipe` 2, `/some/file` 1. */
function kinds(open: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const each of open) {
    const kind = each.replace(/:\[\d+\]$/, '');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${kind} ${String(count)}`).join(', ');
}

/** Stops every server. @returns what was not as it should be, their logs included */
export async function stopAll(sites: readonly Site[]): Promise<readonly string[]> {
  const codes = await Promise.all(sites.map(async (site) => [site.name, await site.stop()] as const));
  return [
    ...codes
      .filter(([, code]) => code !== 0)
      .map(([name, code]) => `${name} ended with code ${String(code)}`),
    ...sites.flatMap(({ name, log }) => complaints(log).map((line) => `log of ${name}: ${line}`)),
  ];
}

/** What a server says of itself, rather than of its clients. */
function complaints(log: string): readonly string[] {
  return log.split('\n').filter((line) => /\bWorker \d+|new worker/i.test(line));
}
