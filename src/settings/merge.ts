/** Merges assignments by precedence and gives each token the type that its row says. Pure. */
import { type Assignment, error, type Problem, type Source, textOf, warning } from './assignment.ts';
import { type OptionRow, parseSize, sizeText, type ValuesOf } from './option-row.ts';
import { Secret } from './secret.ts';

export interface Merged<R extends OptionRow> {
  /** Tokens with a problem have their default here. */
  readonly values: ValuesOf<R>;
  /** Where each value comes from; `default` where nobody gave one. */
  readonly sources: Readonly<Record<R['token'], Source>>;
  readonly problems: readonly Problem[];
}

/** @param assignments in ascending precedence: of several for one token the last one counts */
export function mergeAssignments<const R extends OptionRow>(
  rows: readonly R[],
  assignments: readonly Assignment[],
): Merged<R> {
  const given = new Map(assignments.map((assignment) => [assignment.token, assignment]));
  const problems: Problem[] = [];
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const row of rows) {
    const assignment = given.get(row.token);
    // An empty value is no value: on the command line it takes back what the file says.
    const present = assignment !== undefined && assignment.value !== '';
    const before = problems.length;
    values[row.token] = present ? typed(row, assignment, problems) : row.default;
    const refused = problems.slice(before).some(({ severity }) => severity === 'error');
    const source = present ? assignment.source : 'default';
    sources[row.token] = refused ? `refused: ${source}` : source;
    if (assignment?.value === '' && mustNotBeEmpty(row)) {
      // An unset shell variable, most likely: TLS must not go off unnoticed.
      problems.push(error(assignment.source, `${row.token} is given, but empty`));
    }
  }
  return {
    values: values as ValuesOf<R>,
    sources: sources as Record<R['token'], Source>,
    problems,
  };
}

function mustNotBeEmpty(row: OptionRow): boolean {
  return row.type === 'path' || row.type === 'absolute path' || ('guards' in row && row.guards);
}

function typed(row: OptionRow, assignment: Assignment, problems: Problem[]): unknown {
  const { value, source } = assignment;
  const fail = (text: string): unknown => {
    problems.push(error(source, `${row.token} ${text}`));
    return row.default;
  };
  switch (row.type) {
    case 'boolean':
      if (value !== '0' && value !== '1') {
        problems.push(warning(source, `${row.token}: only 1 means yes; "${textOf(value)}" is taken as 0`));
      }
      return value === '1';
    case 'integer':
    case 'octal': {
      const base = row.type === 'octal' ? 8 : 10;
      if (!(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(value)) {
        return fail(`must be ${base === 8 ? 'an octal number' : 'a whole number'}, not "${textOf(value)}"`);
      }
      const number = parseInt(value, base);
      if (number >= row.min && number <= row.max) return number;
      return fail(`must be from ${row.min.toString(base)} to ${row.max.toString(base)}, not ${value}`);
    }
    case 'size': {
      const bytes = parseSize(value);
      if (bytes === undefined) return fail(`must be a size such as 500k, 10m or 1g, not "${textOf(value)}"`);
      if (bytes >= row.min && bytes <= row.max) return bytes;
      return fail(`must be from ${sizeText(row.min)} to ${sizeText(row.max)}, not ${value}`);
    }
    case 'absolute path':
      if (assignment.typed || value.startsWith('/')) return value;
      return fail(`must be an absolute path, not "${textOf(value)}": the daemon leaves its directory`);
    case 'text':
      if (row.choices === undefined || row.choices.includes(value)) return value;
      return fail(`must be ${row.choices.join(' or ')}, not "${textOf(value)}"`);
    case 'path':
    case 'bytes':
      return value;
    case 'secret':
      return new Secret(value);
    default:
      return row satisfies never;
  }
}
