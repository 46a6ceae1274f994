/** What we use of pino-roll, which brings no types. */
declare module 'pino-roll' {
  import type { EventEmitter } from 'node:events';

  export interface RollOptions {
    readonly file: string;
    /** `10485760b`: bytes. */
    readonly size?: string;
    readonly frequency?: 'daily' | 'hourly';
    readonly dateFormat?: string;
    readonly sync: boolean;
    readonly mode: number;
    readonly contentMode: 'buffer';
  }

  /** A SonicBoom. */
  export interface RollingStream extends EventEmitter {
    readonly file: string;
    readonly write: (lines: Buffer) => unknown;
    readonly reopen: () => void;
    readonly destroy: () => void;
  }

  export default function roll(options: RollOptions): Promise<RollingStream>;
}
