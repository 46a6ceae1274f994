/** How much is logged. */

/**
 * `notice` (start, stop) and above are always logged, `event` (files, refusals) from `verbose 1`, `detail`
 * (connections, commands) from `verbose 2`.
 */
export type Level = 'silent' | 'error' | 'warning' | 'notice' | 'event' | 'detail';

/** pino's numbers: more is more urgent. */
export const LEVELS = { error: 50, warning: 40, notice: 30, event: 20, detail: 10 } as const;
