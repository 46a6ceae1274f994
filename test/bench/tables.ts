/** Shows what a comparison found. */
import { median, ratio } from './statistics.ts';

/** Something that a load is put on. */
export interface Lane {
  readonly name: string;
  readonly port: number;
}

export interface Rates extends Lane {
  /** One of each round; more is better. */
  readonly rates: number[];
}

/** The cells of a line by their headings; the name stands under ''. */
export type Row = Readonly<Record<string, string | number>>;

export interface Table {
  readonly title: string;
  readonly rows: readonly Row[];
}

/** Three digits that count, and all in front of the point. */
export function round(value: number): number {
  return value >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** The line of one of them, with how it fared against each. */
export function rateRow({ name, rates }: Rates, all: readonly Rates[]): Row {
  const against = all.map((other): [string, number] => [`/ ${other.name}`, round(ratio(rates, other.rates))]);
  return {
    '': name,
    median: round(median(rates)),
    low: round(Math.min(...rates)),
    high: round(Math.max(...rates)),
    ...Object.fromEntries(against),
  };
}

/** Prints a table and gives it for the record. */
export function show(title: string, rows: readonly Row[]): Table {
  console.log(`\n${title}`);
  console.table(Object.fromEntries(rows.map(({ '': name = '', ...row }) => [name, row])));
  return { title, rows: rows.map(({ '': name = '', ...row }) => ({ name, ...row })) };
}
