/** A value that somebody gave to a token, and where; and what is wrong with it. */

/** Where a value comes from, as it is shown to people: `tentacle_server.conf:12`, `-p`, `default`. */
export type Source = string;

export interface Assignment {
  /** Of the option table that is being filled. */
  readonly token: string;
  /** Bytes as latin-1, as names on the wire are: a password or filter need not be UTF-8. */
  readonly value: string;
  readonly source: Source;
  /** Whether relative paths count from the current directory: only where a person typed them (the guide insists). */
  readonly typed: boolean;
}

export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly source: Source;
  /** What happened, to what, what to do. */
  readonly text: string;
  /** What it is known by where its text changes from day to day; between two reloads whoever has an eye on the clock tells it. */
  readonly key?: string;
}

export function error(source: Source, text: string): Problem {
  return { severity: 'error', source, text };
}

export function warning(source: Source, text: string): Problem {
  return { severity: 'warning', source, text };
}

/** What tells it from others, however it is worded today. */
export function keyOf(problem: Problem): string {
  return problem.key ?? describe(problem);
}

/** The problem as one line for a person. */
export function describe(problem: Problem): string {
  return problem.source === '' ? problem.text : `${problem.source}: ${problem.text}`;
}

const OUTER_BLANKS = /^[ \t\r\n\f\v]+|[ \t\r\n\f\v]+$/g;

/** Bytes without blanks around them; String.trim would also take 0xA0, the end of many a UTF-8 letter. */
export function trimBlanks(bytes: string): string {
  return bytes.replace(OUTER_BLANKS, '');
}

/** Text that Node decoded as UTF-8, as the bytes it was. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes, as the text that a person wrote; file names for the system go this way too. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
