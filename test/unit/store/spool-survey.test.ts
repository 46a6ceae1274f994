/** What a look over a spool finds. */
import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SpoolSurvey } from '../../../src/store/spool-survey.ts';
import { temporarySpool } from '../../support/temporary.ts';

test('regular files that are not hidden, directly in it', async () => {
  const spool = temporarySpool('conf');
  expect(await new SpoolSurvey(spool).contents()).toEqual({ files: 0, bytes: 0, oldestMs: undefined });
  for (const name of ['a.data', 'b.data', '.tentacle.x.part', 'conf/c.conf'])
    writeFileSync(join(spool, name), '12345');
  symlinkSync('/etc/passwd', join(spool, 'link.data'));
  utimesSync(join(spool, 'b.data'), 1000, 1000);
  expect(await new SpoolSurvey(spool).contents()).toEqual({ files: 2, bytes: 10, oldestMs: 1_000_000 });
});

test('many files are counted; the oldest that was seen once is remembered while it is there', async () => {
  const spool = temporarySpool();
  const survey = new SpoolSurvey(spool, { mostLooks: 100, countingShare: 0 });
  writeFileSync(join(spool, 'old.data'), 'x');
  utimesSync(join(spool, 'old.data'), 1000, 1000);
  expect((await survey.contents()).oldestMs).toBe(1_000_000);
  for (let number = 0; number < 1000; number++) writeFileSync(join(spool, `${String(number)}.data`), '');
  expect(await survey.contents()).toMatchObject({ files: 1001, oldestMs: 1_000_000 });
  rmSync(join(spool, 'old.data'));
  const { files, oldestMs } = await survey.contents();
  expect(files).toBe(1000);
  expect(oldestMs).toBeGreaterThan(1_000_000);
});

test('what was counted is believed for a while', async () => {
  const spool = temporarySpool();
  const survey = new SpoolSurvey(spool, { countingShare: 1_000_000 });
  expect((await survey.contents()).files).toBe(0);
  writeFileSync(join(spool, 'new.data'), 'x');
  expect((await survey.contents()).files).toBe(0);
});

test('writing leaves nothing, and says why it fails', async () => {
  const spool = temporarySpool();
  const survey = new SpoolSurvey(spool);
  await survey.tryWriting();
  expect(readdirSync(spool)).toEqual([]);
  const { free, total } = await survey.room();
  expect(free).toBeGreaterThan(0);
  expect(total).toBeGreaterThanOrEqual(free);
  rmSync(spool, { recursive: true });
  await expect(survey.tryWriting()).rejects.toThrow('ENOENT');
  await expect(survey.contents().then(() => survey.room())).rejects.toThrow('ENOENT');
  mkdirSync(spool);
  await survey.tryWriting();
});
