/** Proves that every worker knows what the others promised, and that small changes cost nothing. */
import { expect, test } from 'vitest';
import { type Promiser, Room, RoomElsewhere } from '../../../src/server/room.ts';

const DEVICE = 64769;
const MIB = 1024 * 1024;

/** A worker as the supervisor and as itself sees it. */
class TestWorker implements Promiser {
  readonly elsewhere: RoomElsewhere;
  messages = 0;

  constructor(room: Room) {
    this.elsewhere = new RoomElsewhere((device, bytes) => {
      this.messages++;
      room.promised(this, device, bytes);
    });
    room.join(this);
  }

  tellPromised(device: number, bytes: number): void {
    this.elsewhere.hear(device, bytes);
  }
}

test('what one promises the others know, one that comes later too', () => {
  const room = new Room();
  const [one, two] = [new TestWorker(room), new TestWorker(room)];
  one.elsewhere.tell(DEVICE, MIB);
  two.elsewhere.tell(DEVICE, 2 * MIB);
  const late = new TestWorker(room);
  const known = [one, two, late].map(({ elsewhere }) => elsewhere.promisedOn(DEVICE) / MIB);
  expect(known).toEqual([2, 1, 3]);
  expect(one.elsewhere.promisedOn(DEVICE + 1)).toBe(0);
});

test('the promises of one that is gone are free again', () => {
  const room = new Room();
  const [one, two] = [new TestWorker(room), new TestWorker(room)];
  one.elsewhere.tell(DEVICE, MIB);
  room.leave(one);
  expect(two.elsewhere.promisedOn(DEVICE)).toBe(0);
});

test('small files are not told of, many of them together are', () => {
  const room = new Room();
  const [one, two] = [new TestWorker(room), new TestWorker(room)];
  for (let promised = 0; promised < 63 * 1024; promised += 2048) one.elsewhere.tell(DEVICE, promised);
  expect([one.messages, two.elsewhere.promisedOn(DEVICE)]).toEqual([0, 0]);
  one.elsewhere.tell(DEVICE, 64 * 1024);
  expect([one.messages, two.elsewhere.promisedOn(DEVICE)]).toEqual([1, 64 * 1024]);
});
