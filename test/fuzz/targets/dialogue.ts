/** Whole conversations with a real worker over real sockets; the first byte chooses its settings. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { passwordDigest } from '../../../src/protocol/password.ts';
import type { Token } from '../../../src/settings/options.ts';
import { mutilated, proxyHeader, session } from '../arbitraries.ts';
import { converse } from '../client.ts';
import { FILTERS, LINE_LIMIT, MAX_SIZE, type Rules, walk } from '../model.ts';
import { FuzzedServer } from '../server.ts';
import { cut, latin1, must, shown, type Target } from '../target.ts';

const PASSWORD = 'fuzz';
const DIGEST = passwordDigest(Buffer.from(PASSWORD));

export const COMMON: Partial<Record<Token, string>> = {
  block_size: String(LINE_LIMIT),
  max_size: String(MAX_SIZE),
  // A server that waits for more, although no more can come, is found to hang before.
  timeout: '600',
};

interface Variant {
  readonly tokens: Partial<Record<Token, string>>;
  readonly rules: Rules;
}

const VARIANTS: readonly Variant[] = [
  { tokens: { insecure: '1', filters: FILTERS }, rules: { insecure: true, filtered: true } },
  { tokens: { insecure: '1', overwrite: '1' }, rules: { insecure: true, overwrite: true } },
  { tokens: { password: PASSWORD }, rules: { digest: DIGEST } },
  { tokens: { proxy_protocol_accept: '127.0.0.1' }, rules: { proxied: true } },
];

export const WORDS = [
  ...['SEND <', 'ZSEND <', 'RECV <', 'ZRECV <', 'LS <', 'MV <', 'QUIT\n', '> SIZE ', '>\n', '\n'],
  ...[
    'RECV OK\n',
    'ZRECV OK\n',
    'LS OK\n',
    'MV OK\n',
    '../',
    '/',
    '\0',
    '\x1b[2J',
    'm.data',
    'a.conf',
    'a.md5',
  ],
  ...[
    'SEND <a> SIZE 1\nx',
    'RECV <a>\nRECV OK\n',
    'MV <m.data>\nMV OK\n',
    'LS <>\nLS OK\n',
    'PROXY UNKNOWN\r\n',
  ],
  `PASS ${DIGEST}\n`,
];

export async function dialogue(): Promise<Target> {
  const servers = await Promise.all(
    VARIANTS.map(({ tokens }) => FuzzedServer.start({ ...COMMON, ...tokens })),
  );
  return {
    seeds: seeds(),
    words: WORDS,
    structure: fc
      .tuple(fc.nat(VARIANTS.length - 1), proxyHeader, fc.oneof(session, mutilated(session)))
      .map(([variant, header, commands]) => Buffer.concat([...beginning(variant, header), commands])),
    longest: 8192,
    run: async (input) => {
      const nth = (input[0] ?? 0) % VARIANTS.length;
      const [variant, server] = [VARIANTS[nth], servers[nth]];
      if (variant === undefined || server === undefined) throw new Error('no such server');
      await judge(input, variant.rules, server);
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** What must come first. */
function beginning(variant: number, header: Buffer): Buffer[] {
  const first = Buffer.from([variant]);
  const { digest, proxied } = VARIANTS[variant]?.rules ?? {};
  if (digest !== undefined) return [first, latin1(`PASS ${digest}\n`)];
  return proxied ? [first, header] : [first];
}

/** What was recorded with the Perl server, for each variant. */
export function transcripts(): Buffer[] {
  const file = readFileSync('test/testdata/transcripts.json', 'utf8');
  const { cases } = JSON.parse(file) as { cases: { steps: { send: string }[] }[] };
  return cases.map(({ steps }) => latin1(steps.map(({ send }) => send).join('')));
}

function seeds(): Buffer[] {
  const header = latin1('PROXY TCP4 10.0.0.1 10.0.0.2 50000 41121\r\n');
  const recorded = transcripts().filter(({ length }) => length < 8192);
  return recorded.map((stream, nth) => Buffer.concat([...beginning(nth % VARIANTS.length, header), stream]));
}

async function judge(input: Buffer, rules: Rules, server: FuzzedServer): Promise<void> {
  server.reset();
  const stream = input.subarray(1);
  const socket = await server.connect();
  // The server would keep such a client for a second.
  const isHopeless = (): boolean =>
    rules.digest !== undefined && server.log.some((line) => line.includes('Invalid password'));
  // The server closes when all is done and logged.
  const answers = await converse(socket, cut(stream, input), isHopeless);
  judgeEnd(server, walk(stream, answers, rules));
}

/** @param expected what must lie in the spool, and nothing else */
export function judgeEnd(server: FuzzedServer, expected: Readonly<Record<string, string>>): void {
  const found = server.files();
  must(isDeepStrictEqual(found, { ...expected }), () => {
    return `the spool holds ${shown(JSON.stringify(found))} instead of ${shown(JSON.stringify(expected))}`;
  });
  server.judge();
}
