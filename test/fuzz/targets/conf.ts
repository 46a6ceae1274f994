/** Configuration: whatever stands in it, problems are told, and none is thrown. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import {
  type Assignment,
  bytesOf,
  describe,
  type Problem,
  textOf,
} from '../../../src/settings/assignment.ts';
import { build, pack, unpack } from '../../../src/settings/blueprint.ts';
import { parseCommandLine } from '../../../src/settings/command-line.ts';
import { parseConfFile } from '../../../src/settings/conf-file.ts';
import { parseDefaultsFile } from '../../../src/settings/defaults-file.ts';
import { splitExtOpts } from '../../../src/settings/ext-opts.ts';
import { parseFilters } from '../../../src/settings/filters.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { optionRow, OPTIONS } from '../../../src/settings/options.ts';
import { type Material, validate } from '../../../src/settings/validate.ts';
import { NO_MATERIAL } from '../../support/settings.ts';
import { mutilated } from '../arbitraries.ts';
import { latin1, must, shown, type Target } from '../target.ts';

const NAMES = ['a.conf', 'host.1.data', 'x'.repeat(255), 'a'.repeat(100) + '!', ''];
/** A secret that no message has in its own words. */
const TELLING = /^(?=.*[0-9])(?=.*[A-Z]).{8,}$/s;

export function conf(): Promise<Target> {
  const pem = execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      '-',
      '-subj',
      '/CN=fuzz',
      '-addext',
      'subjectAltName=DNS:a,IP:::1',
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const tls = 'directory /spool\nssl_cert /c\nssl_ca /a\nssl_crl /l\nssl_client_names a,*.b\n';
  return Promise.resolve({
    seeds: [
      readFileSync('etc/tentacle_server.conf'),
      Buffer.concat([latin1(tls), pem]),
      ...SEEDS.map(latin1),
    ],
    words: [...OPTIONS.flatMap(({ token }) => [`${token} `, `--${token.replaceAll('_', '-')} `]), ...WORDS],
    structure: fc.oneof(confFile, mutilated(confFile)),
    longest: 65_536,
    run: (input) =>
      Promise.resolve().then(() => {
        judge(input);
      }),
    close: () => Promise.resolve(),
  });
}

const SEEDS = [
  'directory /spool\nfilters .*\\.conf:conf=r;.*\\.md5:md5;(?:a|b){2,3}$:../x;(?=x)y:z=q\nport 41121\n',
  'addresses 127.0.0.1,[::1]:4,localhost\nproxy_ip 10.0.0.1,b:5\nproxy_port 1\nproxy_mode store\ndirectory /q\n',
  'TENTACLE_EXT_OPTS="-T -p \'41 121\' -x \\"s\\"" # c\nexport A=b\nTENTACLE_EXT_OPTS=\'-i\' \n',
  '-a 127.0.0.1 -p41121 --ssl-cert=/c -i.*\\.conf:conf -S "a b" -v -v -F',
  'allow_from 10.0.0.0/8,::1,1.2.3.4/33\nproxy_protocol_accept 0.0.0.0/0\ninvalid_chars \\?\\[z-a\nssl_version TLSv12:!SSLv3\n',
  'ssl_cipher ALL:!NULL\nmax_size 0\nlog_max_size 1k\numask 0777\nlog_frequency daily\npassword Geheim-1234 \n',
];

const WORDS = [
  '\n',
  '\r\n',
  ' ',
  '\t',
  '#',
  '"',
  "'",
  '\\',
  '=',
  ';',
  ':',
  ',',
  '/',
  '..',
  '*',
  'TENTACLE_EXT_OPTS=',
  '-p ',
  '-x',
  '-T',
  '(?:',
  '(?=',
  '(?<',
  '[',
  ']',
  '{1000}',
  '-----BEGIN CERTIFICATE-----\n',
  '-----BEGIN X509 CRL-----\n',
  '-----END X509 CRL-----\n',
  '\x30\x82',
  '0.0.0.0/0',
  '::/0',
];

