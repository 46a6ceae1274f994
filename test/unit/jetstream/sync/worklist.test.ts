/** Names that wait to be settled. */
import { expect, test } from 'vitest';
import { Worklist } from '../../../../src/jetstream/sync/worklist.ts';

interface Work {
  readonly list: Worklist;
  /** In the order in which they were begun. */
  readonly begun: string[];
  /** Ends one that is in progress. */
  readonly end: (name: string) => Promise<void>;
}

function work(): Work {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const list = new Worklist((name) => {
    if (ends.has(name)) throw new Error('twice at a time');
    begun.push(name);
    return new Promise((resolve) => ends.set(name, resolve));
  });
  const end = async (name: string): Promise<void> => {
    const resolve = ends.get(name);
    ends.delete(name);
    resolve?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { list, begun, end };
}

test('begins eight at a time, those that somebody waits for first, and nothing before it is opened', async () => {
  const { list, begun, end } = work();
  for (let file = 0; file < 10; file++) list.add(String(file), 'other');
  expect(begun).toEqual([]);
  list.open();
  expect(begun).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  list.add('urgent');
  await end('0');
  await end('1');
  expect(begun.slice(8)).toEqual(['urgent', '8']);
});

test('never one twice at a time, but again when it was asked for meanwhile', async () => {
  const { list, begun, end } = work();
  list.open();
  list.add('a');
  list.add('a');
  list.add('b');
  expect(begun).toEqual(['a', 'b']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'a']);
  await end('a');
  expect(begun).toHaveLength(3);
});

test('a long delay ends when something happens, but not when all are looked over', () => {
  const { list, begun } = work();
  list.open();
  list.addLater('a', 60_000);
  list.add('a', 'other');
  expect(begun).toEqual([]);
  list.add('a');
  expect(begun).toEqual(['a']);
});

test('one that is delayed for a moment stays so, whoever asks', async () => {
  const { list, begun } = work();
  list.open();
  list.addLater('a', 50);
  list.add('a');
  expect(begun).toEqual([]);
  await expect.poll(() => begun).toEqual(['a']);
});

test('closing waits for what is in progress; opened again, it goes on', async () => {
  const { list, begun, end } = work();
  list.open();
  for (let file = 0; file < 9; file++) list.add(String(file));
  let isClosed = false;
  const closed = list.close().then(() => (isClosed = true));
  for (let file = 0; file < 8; file++) {
    expect(isClosed).toBe(false);
    await end(String(file));
  }
  await closed;
  expect(begun).toHaveLength(8);
  list.open();
  expect(begun.at(-1)).toBe('8');
});

test('pauses, and goes on by itself', async () => {
  const { list, begun } = work();
  list.open();
  list.pause(50);
  list.add('a');
  expect(begun).toEqual([]);
  await expect.poll(() => begun).toEqual(['a']);
});
