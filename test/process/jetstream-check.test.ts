/** What --check says of a cluster of three whose servers go, and of clocks that differ. */
import { expect, onTestFinished, test } from 'vitest';
import { LibcShim } from '../support/libc-shim.ts';
import { Nats } from '../support/nats.ts';
import { type Result, runServer } from '../support/program.ts';
import { isRoot, testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';

async function started(nodes: number): Promise<Nats> {
  const nats = await Nats.start({ nodes });
  onTestFinished(() => nats.stop());
  await nats.setUp();
  return nats;
}

/** Of a deliverer. */
function check(nats: Nats, env: Readonly<Record<string, string>> = {}): Result {
  const options = ['--mode', 'deliver', '--nats-servers', nats.servers, '--nats-replicas', String(nats.size)];
  return runServer(['--check', ...(isRoot ? ['--allow-root'] : []), '-s', temporarySpool(), ...options], {
    env,
  });
}

/** A leader that was killed has no successor for some seconds. */
const WAITING = { timeout: 90_000, interval: 200 };

test('one server that is gone is a warning, two are an error: no quorum', async () => {
  const nats = await started(3);
  const whole = check(nats);
  expect(whole.stdout).toMatch(/^ {2}quorum {8}yes; 1 more may fail$/m);
  expect(whole.stdout).toMatch(/^OK: the server would start$/m);

  await nats.kill(2);
  await expect.poll(() => check(nats).stdout, WAITING).toMatch(/^ {2}replicas .*n3 silent for \d+ second/m);
  const { stdout, status } = check(nats);
  expect(stdout).toMatch(/^ {2}quorum {8}yes; no further replica may fail$/m);
  expect(stdout).toMatch(/^warning: .* nats_servers: 127\.0\.0\.1:\d+: connection refused/m);
  expect(stdout).toMatch(
    /^warning: .* the replica of stream TENTACLE on n3 has said nothing for \d+ second/m,
  );
  expect(status).toBe(0);

  await nats.kill(1);
  await expect
    .poll(() => check(nats).stdout, WAITING)
    .toMatch(
      /^error: .*(no quorum|does not answer|nobody answers).*; until then no file is stored or delivered$/m,
    );
  const lost = check(nats);
  expect(lost.stdout).toMatch(
    /^1 error: the server would start, but have no work before JetStream is there$/m,
  );
  expect(lost.status).toBe(1);
}, 240_000);

testWith(['cc'], 'a clock that is an hour off is told, and by how much', async () => {
  const nats = await started(1);
  const { stdout, status } = check(nats, LibcShim.compile('clock+3600').env);
  const [, ms = '', error = ''] =
    /^ {2}clocks {8}n1 (\d+) ms behind this host \(\+- (\d+) ms\)$/m.exec(stdout) ?? [];
  expect(Math.abs(Number(ms) - 3_600_000)).toBeLessThanOrEqual(Number(error) + 2);
  expect(stdout).toMatch(/^warning: .* clocks differ: n1 \d+ ms behind this host .*: let both follow NTP$/m);
  expect(status).toBe(0);
});

test('a server that takes connections and says nothing, as one that is frozen, is told, and the check ends', async () => {
  const nats = await started(1);
  nats.signal(0, 'SIGSTOP');
  const { stdout, status } = check(nats);
  expect(stdout).toMatch(
    /^error: .* nats_servers: 127\.0\.0\.1:\d+: does not answer in time: is it a NATS server/m,
  );
  expect(status).toBe(1);
});
