/** Proves that pauses grow, once for several failures at a time, and end when something succeeds. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GrowingPause, pauseMs } from '../../../src/proxy/growing-pause.ts';

test('pauses double up to the longest', () => {
  const limits = { firstMs: 1000, longestMs: 60_000 };
  const pauses = [1, 2, 3, 6, 7, 1000].map((failures) => pauseMs(failures, limits));
  expect(pauses).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
});

test('failures during a pause do not make it longer, those after it do, and a success ends all', async () => {
  const pause = new GrowingPause({ firstMs: 40, longestMs: 10_000 });
  expect(pause.leftMs).toBe(0);
  for (let failure = 0; failure < 10; failure++) pause.begin();
  expect(pause.leftMs).toBeLessThanOrEqual(40);
  const seen: number[] = [];
  for (let round = 0; round < 4; round++) {
    while (pause.leftMs > 0) await sleep(pause.leftMs);
    pause.begin();
    seen.push(pause.leftMs);
  }
  // 80, 160, 320, 640: at least half of each, a moment later.
  for (const [round, ms] of seen.entries()) {
    expect(ms).toBeGreaterThan(30 * 2 ** round);
    expect(ms).toBeLessThanOrEqual(80 * 2 ** round);
  }
  pause.end();
  expect(pause.leftMs).toBe(0);
});
