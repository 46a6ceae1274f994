/** What makes a file equal on both sides: every case, and that nothing is ever lost. */
import { assert, constantFrom, array, integer, property, record, boolean } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type Decision, type Version } from '../../../../src/jetstream/sync/decision.ts';

const version = (sha256: string, modifiedAt = 0): Version => ({ sha256, modifiedAt });

describe('every case', () => {
  const [a, b] = [version('A', 1), version('B', 2)];
  test.each<[string, string | undefined, Version | undefined, Version | undefined, Decision]>([
    ['nothing anywhere', undefined, undefined, undefined, { kind: 'agree' }],
    ['deleted on both sides', 'A', undefined, undefined, { kind: 'agree' }],
    ['nothing changed', 'A', a, a, { kind: 'agree' }],
    ['the same change on both sides', 'X', a, a, { kind: 'agree' }],
    ['equal at the first start', undefined, a, a, { kind: 'agree' }],
    ['new here', undefined, a, undefined, { kind: 'give', keep: false }],
    ['new there', undefined, undefined, a, { kind: 'take', keep: false }],
    ['changed here', 'A', b, a, { kind: 'give', keep: false }],
    ['changed there', 'A', a, b, { kind: 'take', keep: false }],
    ['changed here to something older', 'B', a, b, { kind: 'give', keep: false }],
    ['deleted here', 'A', undefined, a, { kind: 'delete there' }],
    ['deleted there', 'A', a, undefined, { kind: 'delete here' }],
    ['deleted here, changed there', 'A', undefined, b, { kind: 'take', keep: false }],
    ['changed here, deleted there', 'A', b, undefined, { kind: 'give', keep: false }],
    ['both changed, there newer', 'X', a, b, { kind: 'take', keep: true }],
    ['both changed, here newer', 'X', b, a, { kind: 'give', keep: true }],
    ['both new, there newer', undefined, a, b, { kind: 'take', keep: true }],
    ['both new, here newer', undefined, b, a, { kind: 'give', keep: true }],
    ['both new, of the same age', undefined, version('A', 1), version('B', 1), { kind: 'take', keep: true }],
  ])('%s', (_, agreed, here, there, decision) => {
    expect(decide({ agreed, here, there })).toEqual(decision);
  });
});

/** A directory with its memory, as far as decisions go. */
class Side {
  file: Version | undefined;
  agreed: string | undefined;
  readonly aside: string[] = [];

  settle(bucket: { file: Version | undefined }): void {
    const decision = decide({ agreed: this.agreed, here: this.file, there: bucket.file });
    switch (decision.kind) {
      case 'take':
        if (decision.keep && this.file !== undefined) this.aside.push(this.file.sha256);
        this.file = bucket.file;
        break;
      case 'give':
        if (decision.keep && bucket.file !== undefined) this.aside.push(bucket.file.sha256);
        bucket.file = this.file;
        break;
      case 'delete here':
        this.file = undefined;
        break;
      case 'delete there':
        bucket.file = undefined;
        break;
      case 'agree':
        break;
      default:
        decision satisfies never;
    }
    this.agreed = this.file?.sha256;
  }
}

describe('whatever happens in whichever order', () => {
  const step = record({
    who: constantFrom('one', 'two', 'bucket'),
    what: constantFrom('write', 'delete', 'settle'),
    modifiedAt: integer({ min: 0, max: 9 }),
    forget: boolean(),
  });

  test('two directories and the bucket between them become equal, and no content is lost', () => {
    assert(
      property(array(step, { maxLength: 40 }), (steps) => {
        const bucket: { file: Version | undefined } = { file: undefined };
        const sides = { one: new Side(), two: new Side() };
        /** What was written, and not replaced or deleted afterwards by somebody who had it before him. */
        const wanted = new Set<string>();
        for (const [index, { who, what, modifiedAt, forget }] of steps.entries()) {
          const owner = who === 'bucket' ? bucket : sides[who];
          if (what === 'settle') {
            if (who !== 'bucket') {
              if (forget) sides[who].agreed = undefined;
              sides[who].settle(bucket);
            }
            continue;
          }
          if (owner.file !== undefined) wanted.delete(owner.file.sha256);
          owner.file = what === 'write' ? version(String(index), modifiedAt) : undefined;
          if (owner.file !== undefined) wanted.add(owner.file.sha256);
        }
        for (const who of ['one', 'two', 'one'] as const) sides[who].settle(bucket);
        expect(sides.one.file?.sha256).toBe(bucket.file?.sha256);
        expect(sides.two.file?.sha256).toBe(bucket.file?.sha256);
        const kept = [bucket.file?.sha256, ...sides.one.aside, ...sides.two.aside];
        for (const content of wanted) expect(kept).toContain(content);
      }),
      { numRuns: 2000 },
    );
  });
});
