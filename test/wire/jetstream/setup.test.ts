/** Stream, consumers and buckets are made once, and kept as the settings say. */
import { expect, test } from 'vitest';
import { Cluster } from '../../../src/jetstream/cluster.ts';
import { setUp, type Step } from '../../../src/jetstream/setup.ts';
import type { JetStreamSettings } from '../../../src/settings/settings.ts';
import { recordLog } from '../../support/log.ts';
import { Nats } from '../../support/nats.ts';

async function steps(settings: JetStreamSettings, directories: readonly string[]): Promise<Step[]> {
  const cluster = await Cluster.open(settings, { log: recordLog().log, name: 'test' });
  const told: Step[] = [];
  try {
    await cluster.connected(10_000);
    await setUp(cluster, directories, (step) => told.push(step));
    return told;
  } finally {
    await cluster.close();
  }
}

test('everything is made once, found as it should be the second time, and changed where settings changed', async () => {
  const nats = await Nats.start();
  try {
    const first = await steps(nats.settings(), ['conf', '', 'md5']);
    expect(first.map(({ what, done }) => `${what}: ${done}`)).toEqual([
      'stream TENTACLE: made',
      'consumers deliver-00 to deliver-31: made',
      'bucket TENTACLE--bodies: made',
      'bucket TENTACLE_conf: made',
      'bucket TENTACLE_md5: made',
    ]);
    const second = await steps(nats.settings(), ['conf', '', 'md5']);
    expect(second.map(({ done }) => done)).toEqual(second.map(() => 'as it should be'));
    const third = await steps(nats.settings({ duplicateWindowMs: 60_000 }), []);
    expect(third[0]).toEqual({
      what: 'stream TENTACLE',
      done: 'changed',
      changes: ['duplicate_window 120000000000 -> 60000000000'],
    });
  } finally {
    await nats.stop();
  }
});
