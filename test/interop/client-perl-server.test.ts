/** Our client against the Perl tentacle_server, in the same set-ups as against ours. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  everyWay,
  GOOD,
  makeSetUpFiles,
  runClient,
  SENT,
  SET_UPS,
  startHttpProxy,
  startPeer,
  WITHOUT_AND_WITH_PASSWORD,
} from '../support/client-program.ts';
import { startReference, testWithReference } from '../support/reference.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const NEEDS = ['tinyproxy', 'openssl'];
describe.each(SET_UPS)('$name', ({ server, client, referenceRefuses }) => {
  for (const { name, password } of WITHOUT_AND_WITH_PASSWORD) {
    testWithReference(
      NEEDS,
      `${name}: send and -g, with and without -z, directly and through CONNECT`,
      async () => {
        const files = makeSetUpFiles();
        chmodSync(files.server.key, 0o644);
        const { port, spool } = await startReference([...server(files), ...password]);
        writeFileSync(join(spool, 'conf', 'agent.conf'), SENT);
        const proxy = await startHttpProxy(port);

        const options = ['-p', String(port), ...client(files), ...password];
        const endings = await everyWay({ options, spool, proxyPort: proxy.port });

        expect(Object.keys(endings)).toHaveLength(8);
        const expected = referenceRefuses
          ? [1, expect.stringMatching(/^\[err\] .*certificate/), false]
          : GOOD;
        expect(endings).toEqual(Object.fromEntries(Object.keys(endings).map((way) => [way, expected])));
        expect(proxy.tunnels()).toBe(4);
      },
    );
  }
});

testWithReference(NEEDS, 'W10 a wrong password is told', async () => {
  const { port } = await startReference(['-x', 'secret']);
  const file = join(temporaryDirectory(), 'a.1.data');
  writeFileSync(file, SENT);
  const { code, stderr } = await runClient(['-p', String(port), '-x', 'wrong', file]);
  expect(stderr).toMatch(/^\[err\] .*the password is wrong/);
  expect(code).toBe(1);
});

testWithReference(NEEDS, 'C4 a refusal is told, and the rest is sent', async () => {
  const { port, spool } = await startReference([]);
  writeFileSync(join(spool, 'one.data'), 'old');
  const cwd = temporaryDirectory();
  for (const name of ['one.data', 'two.data']) writeFileSync(join(cwd, name), name);
  const { code, stderr } = await runClient(['-p', String(port), 'one.data', 'two.data'], { cwd });
  expect(stderr).toMatch(/^\[err\] one\.data: .*file already exists/);
  expect(code).toBe(1);
  expect(readFileSync(join(spool, 'one.data'), 'utf8')).toBe('old');
  expect(readFileSync(join(spool, 'two.data'), 'utf8')).toBe('two.data');
});

describe('W3 W12 a server that does not know ZSEND', () => {
  /** Says no to ZSEND as old servers do, by closing; takes one SEND. */
  async function startOldServer(): Promise<{ readonly port: number; readonly heard: readonly string[] }> {
    const heard: string[] = [];
    const port = await startPeer(async (client) => {
      heard.push(await client.line());
      if (!heard.at(-1)?.startsWith('SEND ')) return;
      client.send('SEND OK\n');
      heard.push(await client.take(5));
      client.send('SEND OK\n');
      heard.push(await client.line());
    });
    return { port, heard };
  }

  function someFile(): string {
    const file = join(temporaryDirectory(), 'a.1.data');
    writeFileSync(file, 'hello');
    return file;
  }

  test('-z says so, with exit 1', async () => {
    const { port } = await startOldServer();
    const { code, stderr } = await runClient(['-z', '-p', String(port), someFile()]);
    expect(stderr).toMatch(/^\[err\] .*it may not know ZSEND \(send without -z, or with -Z\)/);
    expect(code).toBe(1);
  });

  test.each([['-Z'], ['--compress=auto']])('%s falls back to plain on a new connection', async (flag) => {
    const { port, heard } = await startOldServer();
    const result = await runClient([flag, '-p', String(port), someFile()]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(heard).toEqual([
      expect.stringMatching(/^ZSEND <a\.1\.data> SIZE \d+\n$/),
      'SEND <a.1.data> SIZE 5\n',
      'hello',
      'QUIT\n',
    ]);
  });
});
