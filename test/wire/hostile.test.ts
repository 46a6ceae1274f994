/** What hostile clients and planted files try: one table, a test for each row, and after each it still serves. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CLIENT_RENEG_LIMIT, connect as connectTls, type ConnectionOptions } from 'node:tls';
import { describe, expect, onTestFinished } from 'vitest';
import { passwordDigest } from '../../src/protocol/password.ts';
import type { Token } from '../../src/settings/options.ts';
import { lockName, stagedName } from '../../src/store/owner.ts';
import { archive } from '../support/archives.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker, type TestWorker } from '../support/worker.ts';

type Tokens = Partial<Record<Token, string>>;

interface Target extends TestWorker {
  readonly spool: string;
  /** A file beside the spool, which nobody may read or change. */
  readonly outside: string;
  readonly open: () => Promise<Dialogue>;
}

interface Row {
  /** As the table of README names it. */
  readonly row: string;
  readonly needs?: readonly string[];
  readonly tokens?: Tokens;
  readonly attack: (target: Target) => Promise<void>;
}

const SECRET = 'nobody may read this';
const CLOSED = 'closed';
const PASSWORD = 'the password';
const PASS = `PASS ${passwordDigest(Buffer.from(PASSWORD))}\n`;
/** W4: one second. */
const IMPATIENT: Tokens = { timeout: '1', retries: '0' };
const DRIP_MS = 300;
const LONGEST_LOG_LINE = 1000;

async function targetOf(tokens: Tokens = {}): Promise<Target> {
  const spool = temporarySpool('conf');
  const outside = join(dirname(spool), 'secret');
  writeFileSync(outside, SECRET);
  const material =
    tokens.ssl_cert === undefined
      ? {}
      : { cert: readFileSync(tokens.ssl_cert), key: readFileSync(tokens.ssl_key ?? '') };
  const filters = '\\.conf$:conf';
  const worker = await startWorker({ directory: spool, insecure: '1', filters, ...tokens }, material);
  const open = (): Promise<Dialogue> =>
    tokens.ssl_cert === undefined ? Dialogue.open(worker.port) : secured(worker.port);
  return { ...worker, spool, outside, open };
}

async function secured(port: number, options: ConnectionOptions = {}): Promise<Dialogue> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  onTestFinished(() => {
    socket.destroy();
  });
  const dialogue = new Dialogue(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  return dialogue;
}

/** The first answer to these bytes on a connection of their own, or that there was none. */
async function answer({ open, settings }: Target, bytes: string | Buffer): Promise<string> {
  const dialogue = await open();
  if (settings.passwords.length > 0) await dialogue.ask(PASS);
  return dialogue.ask(bytes).catch(() => CLOSED);
}

async function logged({ log }: TestWorker, pattern: RegExp): Promise<void> {
  await expect.poll(() => log.some((line) => pattern.test(line))).toBe(true);
}

/** An honest client sends a file, and gets it back. */
async function stillServes({ open, settings }: Target): Promise<void> {
  const dialogue = await open();
  if (settings.proxyProtocolFrom.length > 0) dialogue.send('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n');
  if (settings.passwords.length > 0) expect(await dialogue.ask(PASS)).toBe('PASS OK\n');
  expect(await dialogue.ask('SEND <honest.1.data> SIZE 4\n')).toBe('SEND OK\n');
  expect(await dialogue.ask('data')).toBe('SEND OK\n');
  expect(await dialogue.ask('RECV <honest.1.data>\n')).toBe('RECV SIZE 4\n');
  expect(await dialogue.ask('RECV OK\nLS <?>\n')).toBe('dataLS ERR\n');
}

/** Whatever the attack was: nothing beside the spool changed, nothing half-done is in it, and each log entry is one line. */
function expectNoHarm({ spool, outside, log }: Target): void {
  expect(readdirSync(dirname(spool)).sort()).toEqual(['data_in', 'secret']);
  expect(readFileSync(outside, 'utf8')).toBe(SECRET);
  for (const line of log) {
    // eslint-disable-next-line no-control-regex -- control characters are what it looks for
    expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*\n$/);
    expect(line.length).toBeLessThan(LONGEST_LOG_LINE);
  }
}

