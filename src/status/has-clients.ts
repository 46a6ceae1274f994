/** Tells the modes that listen from those that only fetch from JetStream. Pure. */
import type { StatusReport } from './report.ts';

/** Whether peers can connect: then there are connections, peers and refusals to tell of. */
export function hasClients({ mode }: Pick<StatusReport, 'mode'>): boolean {
  return mode !== 'deliver' && mode !== 'sync';
}
