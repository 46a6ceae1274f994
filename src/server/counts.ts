/** Counts what happened, by listening to what is logged of it. */
import type { Fields, Logger } from '../log/logger.ts';

export interface Counts {
  /** Connections open now. */
  readonly open: number;
  /** Connections served since the start, those open included. */
  readonly connections: number;
  readonly filesReceived: number;
  readonly bytesReceived: number;
  readonly filesSent: number;
  /** To an upstream, by a proxy that stores. */
  readonly filesForwarded: number;
  /** Commands refused. */
  readonly refused: number;
  /** Connections refused for their address. */
  readonly turnedAway: number;
}

export const NOTHING: Counts = {
  open: 0,
  connections: 0,
  filesReceived: 0,
  bytesReceived: 0,
  filesSent: 0,
  filesForwarded: 0,
  refused: 0,
  turnedAway: 0,
};

export function sum(all: Iterable<Counts>): Counts {
  const total: Record<keyof Counts, number> = { ...NOTHING };
  for (const counts of all) {
    for (const key of Object.keys(NOTHING) as (keyof Counts)[]) total[key] += counts[key];
  }
  return total;
}

/** Every event is logged exactly once, at whatever level: so the log is where it can be counted. */
export class Counter {
  readonly #counts: { -readonly [Key in keyof Counts]: number } = { ...NOTHING };

  /** What happened so far. @param open connections open now */
  counts(open: number): Counts {
    return { ...this.#counts, open };
  }

  /** The same logger, with every line counted, shown or not. */
  counting(log: Logger): Logger {
    const counted =
      (write: Logger['event']): Logger['event'] =>
      (message, fields) => {
        this.#count(fields);
        write(message, fields);
      };
    return {
      error: counted(log.error),
      warning: counted(log.warning),
      notice: counted(log.notice),
      event: counted(log.event),
      detail: counted(log.detail),
    };
  }

  #count(fields: Fields | undefined): void {
    const counts = this.#counts;
    switch (fields?.event) {
      case 'connected':
        counts.connections++;
        break;
      case 'received':
        counts.filesReceived++;
        counts.bytesReceived += Number(fields.bytes);
        break;
      case 'sent':
        counts.filesSent++;
        break;
      case 'forwarded':
        counts.filesForwarded++;
        break;
      case 'refused':
        counts.refused++;
        break;
      case 'turned away':
        counts.turnedAway++;
        break;
      default:
    }
  }
}
