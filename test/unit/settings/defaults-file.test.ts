/** /etc/default/tentacle_serverd: what counts in it, compared with what sh makes of the same file. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describe as inWords } from '../../../src/settings/assignment.ts';
import { parseDefaultsFile } from '../../../src/settings/defaults-file.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

function parse(content: string): ReturnType<typeof parseDefaultsFile> {
  return parseDefaultsFile(Buffer.from(content).toString('latin1'), 'F');
}

function value(content: string): string | undefined {
  return parse(content).extOpts?.value;
}

function problems(content: string): string[] {
  return parse(content).problems.map((problem) => `${problem.severity} ${inWords(problem)}`);
}

/** What a shell that sources the file has in the variable; undefined where it has none. */
function sourced(content: string): string | undefined {
  const file = join(temporaryDirectory(), 'defaults');
  writeFileSync(file, content);
  const output = execFileSync('sh', ['-c', '. "$1"; printf %s "${TENTACLE_EXT_OPTS-unset}"', 'sh', file], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  return output === 'unset' ? undefined : output;
}

describe('means what it means to sh', () => {
  test.each([
    ['', undefined],
    ['# TENTACLE_EXT_OPTS="-v"\n', undefined],
    ['TENTACLE_EXT_OPTS=', ''],
    ['TENTACLE_EXT_OPTS=""\n', ''],
    ["TENTACLE_EXT_OPTS=''\n", ''],
    ['TENTACLE_EXT_OPTS=-v', '-v'],
    ['  TENTACLE_EXT_OPTS=-v  # talkative\n', '-v'],
    ['TENTACLE_EXT_OPTS=-v#not', '-v#not'],
    ['TENTACLE_EXT_OPTS= # nothing\n', ''],
    ['export TENTACLE_EXT_OPTS="-p 1"\n', '-p 1'],
    ['export\tTENTACLE_EXT_OPTS="-p 1" # a port\n', '-p 1'],
    ['TENTACLE_EXT_OPTS="-p 1"\nexport TENTACLE_EXT_OPTS\n', '-p 1'],
    ['TENTACLE_EXT_OPTS="-p 1"\nTENTACLE_EXT_OPTS="-p 2"\n', '-p 2'],
    ['TENTACLE_EXT_OPTS="-p 1"\nTENTACLE_EXT_OPTS=\n', ''],
    ['OTHER="-p 1"\nTENTACLE_EXT_OPTS_2=1\n', undefined],
    [String.raw`TENTACLE_EXT_OPTS='-x "a\b$c#d"'`, String.raw`-x "a\b$c#d"`],
    ['TENTACLE_EXT_OPTS="-x \\"a\\$b\\\\c\\`d\\e"', '-x "a$b\\c`d\\e'],
    ['TENTACLE_EXT_OPTS="-x \\\\"', '-x \\'],
    ['TENTACLE_EXT_OPTS="-x pässwörd"', '-x pässwörd'],
  ])('%j', (content, expected) => {
    expect(value(content)).toBe(expected);
    expect(problems(content)).toEqual([]);
    expect(sourced(content)).toBe(expected);
  });

  test('whatever is read without a problem', () => {
    const unit = fc.constantFrom('a', 'b', ' ', '-', '\t', '#', "'", '"', '\\', '$', '`', ';', '=', 'é');
    const content = fc.array(fc.string({ unit, maxLength: 12 }), { minLength: 20, maxLength: 20 });
    const silent = (text: string): boolean => parse(`TENTACLE_EXT_OPTS=${text}`).problems.length === 0;
    let compared = 0;
    fc.assert(
      fc.property(content, (texts) => {
        for (const text of texts.flatMap((one) => [one, `"${one}"`, `'${one}'`]).filter(silent)) {
          compared++;
          expect(value(`TENTACLE_EXT_OPTS=${text}`)).toBe(sourced(`TENTACLE_EXT_OPTS=${text}`));
        }
      }),
      { numRuns: 10 },
    );
    expect(compared).toBeGreaterThan(50);
  });

  test('but for the carriage returns of another system', () => {
    expect(value('TENTACLE_EXT_OPTS="-v"\r\nOTHER=1\r\n')).toBe('-v');
  });
});

describe('what cannot mean the same', () => {
  const quote = 'TENTACLE_EXT_OPTS: put the whole value in one pair of quotes';

  test.each(['-p 1', 'a"b"', '"a"b', '"a" b', "'a''b'", '-x\\ a', '$HOME', 'a;b', '`id`', '"a"#b'])(
    'is refused: %s',
    (text) => {
      expect(problems(`\nTENTACLE_EXT_OPTS=${text}`)).toEqual([`error F:2: ${quote}`]);
      expect(value(`TENTACLE_EXT_OPTS=${text}`)).toBeUndefined();
    },
  );

  test.each(['"-v', "'-v", '"-v\\"', '"', '"-v\n"'])('a quote that is never closed: %j', (text) => {
    expect(problems(`TENTACLE_EXT_OPTS=${text}`)[0]).toBe('error F:1: a quote is never closed on this line');
    expect(problems(`OTHER=${text}`)[0]).toBe('error F:1: a quote is never closed on this line');
  });

  test.each(['$HOME', '${HOME}', '$(id)', '`id`', '\\\\$HOME'])('a shell would expand: %s', (text) => {
    const found = 'warning F:1: a shell would expand the $ or ` in it; here it stands for itself';
    expect(problems(`TENTACLE_EXT_OPTS="-x ${text}"`)).toEqual([found]);
    expect(value(`TENTACLE_EXT_OPTS="${text}"`)).toBe(text.replace('\\\\', '\\'));
    expect(problems(`OTHER="${text}"`)).toEqual([]);
  });

  test.each(['$', '$ a', '.*\\.data$:x'])('a dollar that a shell leaves alone: %s', (text) => {
    expect(problems(`TENTACLE_EXT_OPTS="${text}"`)).toEqual([]);
    expect(sourced(`TENTACLE_EXT_OPTS="${text}"`)).toBe(text);
  });

  test('other lines are told, other variables are not our business', () => {
    expect(problems('TENTACLE_EXT_OPTS = 1\n. /etc/x\nulimit -n 9\n')).toEqual(
      [1, 2, 3].map((line) => `warning F:${String(line)}: ignored: not NAME=value`),
    );
    expect(problems('A=$(date)\nB=a b\nC="a"$b\n')).toEqual([]);
  });

  test('bytes that are no text', () => {
    const { problems: found } = parseDefaultsFile('TENTACLE_EXT_OPTS="-x \xff"', 'F');
    expect(found).toMatchObject([{ severity: 'error', source: 'F:1' }]);
  });

  test('no secret is in any problem', () => {
    const content = ['-x hunter2', '"-x hunter2', '"-x $hunter2"', '-x "hunter2"'];
    const shown = content.flatMap((text) => problems(`TENTACLE_EXT_OPTS=${text}`));
    expect(shown).toHaveLength(4);
    expect(shown.join()).not.toContain('hunter2');
  });
});

test('never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(parseDefaultsFile(Buffer.from(bytes).toString('latin1'), 'F').problems).toBeDefined();
    }),
  );
});