/** Names of the files in the spool and in its one directory, as latin-1. */
function filesIn(spool: string): string[] {
  return [spool, join(spool, 'conf')].flatMap((directory) =>
    readdirSync(directory, { encoding: 'latin1' }).filter(
      (name) => !lstatSync(Buffer.from(`${directory}/${name}`, 'latin1')).isDirectory(),
    ),
  );
}

/** Tries a name with every command that takes one: refused, or taken for the name of a file in the spool. */
async function tryName(target: Target, name: string): Promise<void> {
  for (const command of ['RECV', 'ZRECV', 'MV', 'LS']) {
    expect(await answer(target, `${command} <${name}>\n`)).toMatch(
      /^(Z?RECV ERR \(.*\)|MV ERR|LS (ERR|SIZE \d+))\n$|^closed$/,
    );
  }
  const dialogue = await target.open();
  const first = await dialogue.ask(`SEND <${name}> SIZE 4\n`).catch(() => CLOSED);
  if (first !== 'SEND OK\n') {
    expect(['SEND ERR (invalid file name)\n', 'SEND ERR (file already exists)\n', CLOSED]).toContain(first);
    return;
  }
  expect(await dialogue.ask('evil')).toBe('SEND OK\n');
  expect(filesIn(target.spool)).toContain(name);
}

