/** Files of this host: what may be sent, and that what is fetched appears whole or not at all. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { LocalFileError } from '../../../src/client/errors.ts';
import { nameOf, openLocalFile, spoolInput, storeLocalFile } from '../../../src/client/local-files.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { failure } from '../../wire/scripted-server.ts';

/** From which position on files cannot be read. */
const disk = vi.hoisted(() => ({ brokenFrom: Infinity }));
vi.mock(import('node:fs'), async (original) => {
  const real = await original();
  const { promisify } = await import('node:util');
  type Read = (
    fd: number,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ) => Promise<unknown>;
  const whole: Read = promisify(real.read);
  const sometimes: Read = (fd, buffer, offset, length, position) =>
    position < disk.brokenFrom
      ? whole(fd, buffer, offset, length, position)
      : Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
  return { ...real, read: Object.assign(() => undefined, { [promisify.custom]: sometimes }) as never };
});

// eslint-disable-next-line @typescript-eslint/require-await -- as content arrives
async function* chunks(...texts: readonly (string | Error)[]): AsyncGenerator<Buffer, void, undefined> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text, 'latin1');
  }
}

describe('sending', () => {
  test('a file is read as often as its content is asked for', async () => {
    const path = join(temporaryDirectory(), 'größe.data');
    const content = Buffer.alloc(200_000, 'abc');
    writeFileSync(path, content);
    const file = await openLocalFile(path);
    expect(file).toMatchObject({ name: Buffer.from('größe.data').toString('latin1'), size: 200_000 });
    for (let pass = 0; pass < 2; pass++) {
      const read: Buffer[] = [];
      for await (const chunk of file.content()) read.push(chunk);
      expect(Buffer.concat(read).equals(content)).toBe(true);
    }
    await file.close();
  });

  test.each<[string, (path: string) => void, string]>([
    ['missing', () => undefined, 'Cannot read PATH: it does not exist'],
    [
      'a directory',
      (path) => {
        mkdirSync(path);
      },
      'Cannot send PATH: it is a directory',
    ],
    [
      'empty',
      (path) => {
        writeFileSync(path, '');
      },
      'Cannot send PATH: it is empty, and the protocol has no empty file',
    ],
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), 'Cannot send PATH: it is no regular file'],
    [
      'a device',
      (path) => {
        symlinkSync('/dev/zero', path);
      },
      'Cannot send PATH: it is no regular file',
    ],
    [
      'a dangling link',
      (path) => {
        symlinkSync('nowhere', path);
      },
      'Cannot read PATH: it does not exist',
    ],
  ])('%s', async (_, make, message) => {
    const path = join(temporaryDirectory(), 'f');
    make(path);
    const error = await failure(openLocalFile(path));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toBe(message.replace('PATH', path));
  });

  test('a read error in mid-file names the file', async () => {
    const path = join(temporaryDirectory(), 'f');
    writeFileSync(path, Buffer.alloc(100_000));
    const file = await openLocalFile(path);
    disk.brokenFrom = 1;
    onTestFinished(() => {
      disk.brokenFrom = Infinity;
    });
    const read: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const chunk of file.content()) read.push(chunk.length);
    };
    const error = await failure(reading());
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toBe(
      `Cannot read ${path}: the disk fails (input/output error); the kernel log (dmesg) says more`,
    );
    expect(read).toEqual([65_536]);
    await file.close();
  });

  test.each([
    ['/a/b.data', 'b.data'],
    ['b.data', 'b.data'],
    ['/a/b/', 'b'],
    ['/', ''],
    ['ü', 'Ã¼'],
  ])('C3 the name of %s', (path, name) => {
    expect(nameOf(path)).toBe(name);
  });
});

