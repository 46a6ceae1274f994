/** What things are called on JetStream, for names of any bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  agentOf,
  bodyName,
  bucketOf,
  dataSubject,
  fileId,
  nameOfBody,
  nameOfSubject,
  PARTITIONS,
  partitionOf,
} from '../../../src/jetstream/names.ts';

/** Names as the wire has them: one character a byte. */
const names = fc
  .uint8Array({ minLength: 1, maxLength: 255 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

describe('a data file', () => {
  test('N1 has a subject of five tokens, from which its name comes back, whatever its bytes', () => {
    fc.assert(
      fc.property(names, (name) => {
        const subject = dataSubject('S', name);
        expect(subject).toMatch(/^S\.data\.[0-9]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+$/);
        expect(nameOfSubject(subject)).toBe(name);
        expect(nameOfBody(bodyName(name, 'a-b'))).toBe(name);
      }),
    );
  });

  test('is of the agent that its name begins with; all files of an agent are in one partition', () => {
    expect(agentOf('web.example.1700000000.data')).toBe('web.example');
    expect(agentOf('trap.data')).toBe('trap.data');
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(), (agent, one, other) => {
        const partition = partitionOf(`${agent}.${String(one)}.data`);
        expect(partitionOf(`${agent}.${String(other)}.data`)).toBe(partition);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(PARTITIONS);
      }),
    );
  });

  test('agents are spread over all partitions', () => {
    const sizes = new Map<number, number>();
    for (let agent = 0; agent < 32_000; agent++) {
      const partition = partitionOf(`agent${String(agent)}.1.data`);
      sizes.set(partition, (sizes.get(partition) ?? 0) + 1);
    }
    expect(sizes.size).toBe(PARTITIONS);
    expect(Math.max(...sizes.values())).toBeLessThan(1200);
    expect(Math.min(...sizes.values())).toBeGreaterThan(800);
  });

  test('is known by name and bytes together', () => {
    const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const ids = [fileId('a', one), fileId('a', other), fileId('b', one)];
    expect(new Set(ids).size).toBe(3);
  });
});

test('each directory has a bucket of its own, in the characters that NATS allows', () => {
  expect(bucketOf('TENTACLE', 'conf')).toBe('TENTACLE_conf');
  const directories = ['conf', 'a/b', 'a-b', 'a b', 'a_b', '\xe4', '-bodies', 'a-2fb'];
  const buckets = directories.map((name) => bucketOf('S', name));
  expect(new Set(buckets).size).toBe(directories.length);
  for (const bucket of buckets) expect(bucket).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(buckets).not.toContain('S--bodies');
});
