/** What clients may do in which directory of the spool, and how many files they may leave there. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Dialogue } from '../support/dialogue.ts';
import { store } from '../support/store.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

const FILTERS = String.raw`\.conf$:conf=r;\.md5$:md5=rw;\.zip$:collections=w`;

interface Served extends TestWorker {
  readonly spool: string;
  readonly client: Dialogue;
}

async function served(tokens: Readonly<Record<string, string>> = {}): Promise<Served> {
  const spool = temporarySpool('conf', 'md5', 'collections');
  for (const [directory, name] of [
    ['conf', 'there.conf'],
    ['md5', 'there.md5'],
    ['collections', 'there.zip'],
  ] as const) {
    writeFileSync(join(spool, directory, name), 'data');
  }
  const worker = await startWorker({ directory: spool, filters: FILTERS, insecure: '1', ...tokens });
  return { ...worker, spool, client: await Dialogue.open(worker.port) };
}

const ARCHIVE = readFileSync('test/testdata/zip/one-byte.zip');
const FETCH = 'RECV SIZE 4\n';
const UNFETCHABLE = 'RECV ERR (file has an invalid file name)\n';

describe('N2 permissions of filters', () => {
  const rows = {
    '=r': {
      ending: 'conf',
      send: 'SEND ERR (invalid file name)\n',
      zsend: 'ZSEND ERR (invalid file name)\n',
      recv: FETCH,
      ls: 'LS SIZE',
      mv: 'MV ERR\n',
    },
    '=rw': {
      ending: 'md5',
      send: 'SEND OK\n',
      zsend: 'ZSEND OK\n',
      recv: FETCH,
      ls: 'LS SIZE',
      mv: 'MV SIZE 4\n',
    },
    '=w': {
      ending: 'zip',
      send: 'SEND OK\n',
      zsend: 'ZSEND OK\n',
      recv: UNFETCHABLE,
      ls: 'LS ERR',
      mv: 'MV ERR\n',
    },
  } as const;

  test.each(Object.entries(rows))('%s', async (_permissions, { ending, send, zsend, recv, ls, mv }) => {
    const { client, spool } = await served();
    const before = readdirSync(spool, { recursive: true });
    expect(await store(client, `new.${ending}`)).toBe(send);
    expect(await client.ask(`ZSEND <zipped.${ending}> SIZE ${String(ARCHIVE.length)}\n`)).toBe(zsend);
    if (zsend === 'ZSEND OK\n') expect(await client.ask(ARCHIVE)).toBe(zsend);
    else expect(readdirSync(spool, { recursive: true })).toEqual(before);
    expect(await client.ask(`RECV <there.${ending}>\n`)).toBe(recv);
    if (recv === FETCH) expect(await client.ask('RECV OK\nLS <nothing,else>\n')).toBe('dataLS ERR\n');
    expect((await client.ask(`ZRECV <there.${ending}>\n`)).startsWith('ZRECV SIZE')).toBe(recv === FETCH);
    if (recv === FETCH) expect(await client.ask('ZRECV NO\nLS <nothing,else>\n')).toBe('LS ERR\n');
    expect((await client.ask(`LS <any.${ending}>\n`)).slice(0, ls.length)).toBe(ls);
    if (ls === 'LS SIZE') expect(await client.ask('LS NO\nLS <nothing,else>\n')).toBe('LS ERR\n');
    expect(await client.ask(`MV <there.${ending}>\n`)).toBe(mv);
  });

  test('what matches no filter may be sent and fetched; a last filter may say otherwise', async () => {
    const { client } = await served();
    expect(await store(client, 'a.1.data')).toBe('SEND OK\n');
    expect(await client.ask('RECV <a.1.data>\n')).toBe(FETCH);
    const { client: other, spool } = await served({ filters: `${FILTERS};.:.=w` });
    expect(await store(other, 'a.1.data')).toBe('SEND OK\n');
    expect(readdirSync(spool)).toContain('a.1.data');
    expect(await other.ask('RECV <a.1.data>\n')).toBe(UNFETCHABLE);
    expect(await other.ask('RECV <there.conf>\n')).toBe(FETCH);
  });

  test('overwrite gives no one the right to', async () => {
    const { client, spool } = await served({ overwrite: '1' });
    expect(await store(client, 'there.conf')).toBe('SEND ERR (invalid file name)\n');
    expect(readFileSync(join(spool, 'conf', 'there.conf'), 'utf8')).toBe('data');
  });

  test('the log says why', async () => {
    const { client, log } = await served();
    await store(client, 'new.conf');
    await client.ask('RECV <there.zip>\n');
    const text = log.join('');
    expect(text).toMatch(
      /File 'new\.conf' size 4b from 127\.0\.0\.1 port \d+ is not permitted: filters give conf only =r\./,
    );
    expect(text).toMatch(
      /Requested file 'there\.zip' from .* is not permitted: filters give collections only =w\./,
    );
  });
});

describe('max_files', () => {
  const REFUSED = 'SEND ERR (not enough space)\n';

  test('above it files are refused, in their directory alone, until somebody takes some away', async () => {
    const { client, spool, log } = await served({ max_files: '3' });
    for (const name of ['a', 'b', 'c']) expect(await store(client, name)).toBe('SEND OK\n');
    for (const name of ['d', 'e']) expect(await store(client, name)).toBe(REFUSED);
    expect(await store(client, 'new.md5')).toBe('SEND OK\n');
    expect(await client.ask('ZSEND <z> SIZE 9\n')).toBe('ZSEND ERR (not enough space)\n');
    rmSync(join(spool, 'a'));
    await expect.poll(() => store(client, 'f')).toBe('SEND OK\n');
    expect(await store(client, 'g')).toBe(REFUSED);
    const told = log.filter((line) => line.includes('max_files 3 reached in'));
    expect(told).toHaveLength(1);
    expect(log.join('')).toMatch(
      /\[log\]File 'd' size 4b from .* not stored, too many files: .*: max_files 3 is reached\./,
    );
  });

  test('a file that is replaced makes no more of them', async () => {
    const { client } = await served({ max_files: '1', overwrite: '1' });
    for (let time = 0; time < 5; time++) expect(await store(client, 'a')).toBe('SEND OK\n');
    expect(await store(client, 'b')).toBe(REFUSED);
    expect(await store(client, 'a')).toBe('SEND OK\n');
  });

  test('a transfer that breaks off gives its place back', async () => {
    const { client, port } = await served({ max_files: '1' });
    const other = await Dialogue.open(port);
    expect(await other.ask('SEND <a> SIZE 100\n')).toBe('SEND OK\n');
    expect(await store(client, 'b')).toBe(REFUSED);
    other.stream.destroy();
    await expect.poll(() => store(client, 'b')).toBe('SEND OK\n');
  });

  test('the queue of proxy_mode store has it, too', async () => {
    const { client } = await served({
      max_files: '2',
      filters: '',
      proxy_ip: '127.0.0.1:9',
      proxy_mode: 'store',
    });
    for (const name of ['a', 'b']) expect(await store(client, name)).toBe('SEND OK\n');
    expect(await store(client, 'c')).toBe(REFUSED);
  });
});