describe('fetching', () => {
  test('a file comes out as the umask says', async () => {
    const directory = temporaryDirectory();
    const name = Buffer.from('größe').toString('latin1');
    const umask = process.umask(0o027);
    try {
      await storeLocalFile(directory, name, chunks('a', '', '\0\xff'));
    } finally {
      process.umask(umask);
    }
    expect(readdirSync(directory)).toEqual(['größe']);
    expect(readFileSync(join(directory, 'größe'), 'latin1')).toBe('a\0\xff');
    expect(statSync(join(directory, 'größe')).mode & 0o777).toBe(0o640);
  });

  test('a file takes the place of one of its name as the reference does: same mode, and through a link', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'real'), 'older and longer', { mode: 0o600 });
    symlinkSync('real', join(directory, 'link'));
    await storeLocalFile(directory, 'link', chunks('new'));
    expect(lstatSync(join(directory, 'link')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(directory, 'real'), 'latin1')).toBe('new');
    expect(statSync(join(directory, 'real')).mode & 0o777).toBe(0o600);
  });

  test('N3 before its end there is nothing under its name, and what was there stays', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'f'), 'old');
    const looking = async function* (): AsyncGenerator<Buffer, void, undefined> {
      yield* chunks('new');
      expect(readFileSync(join(directory, 'f'), 'latin1')).toBe('old');
      yield* chunks('er');
    };
    await storeLocalFile(directory, 'f', looking());
    expect(readFileSync(join(directory, 'f'), 'latin1')).toBe('newer');
  });

  test('N3 a transfer that fails leaves nothing, and its own error is thrown', async () => {
    const directory = temporaryDirectory();
    const lost = new Error('connection lost');
    expect(await failure(storeLocalFile(directory, 'f', chunks('half', lost)))).toBe(lost);
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each<[string, (directory: string) => void, string]>([
    [
      'it is a directory',
      (directory) => {
        mkdirSync(join(directory, 'd', 'f'), { recursive: true });
      },
      'it is a directory',
    ],
    ['there is no directory', () => undefined, 'it does not exist'],
    [
      'where the directory should be is a file',
      (directory) => {
        writeFileSync(join(directory, 'd'), '');
      },
      'it is not a directory',
    ],
  ])('a file cannot be written: %s', async (_, make, reason) => {
    const directory = temporaryDirectory();
    make(directory);
    const error = await failure(storeLocalFile(join(directory, 'd'), 'f', chunks('x')));
    expect(error).toBeInstanceOf(LocalFileError);
    expect(error.message).toContain(`Cannot write ${join(directory, 'd', 'f')}: `);
    expect(error.message).toContain(reason);
    const left = existsSync(join(directory, 'd', 'f')) ? readdirSync(join(directory, 'd')) : [];
    expect(left.filter((name) => name !== 'f')).toEqual([]);
  });

  test('two files fetched at the same moment do not meet', async () => {
    const directory = temporaryDirectory();
    const now = vi.spyOn(Date, 'now').mockReturnValue(0);
    try {
      await Promise.all(['f', 'g'].map((name) => storeLocalFile(directory, name, chunks(name))));
    } finally {
      now.mockRestore();
    }
    expect(readdirSync(directory).map((name) => readFileSync(join(directory, name), 'latin1'))).toEqual([
      'f',
      'g',
    ]);
  });
});

describe('standard input', () => {
  test('is spooled where nobody else can read it, until it is removed', async () => {
    const { path, remove } = await spoolInput(chunks('a', 'b'));
    expect(readFileSync(path, 'latin1')).toBe('ab');
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    await remove();
    expect(existsSync(join(path, '..'))).toBe(false);
  });

  test('leaves nothing when it breaks off', async () => {
    const place = temporaryDirectory();
    chmodSync(place, 0o700);
    vi.stubEnv('TMPDIR', place);
    try {
      expect(tmpdir()).toBe(place);
      await expect(spoolInput(chunks('a', new Error('broken')))).rejects.toThrow('broken');
    } finally {
      vi.unstubAllEnvs();
    }
    expect(readdirSync(place)).toEqual([]);
  });
});
