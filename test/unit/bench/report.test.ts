/** What is made of the figures of a benchmark. */
import { expect, test } from 'vitest';
import { chart, charted } from '../../bench/chart.ts';
import { withPart } from '../../bench/readme.ts';
import { conditions, resultTable } from '../../bench/report.ts';
import { judge, type Result } from '../../bench/results.ts';
import { median, ratio } from '../../bench/statistics.ts';
import { markdown, round } from '../../bench/tables.ts';

const MACHINE = { processors: 2, model: 'A & B', kernel: '6.1', node: 'v20.19.0', fileSystem: 'ext4' };
const AGAINST_NGINX: Result = {
  ...{ key: 'plain', position: 0, title: '2 KB files', compares: 'with others', unit: 'files/s' },
  ...{ names: ['tentacle_server', 'nginx'], ours: [800, 1000, 900], other: [1000, 1000, 1000] },
  ...{ bar: 0.6, aim: 1, when: '2026-01-02T03:04:05.678Z', machine: MACHINE },
};
const MEMORY: Result = {
  ...{ ...AGAINST_NGINX, key: 'memory', position: 1, title: 'memory', compares: 'memory', unit: 'MB' },
  ...{ names: ['tentacle_server', ''], ours: [69, 71, 72], other: [], bar: 110, aim: 70 },
};
const MISSING: Result = { ...AGAINST_NGINX, other: [], missing: 'nginx is not installed' };

test('the median is one of the values, whatever their order', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([10, 9, 1000])).toBe(10);
});

test('two are compared round by round, not by their medians', () => {
  expect(ratio([10, 20, 90], [10, 40, 30])).toBe(1);
});

test('three digits count, and all in front of the point', () => {
  expect([round(12_345.6), round(12.345), round(0.012345)]).toEqual([12_346, 12.3, 0.0123]);
});

test('a ratio has a bar to reach, and a spread', () => {
  expect(judge(AGAINST_NGINX)).toEqual({
    ratio: { median: 0.9, low: 0.8, high: 1 },
    reachesBar: true,
    reachesAim: false,
  });
});

test('memory must stay below its bar', () => {
  expect(judge(MEMORY)).toEqual({ reachesBar: true, reachesAim: false });
  expect(judge({ ...MEMORY, ours: [111] })).toEqual({ reachesBar: false, reachesAim: false });
});

test('what was not measured is not judged', () => {
  expect(judge(MISSING)).toEqual({});
});

test('the table says who reached what', () => {
  expect(resultTable([AGAINST_NGINX, MEMORY, MISSING])).toBe(
    [
      '|            | this server |        compared with |          ratio |      bar |    aim |',
      '| ---------- | ----------: | -------------------: | -------------: | -------: | -----: |',
      '| 2 KB files | 900 files/s | nginx, 1,000 files/s | 0.9 (0.8 to 1) | 0.6: yes |  1: no |',
      '| memory     |       71 MB |      at most the bar |                | 110: yes | 70: no |',
      '| 2 KB files | 900 files/s |  nginx: not measured |                |   0.6: - |   1: - |',
    ].join('\n'),
  );
});

test('the conditions are said once', () => {
  expect(conditions([AGAINST_NGINX, MEMORY])).toBe(
    'Measured on 2026-01-02 in up to 3 rounds: 2 processors (A & B), Linux 6.1, Node v20.19.0, spools on ext4.',
  );
});

test('columns of a table are as wide as their widest cell', () => {
  expect(
    markdown([
      ['', 'n'],
      ['one', '10'],
    ]),
  ).toBe('|     |  n |\n| --- | -: |\n| one | 10 |');
});

test('only comparisons with others are drawn', () => {
  expect(charted([AGAINST_NGINX, MEMORY, MISSING])).toEqual([AGAINST_NGINX]);
});

test('the longer bar fills the space, and the other its share of it', () => {
  const svg = chart([{ ...AGAINST_NGINX, title: 'a < b' }]);
  const [ours = 0, other = 0] = [...svg.matchAll(/<rect .*width="(\d+)"/g)].map(([, width]) => Number(width));
  expect(ours / other).toBeCloseTo(0.9, 2);
  expect(svg).toContain('a &lt; b');
  expect(svg).toContain('>900 files/s<');
  expect(svg).toContain('prefers-color-scheme: dark');
});

const MARK = '<!-- made from the last results by `npm run this` -->\n<!-- prettier-ignore-start -->\n';

test('a table takes the place of the one before it, and nothing else changes', () => {
  const around = (table: string): string => `# A\n\n${MARK}\n${table}\n\n<!-- prettier-ignore-end -->\nB\n`;
  expect(withPart(around('| old |'), 'npm run this', '| new |')).toBe(around('| new |'));
  expect(() => withPart('# A\n', 'npm run this', '| new |')).toThrow('no place');
});
