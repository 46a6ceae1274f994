/** What was delivered is known after a crash, whatever became of the last line, and the file stays small. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.ts';
import { DeliveredJournal, type Prepared, unfinishedIn } from '../../../src/store/delivered-journal.ts';
import { JOURNAL } from '../../../src/settings/journal-name.ts';

const prepared: Prepared = {
  key: '7.1700000000000000007',
  id: 'bmFtZQ.abc',
  staged: '.tentacle.a.b.c.1.2.0.part',
  name: 'gr\xfcn und blau.data',
  digest: 'A'.repeat(43),
};

test('it knows what was delivered, by message and by id, after it was opened again', async () => {
  const directory = temporaryDirectory();
  const first = await DeliveredJournal.open(directory);
  await first.add({ key: '1.100', id: 'an id\nwith all sorts %' });
  await first.add({ key: '2.200', id: undefined });
  await first.close();
  const second = await DeliveredJournal.open(directory);
  expect([second.has('1.100'), second.has('2.200'), second.has('1.200')]).toEqual([true, true, false]);
  expect([second.keyOf('an id\nwith all sorts %') !== undefined, second.keyOf('-')]).toEqual([
    true,
    undefined,
  ]);
  await second.close();
});

test('a line that was torn by a crash is forgotten, and spoils none behind it', async () => {
  const directory = temporaryDirectory();
  const first = await DeliveredJournal.open(directory);
  await first.add({ key: '1.100', id: 'a' });
  await first.add({ key: '2.200', id: 'b' });
  await first.close();
  const path = join(directory, JOURNAL);
  writeFileSync(path, readFileSync(path).subarray(0, -3));
  const second = await DeliveredJournal.open(directory);
  expect([second.has('1.100'), second.has('2.200')]).toEqual([true, false]);
  await second.add({ key: '3.300', id: 'c' });
  await second.close();
  appendFileSync(path, `${'\0'.repeat(100)}\nd \xff\n`, 'latin1');
  const third = await DeliveredJournal.open(directory);
  expect([third.has('1.100'), third.has('2.200'), third.has('3.300')]).toEqual([true, false, true]);
  await third.close();
});

test('what was prepared and not delivered is told at the next start, until it is given up or delivered', async () => {
  const directory = temporaryDirectory();
  const first = await DeliveredJournal.open(directory);
  await first.prepare(prepared);
  await first.prepare({ ...prepared, key: '8.1', staged: 'rejected/.tentacle.x.part' });
  await first.prepare({ ...prepared, key: '9.1', staged: '.tentacle.y.part' });
  await first.add({ key: '9.1', id: undefined });
  await first.close();
  expect(await unfinishedIn(directory)).toEqual(new Set([prepared.staged, '.tentacle.x.part']));
  const second = await DeliveredJournal.open(directory);
  expect(second.unfinished).toEqual([
    prepared,
    { ...prepared, key: '8.1', staged: 'rejected/.tentacle.x.part' },
  ]);
  second.giveUp('8.1');
  expect(second.unfinished).toEqual([prepared]);
  await second.close();
});

test('it remembers so many, and its file does not grow for ever', async () => {
  const directory = temporaryDirectory();
  const journal = await DeliveredJournal.open(directory, 100);
  const add = async (number: number): Promise<void> => {
    const key = `${String(number)}.1`;
    await journal.prepare({ ...prepared, key, id: `id ${String(number)}` });
    await journal.add({ key, id: `id ${String(number)}` });
  };
  for (let block = 0; block < 50; block++)
    await Promise.all(Array.from({ length: 40 }, (_, index) => add(block * 40 + index)));
  expect([journal.has('1899.1'), journal.has('1900.1'), journal.has('1999.1')]).toEqual([false, true, true]);
  expect([journal.keyOf('id 1899'), journal.keyOf('id 1999') !== undefined]).toEqual([undefined, true]);
  await journal.close();
  expect(statSync(join(directory, JOURNAL)).size).toBeLessThan(600 * 200);
  const again = await DeliveredJournal.open(directory, 100);
  // However it was rewritten meanwhile, none of the last ones is missing.
  for (let number = 1900; number < 2000; number++) expect(again.has(`${String(number)}.1`)).toBe(true);
  expect(again.unfinished).toEqual([]);
  await again.close();
});
