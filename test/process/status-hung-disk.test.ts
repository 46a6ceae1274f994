/** A spool whose disk hangs holds up nothing else of the server that looks at it. */
import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LibcShim } from '../support/libc-shim.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { ask, becomes, checkOf, LOOKS, reportOf } from '../support/status.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

testWith(['cc'], 'a disk that hangs: reloads go on, and do not make a ready server of it', async () => {
  const [directory, spool, at] = [temporaryDirectory(), temporarySpool(), await freePort()];
  const [conf, port] = [join(directory, 'tentacle_server.conf'), await freePort()];
  const common = [`addresses 127.0.0.1`, `port ${String(port)}`, `directory ${spool}`, 'allow_root 1'];
  const write = (maxSize: number): void => {
    const lines = [`status_address 127.0.0.1:${String(at)}`, `max_size ${String(maxSize)}`];
    writeFileSync(`${conf}.new`, [...common, ...lines, ''].join('\n'));
    renameSync(`${conf}.new`, conf);
  };
  // More than node has threads.
  for (let file = 0; file < 20; file++) writeFileSync(join(spool, `${String(file)}.data`), 'x');
  write(1000);
  const shim = LibcShim.compile();
  const server = await ServerProcess.start(['-F', conf], { port, env: shim.env });
  await server.logged('Status page on');
  await becomes(at, 200);
  shim.become('hang-look');
  await becomes(at, 503);
  expect((await checkOf(at, 'spool'))?.text).toContain('its disk hangs');
  for (let maxSize = 1001; maxSize < 1006; maxSize++) {
    write(maxSize);
    await server.logged(`-> ${String(maxSize)}`);
    expect((await checkOf(at, 'spool'))?.text).toContain('its disk hangs');
    expect((await ask(at, '/readyz')).status).toBe(503);
  }
  shim.become('');
  await becomes(at, 200);
});

testWith(
  ['cc'],
  'a disk that is slow but answers does not hang, however long it takes to look over it',
  async () => {
    const [spool, at] = [temporarySpool(), await freePort()];
    const shim = LibcShim.compile('slow-look');
    const options = ['-s', spool, '--status-address', `127.0.0.1:${String(at)}`];
    const server = await ServerProcess.start(options, { env: shim.env });
    await server.logged('Status page on');
    await becomes(at, 200);
    // Two at a time: longer than a disk may be silent.
    for (let file = 0; file < 80; file++) writeFileSync(join(spool, `${String(file)}.data`), 'x');
    const statuses = new Set<number | undefined>();
    const isCounted = async (): Promise<boolean> => {
      statuses.add((await ask(at, '/readyz')).status);
      return (await reportOf(at)).spool?.files === 80;
    };
    await expect.poll(isCounted, { timeout: 50_000, interval: 100 }).toBe(true);
    expect([...statuses]).toEqual([200]);
  },
);

testWith(['cc'], 'a disk that fails at the end of a trial: nothing of it is left in the spool', async () => {
  const [spool, at] = [temporarySpool(), await freePort()];
  const shim = LibcShim.compile('close-EIO');
  const options = ['-s', spool, '--status-address', `127.0.0.1:${String(at)}`];
  const server = await ServerProcess.start(options, { env: shim.env });
  await server.logged('Status page on');
  await expect.poll(async () => (await checkOf(at, 'spool'))?.text, LOOKS).toContain('cannot be written');
  expect(readdirSync(spool)).toEqual([]);
});
