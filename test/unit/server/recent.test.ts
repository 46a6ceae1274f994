/** What a worker remembers until it is asked. */
import { expect, test } from 'vitest';
import { MOST_RECENT, Recent } from '../../../src/server/recent.ts';

const received = (file: string, peer = '10.0.0.1') =>
  ({ event: 'received', command: 'SEND', peer, port: 5, file, bytes: 10, ms: 2 }) as const;

test('files, troubles and peers are told once', () => {
  const recent = new Recent();
  recent.note('event', 'Received file', received('a.data'));
  recent.note('event', "File 'b' already exists", { event: 'refused', peer: '10.0.0.2', bytes: 9 });
  recent.note('warning', () => 'the disk is slow', { event: 'crowd' });
  recent.note('detail', 'Client connected', { event: 'connected', peer: '10.0.0.3' });
  recent.note('detail', 'the server is stopping', { event: 'ended', peer: '10.0.0.2', reason: 'stopping' });
  recent.note('event', 'Invalid password from 10.0.0.4', {
    event: 'ended',
    peer: '10.0.0.4',
    reason: 'password',
  });
  const { files, troubles, peers } = recent.take();
  expect(files).toMatchObject([{ command: 'SEND', file: 'a.data', bytes: 10, ms: 2, peer: '10.0.0.1' }]);
  expect(troubles).toMatchObject([
    { level: 'event', text: "File 'b' already exists" },
    { level: 'warning', text: 'the disk is slow' },
    { level: 'event', text: 'Invalid password from 10.0.0.4' },
  ]);
  expect(peers).toMatchObject([
    { address: '10.0.0.1', files: 1, bytes: 10, refused: 0, lastFile: 'a.data' },
    { address: '10.0.0.2', files: 0, bytes: 0, refused: 1, lastFile: '' },
    { address: '10.0.0.4', refused: 1 },
  ]);
  expect(recent.take()).toEqual({ files: [], troubles: [], peers: [] });
});

test('of many files the last ones are kept, the oldest first', () => {
  const recent = new Recent();
  const names = Array.from({ length: 3 * MOST_RECENT + 7 }, (_, index) => `${String(index)}.data`);
  for (const name of names) recent.note('event', '', received(name));
  expect(recent.take().files.map(({ file }) => file)).toEqual(names.slice(-MOST_RECENT));
});

test('a crowd of addresses does not fill the memory', () => {
  const recent = new Recent();
  for (let index = 0; index < 5000; index++) recent.note('event', '', received('x', `10.0.${String(index)}`));
  const { peers } = recent.take();
  expect(peers.length).toBeLessThan(1000);
});
