/** Chooses what a worker does, as its mode says. */
import { Relaying } from '../proxy/relaying.ts';
import { Receiving } from '../server/receiving.ts';
import type { Service, Surroundings } from '../server/service.ts';
import type { Settings } from '../settings/settings.ts';
import { DirectoryStore } from '../store/directory-store.ts';

export function serviceOf(settings: Settings, { log, elsewhere }: Surroundings): Service {
  const { mode } = settings;
  switch (mode.kind) {
    case 'receive':
      return new Receiving(
        { store: new DirectoryStore(mode.spool, elsewhere), rules: mode.rules },
        settings,
        log,
      );
    case 'relay':
      return new Relaying(mode, settings, log);
    case 'store':
      throw new Error('coming');
    default:
      return mode satisfies never;
  }
}