const NAMES: readonly Row[] = [
  {
    row: 'path traversal in every encoding',
    attack: async (target) => {
      const ups = [
        '..',
        '%2e%2e',
        '%252e%252e',
        '\\x2e\\x2e',
        '\xc0\xae\xc0\xae',
        '\xe0\x80\xae\xe0\x80\xae',
      ];
      const slashes = [
        '/',
        '\\',
        '%2f',
        '%5c',
        '%252f',
        '\xc0\xaf',
        '\xe0\x80\xaf',
        '\xef\xbc\x8f',
        '%u2215',
        ';/',
      ];
      const names = ups.flatMap((up) => slashes.map((slash) => `${up}${slash}secret`));
      const others = [
        '..',
        '.',
        '....//secret',
        'conf/../../secret',
        './../secret',
        '..\0/secret',
        '../secret\0.data',
      ];
      for (const name of [...names, ...others]) await tryName(target, name);
    },
  },
  {
    row: 'absolute paths',
    attack: async (target) => {
      const { outside } = target;
      const names = [
        outside,
        `/${outside}`,
        '/etc/passwd',
        '//etc/passwd',
        'C:\\boot.ini',
        '\\\\host\\share\\x',
      ];
      for (const name of [...names, `file://${outside}`, '~/x', '~root/x']) await tryName(target, name);
      expect(filesIn(target.spool)).toEqual([]);
    },
  },
  {
    row: 'symlinks planted in the spool',
    tokens: { overwrite: '1' },
    attack: async (target) => {
      const { spool, outside } = target;
      symlinkSync(outside, join(spool, 'file.1.data'));
      symlinkSync(outside, join(spool, 'conf', 'a.conf'));
      symlinkSync(dirname(outside), join(spool, 'directory'));
      symlinkSync('nowhere', join(spool, 'dangling'));
      for (const name of ['file.1.data', 'a.conf', 'directory', 'dangling', 'directory/secret']) {
        for (const command of ['RECV', 'ZRECV', 'MV']) {
          expect(await answer(target, `${command} <${name}>\n`)).toMatch(/ ERR/);
        }
      }
      const listing = await target.open();
      expect(await listing.ask('LS <x>\n')).toBe('LS SIZE 0\n');
      // With overwrite the link is replaced; what it leads to is not written.
      for (const name of ['file.1.data', 'a.conf', 'dangling', 'directory']) {
        const dialogue = await target.open();
        expect(await dialogue.ask(`SEND <${name}> SIZE 4\n`)).toBe('SEND OK\n');
        expect(await dialogue.ask('evil')).toBe('SEND OK\n');
      }
      for (const name of ['file.1.data', 'conf/a.conf', 'dangling', 'directory']) {
        expect(lstatSync(join(spool, name)).isFile()).toBe(true);
      }
    },
  },
  {
    row: 'FIFO and device',
    needs: ['root', 'mkfifo', 'mknod'],
    attack: async (target) => {
      const path = (name: string): string => join(target.spool, name);
      execFileSync('mkfifo', [path('fifo.1.data')]);
      execFileSync('mknod', [path('device.1.data'), 'c', '1', '5']);
      for (const name of ['fifo.1.data', 'device.1.data']) {
        expect(await answer(target, `RECV <${name}>\n`)).toBe('RECV ERR (file does not exist)\n');
        expect(await answer(target, `ZRECV <${name}>\n`)).toBe('ZRECV ERR (file does not exist)\n');
        expect(await answer(target, `MV <${name}>\n`)).toBe('MV ERR\n');
        expect(await answer(target, `SEND <${name}> SIZE 4\n`)).toBe('SEND ERR (file already exists)\n');
      }
      expect(await answer(target, 'LS <x>\n')).toBe('LS SIZE 0\n');
    },
  },
  {
    row: 'names that look like staged files',
    attack: async (target) => {
      const sending = await target.open();
      expect(await sending.ask('SEND <a.1.data> SIZE 8\n')).toBe('SEND OK\n');
      sending.send('half');
      await expect.poll(() => filesIn(target.spool)).toHaveLength(1);
      const [staged = ''] = filesIn(target.spool);
      expect(staged).toMatch(/^\./);
      const names = [staged, stagedName(), lockName('a.1.data'), '.a.1.data', '.nfs0001', '.tentacle.'];
      for (const name of names) {
        expect(await answer(target, `SEND <${name}> SIZE 4\n`)).toBe('SEND ERR (invalid file name)\n');
        expect(await answer(target, `RECV <${name}>\n`)).toBe('RECV ERR (file has an invalid file name)\n');
        expect(await answer(target, `MV <${name}>\n`)).toBe('MV ERR\n');
      }
      expect(await answer(target, 'LS <x>\n')).toBe('LS SIZE 0\n');
      expect(await sending.ask('half')).toBe('SEND OK\n');
      expect(filesIn(target.spool)).toEqual(['a.1.data']);
    },
  },
  {
    row: 'log injection (newline, ANSI escape)',
    attack: async (target) => {
      const forged = '2026-01-01 00:00:00 [log]Received file';
      const tricks = [
        '\r',
        '\x1b[2K',
        '\x1b[1A',
        '\x1b]0;title\x07',
        '\x9b31m',
        '\b\b',
        '\xe2\x80\xae',
        '\xe2\x80\xa8',
      ];
      for (const trick of tricks) {
        await answer(target, `RECV <a${trick}${forged}>\n`);
        await answer(target, `SEND <a${trick}${forged}> SIZE 3\n`);
        expect(await answer(target, `${trick}${forged}\n`)).toBe(CLOSED);
      }
      expect(await answer(target, `RECV <a\n${forged}>\n`)).toBe(CLOSED);
      await logged(target, /Unknown command '\\x1b\[2K2026/);
      expect(target.log.filter((line) => line.includes('\\x1b'))).not.toEqual([]);
    },
  },
  {
    row: 'shell metacharacters',
    attack: async (target) => {
      const wraps = [
        '`X`',
        '$(X)',
        '|X',
        'X|',
        'X|X',
        '&& X',
        '"X"',
        '${IFS}X',
        '-X',
        '--X',
        '!X',
        '#X',
        '{X}',
      ];
      for (const wrap of wraps) await tryName(target, wrap.replaceAll('X', 'touch pwned'));
      for (const name of ['%n%s%p', '-rf', '--', '$HOME', '`', '"', '&', '|']) await tryName(target, name);
      expect(readdirSync('.')).not.toContain('pwned');
      expect(filesIn(target.spool)).toContain('`touch pwned`');
    },
  },
  {
    row: 'NUL bytes',
    attack: async (target) => {
      for (const line of [
        '\0\0\0\n',
        'SEND\0<a> SIZE 3\n',
        'SEND <a> SIZE 3\0\n',
        'QUIT\0\n',
        '\0QUIT\n',
        '\0'.repeat(9000),
      ]) {
        expect(await answer(target, line)).toBe(CLOSED);
      }
      expect(await answer(target, 'SEND <a\0.data> SIZE 3\n')).toBe('SEND ERR (invalid file name)\n');
      expect(await answer(target, 'RECV <a\0>\n')).toBe('RECV ERR (file has an invalid file name)\n');
      // In a file they are bytes like others.
      const dialogue = await target.open();
      expect(await dialogue.ask('SEND <nul.1.data> SIZE 4\n')).toBe('SEND OK\n');
      expect(await dialogue.ask('\0\n\0\0')).toBe('SEND OK\n');
      expect(readFileSync(join(target.spool, 'nul.1.data'), 'latin1')).toBe('\0\n\0\0');
    },
  },
  {
    row: '1 MB command line',
    tokens: { password: PASSWORD },
    attack: async (target) => {
      const megabyte = 'a'.repeat(1024 * 1024);
      for (const line of [`SEND <${megabyte}> SIZE 3\n`, `${megabyte}\n`, megabyte]) {
        expect(await answer(target, line)).toBe(CLOSED);
      }
      const unknown = await target.open();
      expect(await unknown.ask(`PASS ${megabyte}\n`).catch(() => CLOSED)).toBe(CLOSED);
      await logged(target, /a line of over 8192 bytes/);
    },
  },
];

/** Sends an archive. @returns the last answer */
async function zsend(target: Target, bytes: Buffer): Promise<string> {
  const dialogue = await target.open();
  const first = await dialogue.ask(`ZSEND <z.1.data> SIZE ${String(bytes.length)}\n`);
  return first === 'ZSEND OK\n' ? dialogue.ask(bytes) : first;
}

const CONTENT = Buffer.from('content');

/** Archives that are refused, after which nothing is stored. */
function refusedArchives(archives: () => readonly Buffer[], reply = 'ZSEND ERR\n'): Row['attack'] {
  return async (target) => {
    for (const bytes of archives()) expect(await zsend(target, bytes)).toBe(reply);
    expect(filesIn(target.spool)).toEqual([]);
  };
}

const ARCHIVES: readonly Row[] = [
  {
    row: 'zip bomb',
    attack: refusedArchives(
      () => [readFileSync('test/testdata/zip/bomb-30m.zip'), archive(Buffer.alloc(2_000_001))],
      'ZSEND ERR (file is too big)\n',
    ),
  },
  {
    row: 'zip slip',
    attack: async (target) => {
      const names = ['../secret', target.outside, '..\\secret', 'conf/evil.conf', '\0', '../'.repeat(1000)];
      for (const [index, name] of names.entries()) {
        const bytes = archive(CONTENT, { name });
        const dialogue = await target.open();
        expect(await dialogue.ask(`ZSEND <z${String(index)}> SIZE ${String(bytes.length)}\n`)).toBe(
          'ZSEND OK\n',
        );
        expect(await dialogue.ask(bytes)).toBe('ZSEND OK\n');
      }
      // The name of the member means nothing: the command named the file.
      expect(filesIn(target.spool).sort()).toEqual(names.map((_, index) => `z${String(index)}`));
    },
  },
  {
    row: 'zip with two members',
    attack: refusedArchives(() => {
      const one = archive(CONTENT);
      const member = one.subarray(0, one.indexOf('PK\x01\x02'));
      return [Buffer.concat([one, one]), Buffer.concat([member, one])];
    }),
  },
  {
    row: 'wrong CRC',
    attack: refusedArchives(() => [archive(CONTENT, { crc: 1 }), archive(CONTENT, { crc: 1, method: 0 })]),
  },
  {
    row: 'size lies',
    attack: async (target) => {
      await refusedArchives(() => [
        ...[0, 6, 8, 0x7fffffff, 0xffffffff].map((size) => archive(CONTENT, { size })),
        ...[0, 1, 8, 0x7fffffff, 0xffffffff].map((packedSize) => archive(CONTENT, { packedSize })),
        ...[0, 6, 8, 0xffffffff].map((size) => archive(CONTENT, { method: 0, size, packedSize: size })),
        Buffer.concat([archive(CONTENT), Buffer.from('more')]),
      ])(target);
      const fewer = await target.open();
      expect(await fewer.ask('SEND <fewer> SIZE 10\n')).toBe('SEND OK\n');
      fewer.stream.end('five!');
      expect(await fewer.rest()).toBe('');
      await expect.poll(() => filesIn(target.spool)).toEqual([]);
      const more = await target.open();
      expect(await more.ask('SEND <more> SIZE 4\n')).toBe('SEND OK\n');
      expect(await more.ask('data and more\n')).toBe('SEND OK\n');
      expect(await more.rest()).toBe('');
      expect(readFileSync(join(target.spool, 'more'), 'utf8')).toBe('data');
    },
  },
  {
    row: 'integer overflow',
    attack: async (target) => {
      const powers = [
        2n ** 31n,
        2n ** 32n,
        2n ** 32n + 4n,
        2n ** 53n + 1n,
        2n ** 63n,
        2n ** 64n,
        2n ** 64n + 4n,
      ];
      for (const size of [...powers.map(String), '9'.repeat(400)]) {
        expect(await answer(target, `SEND <a> SIZE ${size}\n`)).toBe('SEND ERR (file is too big)\n');
        expect(await answer(target, `ZSEND <a> SIZE ${size}\n`)).toBe('ZSEND ERR (file is too big)\n');
      }
      for (const size of ['-1', '+4', '4.0', '4e0', '0x4', ' 4', '4 ', '', 'NaN', 'Infinity', '\xd9\xa4']) {
        expect(await answer(target, `SEND <a> SIZE ${size}\n`)).toBe(CLOSED);
      }
      const vast = await targetOf({ max_size: String(Number.MAX_SAFE_INTEGER) });
      for (const size of ['9007199254740991', '9007199254740990']) {
        expect(await answer(vast, `SEND <a> SIZE ${size}\n`)).toBe('SEND ERR (not enough space)\n');
      }
      expect(filesIn(target.spool)).toEqual([]);
    },
  },
];

/** Sends a byte now and then until the server closes. */
async function drip(dialogue: Dialogue, bytes: string): Promise<void> {
  let next = 0;
  const timer = setInterval(() => {
    dialogue.send(bytes.charAt(next++) || 'x');
  }, DRIP_MS);
  try {
    expect(await dialogue.rest()).toBe('');
  } finally {
    clearInterval(timer);
  }
}

interface Loris {
  readonly tokens?: Tokens;
  /** Each is sent after the answer to the one before. */
  readonly questions?: readonly string[];
  /** Sent at once, before it becomes slow. */
  readonly sends?: string;
  readonly drips: string;
}

function loris(phase: string, { tokens, questions = [], sends = '', drips }: Loris): Row {
  return {
    row: `slow loris ${phase}`,
    tokens: { ...IMPATIENT, ...tokens },
    attack: async (target) => {
      writeFileSync(join(target.spool, 'there'), 'data');
      const dialogue = await target.open();
      for (const question of questions) await dialogue.ask(question);
      dialogue.send(sends);
      await drip(dialogue, drips);
      await logged(target, /timed out/);
      expect(filesIn(target.spool)).toEqual(['there']);
    },
  };
}

const LORIS: readonly Row[] = [
  loris('in the PROXY header', {
    tokens: { proxy_protocol_accept: '127.0.0.1' },
    drips: 'PROXY TCP4 192.0.2.1',
  }),
  loris('in PASS', { tokens: { password: PASSWORD }, drips: PASS }),
  loris('in a command', { drips: 'SEND <aaaaaaaaaaaaaaaaa' }),
  loris('in a file', { questions: ['SEND <a> SIZE 100000\n'], sends: 'data', drips: 'data' }),
  loris('in an archive', { questions: ['ZSEND <a> SIZE 100000\n'], sends: 'PK\x03\x04', drips: '\x14' }),
  loris('in a refused file that is skipped', {
    questions: ['ZSEND <a> SIZE 100000\n'],
    sends: 'no archive'.repeat(100),
    drips: 'no archive',
  }),
  loris('instead of RECV OK', { questions: ['RECV <there>\n'], drips: 'RECV O' }),
  {
    row: 'slow loris that does not read',
    tokens: IMPATIENT,
    attack: async (target) => {
      const size = 20_000_000;
      writeFileSync(join(target.spool, 'big'), Buffer.alloc(size));
      const dialogue = await target.open();
      expect(await dialogue.ask('RECV <big>\n')).toBe(`RECV SIZE ${String(size)}\n`);
      dialogue.stream.pause();
      dialogue.send('RECV OK\n');
      await logged(target, /timed out/);
    },
  },
];

const PASSWORDS: readonly Row[] = [
  {
    row: 'password brute force',
    tokens: { password: PASSWORD },
    attack: async (target) => {
      const right = PASS.slice(5, -1);
      const near = [
        right.toUpperCase(),
        right.slice(1),
        `${right} `,
        `${right}\0`,
        '',
        '0'.repeat(32),
        PASSWORD,
      ];
      const start = performance.now();
      const guess = async (digest: string): Promise<void> => {
        const dialogue = await target.open();
        // A connection is worth one guess, even where several come at once.
        dialogue.send(`PASS ${digest}\n${PASS}SEND <a> SIZE 1\n`);
        expect(await dialogue.rest()).toBe('');
      };
      const guesses = Promise.all(near.map(guess));
      await stillServes(target);
      await guesses;
      expect(performance.now() - start).toBeGreaterThan(900);
      expect(target.log.filter((line) => line.includes('Invalid password'))).toHaveLength(near.length);
      const { open } = target;
      for (const first of ['SEND <a> SIZE 1\n', 'QUIT\n', 'pass x\n', 'RECV <a>\n', '\n']) {
        const dialogue = await open();
        expect(await dialogue.ask(`${first}${PASS}`).catch(() => CLOSED)).toBe(CLOSED);
      }
      expect(filesIn(target.spool)).toEqual(['honest.1.data']);
      execFileSync('rm', [join(target.spool, 'honest.1.data')]);
    },
  },
  {
    // Documented: nothing in the protocol is new in each connection. What helps is TLS, and require_ssl.
    row: 'PASS replay on plain TCP',
    tokens: { password: PASSWORD },
    attack: async (target) => {
      for (const time of [1, 2]) {
        const dialogue = await target.open();
        expect(await dialogue.ask(PASS), String(time)).toBe('PASS OK\n');
        // A second one is no command; no log holds the digest.
        expect(await dialogue.ask(PASS).catch(() => CLOSED)).toBe(CLOSED);
      }
      await logged(target, /Unknown command 'PASS \[redacted\]'/);
      expect(target.log.join('')).not.toContain(PASS.slice(5, -1));
    },
  },
];

/** A ClientHello that offers one version and one cipher, as hex digits. */
function clientHello(version: string, cipher: string): Buffer {
  const body = `${version}${'00'.repeat(32)}000002${cipher}0100`;
  const bytes = (hex: string): string => (hex.length / 2).toString(16);
  const handshake = `01${bytes(body).padStart(6, '0')}${body}`;
  return Buffer.from(`16${version}${bytes(handshake).padStart(4, '0')}${handshake}`, 'hex');
}

/** What a server says that refuses: nothing, or a fatal alert; never a ServerHello. */
// eslint-disable-next-line no-control-regex -- the bytes of a TLS record
const ALERT_AT_MOST = /^(\x15\x03[\x00-\x03]\x00\x02\x02.)?$/s;

/** Negotiates anew, again and again. @returns how often it was let */
async function renegotiations(port: number): Promise<number> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  onTestFinished(() => {
    socket.destroy();
  });
  const over = new Promise<boolean>((resolve) => {
    for (const end of ['end', 'error', 'close'])
      socket.once(end, () => {
        resolve(false);
      });
  });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  for (let times = 0; ; times++) {
    const again = new Promise<boolean>((resolve) => {
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        resolve(error === null);
      });
    });
    if (!(await Promise.race([again, over]))) return times;
  }
}

