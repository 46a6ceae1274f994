/** What happened lately, and who was there. */
import { expect, test } from 'vitest';
import { Journal } from '../../../src/status/journal.ts';
import type { PeerNews } from '../../../src/server/recent.ts';

const peer = (address: string, more: Partial<PeerNews> = {}): PeerNews => ({
  address,
  lastSeen: 1,
  files: 1,
  bytes: 10,
  refused: 0,
  lastFile: 'a.data',
  ...more,
});
const file = (at: number) => ({ at, command: 'SEND', file: 'a.data', bytes: 1, ms: 1, peer: '10.0.0.1' });

test('of several workers the latest files come first, and no more than somebody reads', () => {
  const journal = new Journal();
  for (let at = 0; at < 200; at += 20)
    journal.add({
      files: Array.from({ length: 20 }, (_, index) => file(at + index)),
      troubles: [],
      peers: [],
    });
  journal.add({ files: [file(50)], troubles: [], peers: [] });
  const times = journal.files.map(({ at }) => at);
  expect(times[0]).toBe(199);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect(times).toHaveLength(50);
});

test('a peer is one line, whichever workers it came to, and in whatever order they tell', () => {
  const journal = new Journal();
  journal.add({ files: [], troubles: [], peers: [peer('10.0.0.1', { lastSeen: 9, lastFile: 'new' })] });
  journal.add({
    files: [],
    troubles: [],
    peers: [peer('10.0.0.1', { lastSeen: 5, lastFile: 'old', refused: 2 })],
  });
  journal.add({
    files: [],
    troubles: [],
    peers: [peer('10.0.0.1', { lastSeen: 12, lastFile: '', files: 0 })],
  });
  expect(journal.peers).toEqual({
    known: 1,
    latest: [{ address: '10.0.0.1', lastSeen: 12, files: 2, bytes: 30, refused: 2, lastFile: 'new' }],
    busiest: [{ address: '10.0.0.1', lastSeen: 12, files: 2, bytes: 30, refused: 2, lastFile: 'new' }],
  });
});

test('a hundred thousand addresses do not fill the memory; the busiest and the latest stay', () => {
  const journal = new Journal();
  journal.add({ files: [], troubles: [], peers: [peer('busy', { files: 1000 })] });
  for (let number = 0; number < 100_000; number += 500) {
    const peers = Array.from({ length: 500 }, (_, index) =>
      peer(String(number + index), { lastSeen: number + index + 10 }),
    );
    journal.add({ files: [], troubles: [], peers });
  }
  const { known, latest, busiest } = journal.peers;
  expect(known).toBeLessThan(5000);
  expect(busiest[0]?.address).toBe('busy');
  expect(latest[0]?.address).toBe('99999');
  expect(latest).toHaveLength(20);
});
