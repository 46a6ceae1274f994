/** Proves which disks are called at once, and from when on no longer. */
import { expect, test } from 'vitest';
import { DiskPace, UNKNOWN } from '../../../src/store/disk-pace.ts';

const EXT4 = 0xef53;
const PROMPT_MS = 0.01;

function paceOn(type: number): DiskPace {
  const pace = new DiskPace();
  pace.isOn(type);
  return pace;
}

test.each([
  ['ext4', EXT4],
  ['XFS', 0x58465342],
  ['Btrfs', 0x9123683e],
  ['tmpfs', 0x01021994],
])('%s is prompt', (_name, type) => {
  expect(paceOn(type).isPrompt(0)).toBe(true);
});

test.each([
  ['NFS', 0x6969],
  ['CIFS', 0xff534d42],
  ['SMB2', 0xfe534d42],
  ['FUSE', 0x65735546],
  ['9P', 0x01021997],
  ['Ceph', 0x00c36400],
  ['Lustre', 0x0bd00bd0],
  ['AFS', 0x5346414f],
  ['one that nobody knows', 0x12345678],
  ['one that could not be asked', UNKNOWN],
])('%s is not', (_name, type) => {
  expect(paceOn(type).isPrompt(0)).toBe(false);
});

test('before anybody looked, nothing is', () => {
  expect(new DiskPace().isPrompt(0)).toBe(false);
});

test('what is mounted over a local disk counts', () => {
  const pace = paceOn(EXT4);
  pace.isOn(0x6969);
  expect(pace.isPrompt(0)).toBe(false);
});

test('after one call of 20 ms a disk rests for five seconds, and then is prompt again', () => {
  const pace = paceOn(EXT4);
  for (let call = 0; call < 100; call++) pace.took(PROMPT_MS, 0);
  pace.took(20, 1000);
  expect(pace.isPrompt(1000)).toBe(false);
  expect(pace.isPrompt(5999)).toBe(false);
  expect(pace.isPrompt(6000)).toBe(true);
  pace.took(PROMPT_MS, 6000);
  expect(pace.isPrompt(6000)).toBe(true);
});

test('a disk that hung for a second rests for minutes: next to no time goes into finding out', () => {
  const pace = paceOn(EXT4);
  pace.took(1000, 1000);
  expect(pace.isPrompt(250_999)).toBe(false);
  expect(pace.isPrompt(251_000)).toBe(true);
});

test('a processor that was taken away for a moment makes no disk slow', () => {
  const pace = paceOn(EXT4);
  for (let call = 0; call < 1000; call++) pace.took(call % 50 === 0 ? 8 : PROMPT_MS, call);
  expect(pace.isPrompt(1000)).toBe(true);
});

test('a disk whose every call takes some milliseconds is slow soon', () => {
  const pace = paceOn(EXT4);
  for (let call = 0; call < 8; call++) pace.took(4, call);
  expect(pace.isPrompt(8)).toBe(false);
});
