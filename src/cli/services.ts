/** Chooses what a worker does, as its mode says. */
import { Relaying } from '../proxy/relaying.ts';
import { Storing } from '../proxy/storing.ts';
import { Spooling } from '../server/receiving.ts';
import type { Service, Surroundings } from '../server/service.ts';
import type { Settings } from '../settings/settings.ts';

export function serviceOf(settings: Settings, around: Surroundings): Service {
  const { mode } = settings;
  switch (mode.kind) {
    case 'receive':
      return new Spooling(mode, settings, around);
    case 'relay':
      return new Relaying(mode, settings, around);
    case 'store':
      return new Storing(mode, settings, around);
    default:
      return mode satisfies never;
  }
}
