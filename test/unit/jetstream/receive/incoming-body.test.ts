/** Bytes on their way to JetStream: kept while they are few, passed on at the reader's pace when they are many. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { IncomingBody, MemoryBudget } from '../../../../src/jetstream/receive/incoming-body.ts';

/** Takes all that comes. */
function collecting(): {
  readonly pour: (bytes: ReadableStream<Uint8Array>) => Promise<void>;
  taken: Buffer;
} {
  const collected = {
    taken: Buffer.alloc(0),
    pour: async (bytes: ReadableStream<Uint8Array>) => {
      for await (const chunk of bytes) collected.taken = Buffer.concat([collected.taken, chunk]);
    },
  };
  return collected;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

describe('a body', () => {
  test('is kept up to its limit', async () => {
    const { pour } = collecting();
    const body = new IncomingBody({ most: 6, budget: new MemoryBudget(100), pour });
    await body.write(Buffer.from('abc'));
    await body.write(Buffer.from('def'));
    expect(await body.end()).toEqual({
      kind: 'kept',
      bytes: Buffer.from('abcdef'),
      sha256: sha256('abcdef'),
    });
  });

  test('is passed on, from its first byte, when it grows beyond it', async () => {
    const collected = collecting();
    const body = new IncomingBody({ most: 5, budget: new MemoryBudget(100), pour: collected.pour });
    for (const part of ['abc', 'def', 'ghi']) await body.write(Buffer.from(part));
    expect(await body.end()).toEqual({ kind: 'poured', sha256: sha256('abcdefghi') });
    expect(collected.taken.toString()).toBe('abcdefghi');
  });

  test('is passed on when others have all the memory, which they give back', async () => {
    const budget = new MemoryBudget(10);
    const first = new IncomingBody({ most: 100, budget, pour: collecting().pour });
    await first.write(Buffer.alloc(8));
    const second = new IncomingBody({ most: 100, budget, pour: collecting().pour });
    await second.write(Buffer.alloc(8));
    expect((await second.end()).kind).toBe('poured');
    await second.drop();
    await first.drop();
    const third = new IncomingBody({ most: 100, budget, pour: collecting().pour });
    await third.write(Buffer.alloc(10));
    expect((await third.end()).kind).toBe('kept');
  });

  test('waits for a slow reader', async () => {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let finish = (): void => undefined;
    const pour = (bytes: ReadableStream<Uint8Array>): Promise<void> => {
      reader = bytes.getReader();
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const body = new IncomingBody({ most: 0, budget: new MemoryBudget(0), pour });
    let written = 0;
    const writing = (async () => {
      for (let part = 0; part < 3; part++) {
        await body.write(Buffer.from([part]));
        written++;
      }
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(0);
    for (let part = 0; part < 3; part++) expect((await reader?.read())?.value).toEqual(Buffer.from([part]));
    finish();
    await writing;
    expect(written).toBe(3);
  });

  test('tells whoever writes, and whoever ends it, that nobody takes it any more', async () => {
    const pour = (): Promise<void> => Promise.reject(new Error('away'));
    const body = new IncomingBody({ most: 0, budget: new MemoryBudget(0), pour });
    await expect(body.write(Buffer.from('a'))).rejects.toThrow('away');
    await expect(body.end()).rejects.toThrow('away');
    await body.drop();
  });

  test('that is dropped half-way fails for whoever takes it', async () => {
    let failure: unknown;
    const pour = async (bytes: ReadableStream<Uint8Array>): Promise<void> => {
      const reader = bytes.getReader();
      try {
        while (!(await reader.read()).done);
      } catch (cause) {
        failure = cause;
        throw cause;
      }
    };
    const body = new IncomingBody({ most: 0, budget: new MemoryBudget(0), pour });
    await body.write(Buffer.from('a'));
    await body.drop();
    expect(String(failure)).toContain('not wanted');
  });
});
