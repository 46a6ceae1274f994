/** What of JetStream a mode has to do with. Pure. */
import type { JetStreamSettings, Mode, SpoolSettings } from '../../settings/settings.ts';

export interface Target {
  readonly settings: JetStreamSettings;
  /** Sub-directories that have buckets, as latin-1. */
  readonly directories: readonly string[];
  /** Where files wait while JetStream is away; undefined: then no work is done. */
  readonly queue: SpoolSettings | undefined;
}

/** Undefined: nothing. */
export function targetOf(mode: Mode): Target | undefined {
  switch (mode.kind) {
    case 'publish':
      return {
        settings: mode.jetstream,
        directories: mode.filters.map(({ directory }) => directory).filter((name) => name !== ''),
        queue: mode.spool,
      };
    case 'deliver':
      return { settings: mode.jetstream, directories: [], queue: undefined };
    case 'sync':
      return { settings: mode.jetstream, directories: mode.directories, queue: undefined };
    default:
      return undefined;
  }
}
