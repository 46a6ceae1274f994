/**
 * Conversations within TLS; bytes that are no TLS; and TLS that is cut or changed on its way. The first byte chooses
 * which, and the version.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import fc from 'fast-check';
import { bytes, mutilated, session } from '../arbitraries.ts';
import { converse } from '../client.ts';
import { FILTERS, walk } from '../model.ts';
import { FIXTURES, FuzzedServer } from '../server.ts';
import { cut, latin1, must, shown, type Target } from '../target.ts';
import { COMMON, judgeEnd, transcripts, WORDS } from './dialogue.ts';

const RULES = { insecure: true, filtered: true } as const;
/** Which byte of the client's side of TLS is changed, behind which nothing follows: two bytes, and how: one. */
const TAMPERING_BYTES = 3;

type Way = (input: Buffer, server: FuzzedServer) => Promise<void>;

export async function tls(): Promise<Target> {
  const material = certificate();
  const server = await FuzzedServer.start(
    { ...COMMON, insecure: '1', filters: FILTERS, ssl_cert: '/cert', ssl_key: '/key' },
    material,
  );
  return {
    seeds: [...transcripts().map((stream) => Buffer.concat([Buffer.from([1]), stream])), ...RAW, ...TAMPERED],
    words: [...WORDS, '\x16\x03\x01', '\x16\x03\x03', '\x15\x03\x03\0\x02\x02\x28', '\x01\0', '\x17\x03\x03'],
    structure: fc
      .tuple(fc.nat(5), fc.nat(700), bytes(1), fc.oneof(session, mutilated(session)))
      .map(([way, offset, xor, stream]) => {
        const tampering = way % 3 === 2 ? [Buffer.from([offset >> 8, offset & 0xff]), xor] : [];
        return Buffer.concat([Buffer.from([way]), ...tampering, stream]);
      }),
    longest: 8192,
    run: (input) => {
      server.reset();
      return (WAYS[(input[0] ?? 0) % WAYS.length] ?? raw)(input, server);
    },
    close: () => server.close(),
  };
}

/** The beginnings of a ClientHello, an alert, and HTTP. */
const RAW = [
  '\0\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
  `\0\x16\x03\x01\0\x2f\x01\0\0\x2b\x03\x03${'r'.repeat(32)}\0\0\x04\x13\x01\xc0\x2f\x01\0`,
  '\0\x15\x03\x03\0\x02\x02\x28',
  '\0\x80\x2e\x01\x03\x01',
  '\0GET / HTTP/1.0\r\n\r\n',
].map(latin1);

/** Cut or changed in the hello, in the end of the handshake, in the data. */
const TAMPERED = [0, 5, 60, 300, 500, 560].flatMap((offset) =>
  ['\0', '\x01', '\x80'].map((xor) =>
    Buffer.concat([
      Buffer.from([offset % 2 === 0 ? 2 : 5, offset >> 8, offset & 0xff]),
      latin1(`${xor}SEND <a> SIZE 5\nhelloRECV <a>\nRECV OK\nQUIT\n`),
    ]),
  ),
);

const WAYS: readonly Way[] = [raw, wrapped, tampered];

/** None of it becomes a conversation. */
async function raw(input: Buffer, server: FuzzedServer): Promise<void> {
  await converse(await server.connect(), cut(input.subarray(1), input));
  await server.quiet();
  judgeEnd(server, FIXTURES);
}

/** Each piece is a record. */
async function wrapped(input: Buffer, server: FuzzedServer): Promise<void> {
  const stream = input.subarray(1);
  const secure = await handshaken(await server.connect(), input);
  const answers = await converse(secure, cut(stream, input));
  await server.quiet();
  judgeEnd(server, walk(stream, answers, RULES));
}

/** How far it came is not known; what came was whole. */
async function tampered(input: Buffer, server: FuzzedServer): Promise<void> {
  const stream = input.subarray(1 + TAMPERING_BYTES);
  const socket = await server.connect();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const secure = connect({ ...optionsOf(input), socket: behindTampering(socket, input) });
  secure.on('error', () => undefined);
  secure.end(stream);
  secure.resume();
  await closed;
  secure.destroy();
  await server.quiet();
  judgeWhole(server, stream.toString('latin1'));
  server.judge();
}

function judgeWhole(server: FuzzedServer, stream: string): void {
  for (const [path, content] of Object.entries(server.files())) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const sent = stream.includes(`SEND <${name}> SIZE ${String(content.length)}\n${content}`);
    const isKnown = FIXTURES[path] === content || sent || stream.includes(`ZSEND <${name}> SIZE `);
    // Heading zeroes are allowed.
    const isOdd = new RegExp(`> SIZE 0+${String(content.length)}\n`).test(stream);
    must(isKnown || isOdd, () => `the spool holds ${shown(path)} with ${shown(content)}, which nobody sent`);
  }
}

function optionsOf(input: Buffer): ConnectionOptions {
  const version = (input[0] ?? 0) % 2 === 0 ? 'TLSv1.3' : 'TLSv1.2';
  return { rejectUnauthorized: false, minVersion: version, maxVersion: version };
}

async function handshaken(socket: Socket, input: Buffer): Promise<Duplex> {
  const secure = connect({ ...optionsOf(input), socket });
  await new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', resolve);
    secure.once('error', reject);
  });
  return secure;
}

/** A stream that leads to the socket, but for one byte that is changed on the way, and all behind its piece. */
function behindTampering(socket: Socket, input: Buffer): Duplex {
  const [near, far] = duplexPair();
  const [at, xor] = [((input[1] ?? 0) << 8) | (input[2] ?? 0), input[3] ?? 0];
  let passed = 0;
  far.on('data', (chunk: Buffer) => {
    if (socket.writableEnded) return;
    const place = at - passed;
    passed += chunk.length;
    if (place >= chunk.length) {
      socket.write(chunk);
      return;
    }
    const changed = Buffer.from(chunk.subarray(0, place + 1));
    changed[place] = (changed[place] ?? 0) ^ xor;
    // No change: it is cut off there.
    socket.end(xor === 0 ? changed.subarray(0, place) : changed);
  });
  far.on('end', () => socket.end());
  socket.on('data', (chunk) => far.write(chunk));
  socket.on('end', () => far.end());
  return near;
}

function certificate(): { readonly cert: Buffer; readonly key: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'tentacle-fuzz-'));
  const [cert, key] = [join(directory, 'cert'), join(directory, 'key')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const request = ['req', '-x509', ...curve, '-nodes', '-subj', '/CN=fuzz', '-days', '30'];
  try {
    execFileSync('openssl', [...request, '-keyout', key, '-out', cert], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
