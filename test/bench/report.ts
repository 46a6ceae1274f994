/** Says what rows of the benchmark found, in one table. */
import { judge, type Result } from './results.ts';
import { median } from './statistics.ts';
import { markdown, round } from './tables.ts';

const HEADINGS = ['', 'this server', 'compared with', 'ratio', 'bar', 'aim'];

/** A figure as people read it. */
export function figure(value: number): string {
  return round(value).toLocaleString('en');
}

function spread(low: number, high: number): string {
  if (low === high) return '';
  return `(${figure(low)} to ${figure(high)})`;
}

function target(value: number | undefined, isReached: boolean | undefined): string {
  if (value === undefined) return '';
  return `${figure(value)}: ${isReached === undefined ? '-' : isReached ? 'yes' : 'no'}`;
}

function comparison({ unit, names, ours, other, missing, bar }: Result): string {
  if (missing !== undefined) return `${names[1]}: not measured`;
  if (other.length > 0) return `${names[1]}, ${figure(median(other))} ${unit}`;
  return bar === undefined ? spread(Math.min(...ours), Math.max(...ours)) : 'at most the bar';
}

function line(result: Result): string[] {
  const { title, unit, ours, bar, aim } = result;
  const { ratio, reachesBar, reachesAim } = judge(result);
  const ratioCell = ratio && `${figure(ratio.median)} ${spread(ratio.low, ratio.high)}`.trim();
  const own = `${figure(median(ours))} ${unit}`;
  return [title, own, comparison(result), ratioCell ?? '', target(bar, reachesBar), target(aim, reachesAim)];
}

export function resultTable(results: readonly Result[]): string {
  return markdown([HEADINGS, ...results.map(line)]);
}

/** The conditions, in one sentence each. */
export function conditions(results: readonly Result[]): string {
  const days = [...new Set(results.map(({ when }) => when.slice(0, 10)))].sort();
  const machines = results.map(
    ({ machine: { processors, model, kernel, node, fileSystem } }) =>
      `${String(processors)} processors (${model}), Linux ${kernel}, Node ${node}, spools on ${fileSystem}`,
  );
  const rounds = Math.max(...results.map(({ ours }) => ours.length));
  return `Measured on ${days.join(', ')} in up to ${String(rounds)} rounds: ${[...new Set(machines)].join('; ')}.`;
}