const TLS: readonly Row[] = [
  {
    row: 'TLS renegotiation flood',
    attack: async (target) => {
      const floods = await Promise.all(Array.from({ length: 10 }, () => renegotiations(target.port)));
      for (const times of floods) expect(times).toBeLessThanOrEqual(CLIENT_RENEG_LIMIT);
      await logged(target, /renegotiation attack/);
    },
  },
  {
    row: 'TLS 1.0',
    attack: async (target) => {
      for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
        const options = { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
        await expect(secured(target.port, options)).rejects.toThrow(/protocol version|unsupported protocol/i);
      }
      await logged(target, /no TLS version or cipher in common: see ssl_version and ssl_cipher/);
    },
  },
  {
    row: 'export ciphers',
    attack: async (target) => {
      // RSA_EXPORT_WITH_RC4_40_MD5, RSA_EXPORT_WITH_DES40_CBC_SHA, RSA_WITH_NULL_SHA, RSA_WITH_RC4_128_SHA, RSA_WITH_3DES
      const ciphers = ['0003', '0008', '0002', '0005', '000a'];
      const hellos = ciphers.map((cipher) => clientHello('0303', cipher));
      // SSL 3.0 with a cipher that would do.
      for (const hello of [...hellos, clientHello('0300', '002f')]) {
        const dialogue = await Dialogue.open(target.port);
        dialogue.send(hello);
        // An alert, if anything; never a ServerHello.
        expect(await dialogue.rest()).toMatch(ALERT_AT_MOST);
      }
      await logged(target, /no TLS version or cipher in common/);
    },
  },
  {
    row: 'a plain client where require_ssl is set',
    tokens: { require_ssl: '1', password: PASSWORD },
    attack: async (target) => {
      for (const line of [PASS, 'SEND <a> SIZE 4\n', 'QUIT\n', '\n\n\n\n\n']) {
        const dialogue = await Dialogue.open(target.port);
        dialogue.send(line);
        const said = await dialogue.rest();
        expect(said).toMatch(ALERT_AT_MOST);
      }
      await logged(target, /a client without TLS spoke to the TLS port/);
      expect(filesIn(target.spool)).toEqual([]);
    },
  },
];

function testRow({ row, needs = [], tokens, attack }: Row): void {
  testWith(needs, row, async () => {
    const target = await targetOf(tokens);
    await attack(target);
    await stillServes(target);
    expectNoHarm(target);
  });
}

describe('names and lines', () => {
  NAMES.forEach(testRow);
});

describe('archives and sizes', () => {
  ARCHIVES.forEach(testRow);
});

describe('patience', () => {
  LORIS.forEach(testRow);
});

describe('passwords', () => {
  PASSWORDS.forEach(testRow);
});

describe('TLS', () => {
  for (const { row, tokens, attack } of TLS) {
    testWith(['openssl'], row, async () => {
      const { cert, key } = new CertificateAuthority().issue('localhost');
      const target = await targetOf({ ...tokens, ssl_cert: cert, ssl_key: key });
      await attack(target);
      await stillServes(target);
      expectNoHarm(target);
    });
  }
});
