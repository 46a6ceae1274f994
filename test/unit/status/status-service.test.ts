/** Where the state is told, while settings change and the end comes. */
import { expect, onTestFinished, test } from 'vitest';
import { NOTHING } from '../../../src/server/counts.ts';
import type { Candidate } from '../../../src/server/supervisor.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { StatusService } from '../../../src/status/status-service.ts';
import { recordLog } from '../../support/log.ts';
import { freePort } from '../../support/program.ts';
import { NO_MATERIAL, settingsOf } from '../../support/settings.ts';
import { ask } from '../../support/status.ts';
import { temporarySpool } from '../../support/temporary.ts';

function candidate(address: string): Candidate {
  const { values, sources } = mergeAssignments(OPTIONS, []);
  return {
    settings: settingsOf({ directory: temporarySpool(), status_address: address, status_token: 'secret' }),
    blueprint: { values, sources, material: NO_MATERIAL },
  };
}

function serviceOf(first: Candidate): { readonly service: StatusService; readonly lines: readonly string[] } {
  const { log, lines } = recordLog();
  const service = new StatusService(first, {
    ...{ version: 'test', log },
    supervisor: {
      bound: { addresses: [], failures: [] },
      status: () => Promise.resolve({ generation: 1, workers: [], counts: NOTHING, lost: 0 }),
    },
    reloader: { reloads: { succeeded: 0, refused: 0, lastGoodAt: Date.now(), lastRefusal: undefined } },
    recent: { take: () => ({ files: [], troubles: [], peers: [] }) },
  });
  onTestFinished(() => {
    service.close();
  });
  return { service, lines };
}

async function answers(port: number): Promise<boolean> {
  return ask(port, '/healthz').then(
    () => true,
    () => false,
  );
}

test('a reload may change the address and keep the port', async () => {
  const port = await freePort();
  const { service, lines } = serviceOf(candidate(`127.0.0.1:${String(port)}`));
  await service.open();
  await service.follow(candidate(`0.0.0.0:${String(port)}`));
  expect(lines.at(-1)).toBe(`notice: Status page on http://0.0.0.0:${String(port)}/`);
  await service.follow(candidate(`localhost:${String(port)}`));
  expect(lines.at(-1)).toBe(`notice: Status page on http://localhost:${String(port)}/`);
  expect(await answers(port)).toBe(true);
});

test('the end may come while it is about to listen', async () => {
  const port = await freePort();
  const { service } = serviceOf(candidate(`localhost:${String(port)}`));
  const opening = service.open();
  await Promise.resolve();
  service.close();
  await opening;
  expect(await answers(port)).toBe(false);
});

test('of two reloads at a time the later one counts', async () => {
  const [first, second] = [await freePort(), await freePort()];
  const { service } = serviceOf(candidate(`localhost:${String(first)}`));
  await Promise.all([service.open(), service.follow(candidate(`127.0.0.1:${String(second)}`))]);
  expect(await answers(second)).toBe(true);
  expect(await answers(first)).toBe(false);
});
