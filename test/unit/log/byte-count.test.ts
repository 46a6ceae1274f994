/** Proves that amounts of bytes are said as people say them. */
import { expect, test } from 'vitest';
import { byteCount } from '../../../src/log/byte-count.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1.0 KB'],
  [1024 * 1024 - 1, '1.0 MB'],
  [4.5 * 1024 ** 2, '4.5 MB'],
  [3 * 1024 ** 3, '3.0 GB'],
  [2 ** 60, '1024.0 PB'],
])('%i is %s', (bytes, said) => {
  expect(byteCount(bytes)).toBe(said);
});
