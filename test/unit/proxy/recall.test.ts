/** A recall is heard as an AbortSignal is. */
import { expect, test } from 'vitest';
import { Recall } from '../../../src/proxy/recall.ts';

function counted(): { readonly hear: () => void; readonly times: () => number } {
  let times = 0;
  return { hear: () => times++, times: () => times };
}

test('those that listen hear of it once, and those that went do not', () => {
  const recall = new Recall();
  const [first, second, gone] = [counted(), counted(), counted()];
  for (const { hear } of [first, gone, second]) recall.addEventListener('abort', hear);
  recall.removeEventListener('abort', gone.hear);
  recall.abort(new Error('over'));
  recall.abort(new Error('again'));
  expect([first.times(), second.times(), gone.times()]).toEqual([1, 1, 0]);
});

test('one that stops listening while it is heard keeps nobody else from hearing', () => {
  const recall = new Recall();
  const last = counted();
  const first = (): void => {
    recall.removeEventListener('abort', first);
  };
  recall.addEventListener('abort', first);
  recall.addEventListener('abort', last.hear);
  recall.abort(new Error('over'));
  expect(last.times()).toBe(1);
});

test('it keeps its first reason, and throws it', () => {
  const recall = new Recall();
  expect(recall.aborted).toBe(false);
  recall.throwIfAborted();
  const reason = new Error('over');
  recall.abort(reason);
  recall.abort(new Error('again'));
  expect([recall.aborted, recall.reason]).toEqual([true, reason]);
  expect(() => {
    recall.throwIfAborted();
  }).toThrow(reason);
});