const value = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '99999999999999999999',
    '/tmp',
    '',
    'x',
    '127.0.0.1',
    '::1',
    '10.0.0.0/8',
    '.*:a',
    '1g',
    'TLSv1.2',
  ),
  fc.string({ maxLength: 30 }),
  fc.stringMatching(/^[(a-c)[\]*+?{}\\d:;=|^$.,/!<>-]*$/),
);
const confFile = fc
  .array(fc.tuple(fc.constantFrom(...OPTIONS.map(({ token }) => token)), value), { maxLength: 12 })
  .map((rows) => Buffer.from(rows.map(([token, text]) => `${token} ${text}\n`).join('')));

function judge(input: Buffer): void {
  const text = input.toString('latin1');
  judgeMaking(parseConfFile(text, 'fuzz.conf'), input);
  const { extOpts, problems } = parseDefaultsFile(text, 'fuzz.defaults');
  judgeProblems(problems);
  for (const words of [splitWords(textOf(text)), extOpts && splitWords(extOpts.value), [textOf(text)]]) {
    if (words !== undefined) judgeMaking(parseCommandLine(words, 'fuzz'), input);
  }
  judgeFilters(text);
}

/** The documented error of a quote that is not closed is none of ours. */
function splitWords(text: string): string[] | undefined {
  try {
    return splitExtOpts(text);
  } catch (error) {
    must(error instanceof SyntaxError, () => `splitting words throws ${String(error)}`);
    return undefined;
  }
}

/** Settings of what was parsed, and of files that hold the PEM in the input; a worker makes the same of them. */
function judgeMaking(
  {
    assignments,
    problems,
  }: { readonly assignments: readonly Assignment[]; readonly problems: readonly Problem[] },
  input: Buffer,
): void {
  const merged = mergeAssignments(OPTIONS, assignments);
  const material = materialOf(input);
  const { settings, problems: more } = validate(merged, material, Date.now());
  const all = [...problems, ...merged.problems, ...more];
  judgeProblems(all);
  judgeSecrecy(assignments, all, input);
  must(
    settings !== undefined || all.some(({ severity }) => severity === 'error'),
    () => 'no settings, and no error',
  );
  if (settings === undefined) return;
  const again = build(unpack(structuredClone(pack({ ...merged, material }))));
  must(
    isDeepStrictEqual(plain(again), plain(settings)),
    () => `a worker makes ${shown(JSON.stringify(plain(again)))} of it`,
  );
}

function materialOf(input: Buffer): Material {
  const at = input.indexOf('-----BEGIN');
  if (at < 0) return NO_MATERIAL;
  const pem = input.subarray(at);
  return { ...NO_MATERIAL, cert: pem, key: pem, ca: pem, crl: pem, proxyCa: pem };
}

/** Without functions, of which no two are alike. */
function plain(settings: object): unknown {
  return JSON.parse(JSON.stringify(settings));
}

function judgeProblems(problems: readonly Problem[]): void {
  for (const problem of problems) must(describe(problem).length > 0, () => 'a problem without words');
}

function judgeSecrecy(assignments: readonly Assignment[], problems: readonly Problem[], input: Buffer): void {
  for (const { token, value } of assignments) {
    if (optionRow(token)?.type !== 'secret' || !TELLING.test(value)) continue;
    const text = input.toString('latin1');
    // It would also be something else.
    if (text.indexOf(value) !== text.lastIndexOf(value)) continue;
    const told = problems.find((problem) => bytesOf(describe(problem)).includes(value));
    must(told === undefined, () => `a problem tells the ${token}: ${shown(told?.text ?? '')}`);
  }
}

function judgeFilters(text: string): void {
  const { filters, problems } = parseFilters(text, 'fuzz');
  judgeProblems(problems);
  // Whoever writes what RE2 has not was warned that it may be slow.
  if (problems.some((problem) => problem.text.includes('beyond the linear-time syntax'))) return;
  for (const { matches, directory } of filters) {
    must(
      !directory.startsWith('/') && !directory.split('/').includes('..'),
      () => `a filter leads to ${shown(directory)}`,
    );
    for (const name of NAMES) matches(name);
  }
}
