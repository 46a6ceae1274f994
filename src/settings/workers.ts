/** How many processes serve connections where the administrator leaves it to the server. */
import { availableParallelism } from 'node:os';
import type { ServerValues } from './options.ts';

/** Where a second one helps, it does; further ones are for who has measured: each takes some 20 MB. */
const MOST = 2;

/** `workers`, or what suits: limits by address are exact with one only, since each worker keeps its share. */
export function workersOf(values: ServerValues['values'], processors = availableParallelism()): number {
  if (values.workers > 0) return values.workers;
  const limits = [values.max_connections_per_ip, values.max_rate_per_ip, values.max_bytes_per_ip];
  return limits.some((limit) => limit > 0) ? 1 : Math.min(processors, MOST);
}
