/** What the fuzzer and the process of a target say to each other. */
import type { Progress } from './loop.ts';
import type { Name } from './names.ts';

export interface Order {
  readonly target: Name;
  readonly seed: number;
  readonly seconds: number;
  /** Where the input that is being run is to be written. */
  readonly record: string;
  /** Run only what this file holds. */
  readonly input?: string | undefined;
}

export type Report =
  | ({ readonly kind: 'progress' } & Progress)
  /** It stopped by itself. */
  | ({ readonly kind: 'ended' } & Progress)
  /** Of the input that is recorded. */
  | { readonly kind: 'failed'; readonly text: string };
