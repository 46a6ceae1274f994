/** Proves who stands in the lobby, who is let in, and who has to leave. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Lobby } from '../../../src/server/lobby.ts';
import { ByteReader } from '../../../src/protocol/byte-reader.ts';
import { PassedBy, PeerClosed, PeerTimeout } from '../../../src/protocol/errors.ts';

const TEXTS = { late: 'late', brokenOff: 'broken off' };

function lobby(capacity: number, idleMs = 60_000): Lobby {
  return new Lobby({ capacity, idleMs, isEnough: (bytes) => bytes.includes(0x0a), texts: TEXTS });
}

/** Both ends of a connection; the second one as a listener hands it over. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  return [client, socket];
}

function reading(socket: Socket): ByteReader {
  return new ByteReader(socket, 60_000);
}

const stays = (): void => {
  throw new Error('had to leave');
};

test('one who says enough is let in, with all that was said', async () => {
  const [client, socket] = await pair();
  const there = lobby(1);
  const reader = reading(socket);
  const said = there.firstWords(reader, stays);
  client.write('SEND');
  client.write(' <a>\nmore');
  await said;
  expect(there.standing).toBe(0);
  expect(await reader.readLine(64)).toBe('SEND <a>');
  expect(await reader.peek()).toBe('m'.charCodeAt(0));
});

test('one more than there is room for: the first leaves, though others have said something', async () => {
  const there = lobby(2);
  const left: number[] = [];
  for (const index of [0, 1, 2]) {
    const [client, socket] = await pair();
    client.write('S');
    there
      .firstWords(reading(socket), () => {
        left.push(index);
        socket.destroy();
      })
      .catch(() => undefined);
  }
  expect(left).toEqual([0]);
  expect(there.standing).toBe(2);
});

test('W4 one who says too little for too long is late', async () => {
  const [client, socket] = await pair();
  client.write('SEND');
  await expect(lobby(1, 50).firstWords(reading(socket), stays)).rejects.toThrow(new PeerTimeout('late'));
});

test('one who ends without a word is let in; in the middle of a word it is broken off', async () => {
  const there = lobby(2);
  const [silent, first] = await pair();
  silent.end();
  await there.firstWords(reading(first), stays);
  const [hasty, second] = await pair();
  hasty.end('SEND');
  await expect(there.firstWords(reading(second), stays)).rejects.toThrow(new PeerClosed('broken off'));
  expect(there.standing).toBe(0);
});

test('one who is closed is gone', async () => {
  const there = lobby(1);
  const [client, socket] = await pair();
  socket.on('error', () => undefined);
  const reader = reading(socket);
  const said = there.firstWords(reader, stays);
  client.resetAndDestroy();
  await expect(said).rejects.toThrow(PassedBy);
  expect(there.standing).toBe(0);
});
