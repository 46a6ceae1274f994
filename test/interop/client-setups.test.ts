/** Our client against our server in every set-up of the security guide, directly and through a real HTTP proxy. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import {
  everyWay,
  GOOD,
  makeSetUpFiles,
  runClient,
  SENT,
  SET_UPS,
  startHttpProxy,
  WITHOUT_AND_WITH_PASSWORD,
} from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NEEDS = ['tinyproxy', 'openssl'];
const FILTERS = ['-i', '.*\\.conf:conf'];

describe.each(SET_UPS)('$name', ({ server: serverArgs, client: clientArgs }) => {
  for (const { name, password } of WITHOUT_AND_WITH_PASSWORD) {
    testWith(NEEDS, `${name}: send and -g, with and without -z, directly and through CONNECT`, async () => {
      const files = makeSetUpFiles();
      const spool = temporarySpool('conf');
      writeFileSync(join(spool, 'conf', 'agent.conf'), SENT);
      const server = await ServerProcess.start(['-s', spool, ...FILTERS, ...serverArgs(files), ...password]);
      const proxy = await startHttpProxy(server.port);

      const options = ['-p', String(server.port), ...clientArgs(files), ...password];
      const endings = await everyWay({ options, spool, proxyPort: proxy.port });

      expect(Object.keys(endings)).toHaveLength(8);
      expect(endings).toEqual(Object.fromEntries(Object.keys(endings).map((way) => [way, GOOD])));
      expect(proxy.tunnels()).toBe(4);
    });
  }
});

/** A file to send. */
function someFile(): string {
  const file = join(temporaryDirectory(), 'a.1.data');
  writeFileSync(file, SENT);
  return file;
}

describe('C1 an HTTP proxy that wants a user and password', () => {
  const cases = [
    { name: 'is given them', user: 'agent:s3cret@', code: 0, says: /^$/ },
    {
      name: 'refuses wrong ones',
      user: 'agent:wr0ng@',
      code: 1,
      says: /^\[err\] .* refused the connection: 40[17]/,
    },
    {
      name: 'refuses none, and what to do is said',
      user: '',
      code: 1,
      says: /^\[err\] .*: 407.*-y user:password@/,
    },
  ];
  for (const { name, user, code, says } of cases) {
    testWith(NEEDS, name, async () => {
      const server = await ServerProcess.start(['-s', temporarySpool()]);
      const proxy = await startHttpProxy(server.port, 'agent s3cret');
      const through = `${user}127.0.0.1:${String(proxy.port)}`;
      const result = await runClient(['-p', String(server.port), '-y', through, someFile()]);
      expect(result.stderr).toMatch(says);
      expect(result.stderr).not.toMatch(/s3cret|wr0ng/);
      expect(result.code).toBe(code);
    });
  }
});

testWith(NEEDS, 'C1 a proxy that does not open tunnels to that port is told', async () => {
  const server = await ServerProcess.start(['-s', temporarySpool()]);
  const proxy = await startHttpProxy(1);
  const through = `127.0.0.1:${String(proxy.port)}`;
  const { code, stderr } = await runClient(['-p', String(server.port), '-y', through, someFile()]);
  expect(stderr).toMatch(/^\[err\] .*HTTP proxy 127\.0\.0\.1 port \d+ refused the connection: 403/);
  expect(code).toBe(1);
});
