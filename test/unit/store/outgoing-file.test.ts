/** Proves that a file is given out whole or not to its end, and deleted only if it is still the same. */
import {
  appendFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  existsSync,
  linkSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FileChanged } from '../../../src/protocol/errors.ts';
import { OutgoingFile } from '../../../src/store/outgoing-file.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const SIZE = 200_000;

async function opened(
  content = Buffer.alloc(SIZE, 'abcdefg'),
): Promise<{ path: string; file: OutgoingFile }> {
  const path = join(temporaryDirectory(), 'a');
  writeFileSync(path, content);
  // Of yesterday, so that a change shows in the time of change, however coarse the clock.
  utimesSync(path, new Date(), new Date(Date.now() - 86_400_000));
  const file = await OutgoingFile.open(Buffer.from(path));
  return { path, file };
}

async function collect(file: OutgoingFile): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.content()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test.each([0, 1, 65_536, 65_537, SIZE])('a file of %i bytes is given out whole, and again', async (size) => {
  const content = Buffer.alloc(size, 'abcdefg');
  const { file } = await opened(content);
  expect(file.size).toBe(size);
  for (let pass = 0; pass < 2; pass++) expect((await collect(file)).equals(content)).toBe(true);
  await file.close();
});

test.each([
  [
    'truncated',
    (path: string) => {
      truncateSync(path, 70_000);
    },
  ],
  [
    'emptied',
    (path: string) => {
      truncateSync(path, 0);
    },
  ],
  [
    'appended to',
    (path: string) => {
      appendFileSync(path, 'x');
    },
  ],
  [
    'rewritten at the same size',
    (path: string) => {
      writeFileSync(path, Buffer.alloc(SIZE, 'z'));
    },
  ],
])('W13 a file that is %s while it is read does not give out its last byte', async (_how, change) => {
  const { path, file } = await opened();
  let given = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of file.content()) {
      if (given === 0) change(path);
      given += chunk.length;
    }
  };
  await expect(read()).rejects.toThrow(FileChanged);
  expect(given).toBeLessThan(SIZE);
  await file.close();
});

test('W13 a file that changes between two passes is not given out again', async () => {
  const { path, file } = await opened(Buffer.from('abc'));
  await collect(file);
  writeFileSync(path, 'xyz');
  await expect(collect(file)).rejects.toThrow(FileChanged);
  await file.close();
});

test('a file that is deleted or replaced while it is read is given out as it was', async () => {
  const { path, file } = await opened();
  writeFileSync(`${path}.new`, 'other');
  renameSync(`${path}.new`, path);
  expect((await collect(file)).equals(Buffer.alloc(SIZE, 'abcdefg'))).toBe(true);
  await file.close();
});

test('a file that is closed is closed once, after what is being read, and then gives out nothing', async () => {
  const { file } = await opened();
  const content = file.content();
  const reading = content.next();
  await Promise.all([file.close(), file.close()]);
  expect((await reading).value).toHaveLength(65_536);
  await expect(content.next()).rejects.toThrow('the file is closed');
});

test('W16 remove deletes the file, once', async () => {
  const { path, file } = await opened();
  await file.close();
  expect(await file.remove()).toBe(true);
  expect(existsSync(path)).toBe(false);
  expect(await file.remove()).toBe(false);
});

test('W16 remove leaves another file of the same name', async () => {
  const { path, file } = await opened();
  writeFileSync(`${path}.new`, 'other');
  renameSync(`${path}.new`, path);
  expect(await file.remove()).toBe(false);
  expect(existsSync(path)).toBe(true);
  await file.close();
});

test('W16 remove leaves a file that was written to since: nobody was given its new content', async () => {
  const { path, file } = await opened(Buffer.from('sent'));
  await collect(file);
  writeFileSync(path, 'not sent yet');
  expect(await file.remove()).toBe(false);
  expect(existsSync(path)).toBe(true);
  await file.close();
});

test('W16 remove leaves a new file that was given the inode of the one that was sent', async () => {
  const { path, file } = await opened(Buffer.from('sent'));
  // Some file systems give a free inode to the next file; here by hand: the same inode, a new file.
  linkSync(path, `${path}.inode`);
  await file.close();
  rmSync(path);
  writeFileSync(`${path}.inode`, 'new');
  renameSync(`${path}.inode`, path);
  expect(await file.remove()).toBe(false);
  expect(existsSync(path)).toBe(true);
});

test('W16 of two who remove the same file at once, one did and the other is told so', async () => {
  const { path, file } = await opened();
  const other = await OutgoingFile.open(Buffer.from(path));
  onTestFinished(async () => {
    await file.close();
    await other.close();
  });
  const outcomes = await Promise.all([file.remove(), other.remove()]);
  expect(outcomes.sort()).toEqual([false, true]);
});
