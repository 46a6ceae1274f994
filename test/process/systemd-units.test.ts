/** What systemd itself says about the units that are installed. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SERVER, type Result } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NEEDS = ['systemd-analyze'];
const SERVICE = 'tentacle_serverd.service';

/** Runs systemd-analyze on copies of the units whose program is the built one. */
function analyze(...args: readonly string[]): Result {
  const cwd = temporaryDirectory();
  for (const unit of readdirSync('systemd')) {
    const text = readFileSync(join('systemd', unit), 'utf8');
    writeFileSync(join(cwd, unit), text.replaceAll('/usr/bin/tentacle_server ', `${SERVER} `));
  }
  return spawnSync('systemd-analyze', args, { cwd, encoding: 'utf8' });
}

testWith(NEEDS, 'systemd-analyze verify has nothing to say, not even about settings that it ignores', () => {
  const { status, stdout, stderr } = analyze(
    'verify',
    '--man=no',
    `./${SERVICE}`,
    './tentacle_serverd.socket',
  );
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

testWith(NEEDS, 'the exposure of the service is at most 1.5', () => {
  // In tenths: what this exits with is whether it is above the threshold.
  const { status, stdout } = analyze('security', '--offline=1', '--no-pager', '--threshold=15', SERVICE);
  expect(stdout).toMatch(/Overall exposure level/);
  expect(status).toBe(0);
});
