/** What the log hears of readiness. */
import { expect, test } from 'vitest';
import { ReadinessLog } from '../../../src/status/readiness-log.ts';

test('a check that fails is told of once when it lasts, and once when it passes again', () => {
  const lines: string[] = [];
  const tell = (level: string) => (message: string | (() => string)) => {
    lines.push(`${level} ${typeof message === 'string' ? message : message()}`);
  };
  const log = new ReadinessLog({ error: tell('error'), notice: tell('notice') });
  const look = (ok: boolean, now: number): void => {
    log.look(
      [
        { name: 'workers', ok: true, text: '2 serve' },
        { name: 'spool', ok, text: ok ? '/s can be written' : '/s is full' },
      ],
      now,
    );
  };
  // At the start, and for a moment: nothing.
  look(false, 0);
  look(false, 4000);
  look(true, 6000);
  expect(lines).toEqual([]);
  for (const now of [10_000, 12_000, 15_000, 17_000]) look(false, now);
  expect(lines).toEqual(['error Not ready: spool: /s is full']);
  look(true, 33_000);
  look(true, 35_000);
  expect(lines.slice(1)).toEqual(['notice Passes again after 23 seconds: spool: /s can be written']);
});
