/** One worker at a time leads, and none is forgotten. */
import { expect, test } from 'vitest';
import { Lead } from '../../../src/server/lead.ts';

class Worker {
  led = 0;
  lead(): void {
    this.led++;
  }
}

test('the first one leads, and the next one only when it has resigned or is gone', () => {
  const lead = new Lead();
  const [old, young] = [new Worker(), new Worker()];
  lead.join(old);
  lead.join(young);
  expect([old.led, young.led]).toEqual([1, 0]);
  lead.retire(old);
  expect([old.led, young.led]).toEqual([1, 0]);
  lead.leave(old);
  expect([old.led, young.led]).toEqual([1, 1]);
});

test('one that comes to its end never leads again', () => {
  const lead = new Lead();
  const [first, second, third] = [new Worker(), new Worker(), new Worker()];
  for (const worker of [first, second, third]) lead.join(worker);
  lead.retire(second);
  lead.leave(first);
  lead.leave(first);
  expect([first.led, second.led, third.led]).toEqual([1, 0, 1]);
});

test('without anybody left, the next one that comes leads', () => {
  const lead = new Lead();
  const [gone, later] = [new Worker(), new Worker()];
  lead.join(gone);
  lead.leave(gone);
  lead.join(later);
  expect(later.led).toBe(1);
});
