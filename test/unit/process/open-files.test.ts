/** How many open files the server needs. */
import { expect, test } from 'vitest';
import { filesNeeded } from '../../../src/process/open-files.ts';
import { settingsOf } from '../../support/worker.ts';

function needed(tokens: Parameters<typeof settingsOf>[0], maxConnections: number): number {
  return filesNeeded({ ...settingsOf(tokens), maxConnections });
}

test.each([
  ['receive: a socket and a file', { directory: '/spool' }],
  ['P1 relay: a socket to either side', { proxy_ip: '10.0.0.1' }],
  ['store: as in receive mode', { proxy_ip: '10.0.0.1', proxy_mode: 'store', directory: '/spool' }],
])('two for each connection. %s', (_what, tokens) => {
  expect(needed(tokens, 1001) - needed(tokens, 1000)).toBe(2);
});

test('a socket and a file for each connection over which a store sends on', () => {
  const store = { proxy_ip: '10.0.0.1', proxy_mode: 'store', directory: '/spool' };
  const relay = { ...store, proxy_mode: 'relay', proxy_connections: '64' };
  expect(needed({ ...store, proxy_connections: '64' }, 5) - needed(relay, 5)).toBe(128);
});
