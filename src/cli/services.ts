/** Chooses what a worker does, as its mode says. */
import { Relaying } from '../proxy/relaying.ts';
import { Storing } from '../proxy/storing.ts';
import { Spooling } from '../server/receiving.ts';
import type { Service, Surroundings } from '../server/service.ts';
import type { Settings } from '../settings/settings.ts';

/** @throws Error when what it needs is not installed */
export async function serviceOf(settings: Settings, around: Surroundings): Promise<Service> {
  const { mode } = settings;
  switch (mode.kind) {
    case 'receive':
      return new Spooling(mode, settings, around);
    case 'relay':
      return new Relaying(mode, settings, around);
    case 'store':
      return new Storing(mode, settings, around);
    case 'publish':
    case 'deliver':
    case 'sync': {
      // What it talks to JetStream with is large, and optional.
      const { jetStreamService } = await import('../jetstream/jetstream-service.ts');
      return jetStreamService(mode, settings, around);
    }
    default:
      return mode satisfies never;
  }
}
