/** What this project answers where it deliberately differs from the recorded server. */
import { readFileSync } from 'node:fs';

interface Recorded {
  readonly cases: readonly { readonly name: string; readonly steps: readonly { readonly send: string }[] }[];
}

/** What the client of a recorded conversation sent in one of its steps. */
function recordedSend(name: string, step: number): string {
  const { cases } = JSON.parse(readFileSync('test/testdata/transcripts.json', 'utf8')) as Recorded;
  const send = cases.find((each) => each.name === name)?.steps[step]?.send;
  if (send === undefined) throw new Error(`no such step: ${name} ${String(step)}`);
  return send;
}

type OwnStep = readonly [send: string, recv: string, closed?: 'closed'];

const INVALID = 'SEND ERR (invalid file name)\n';
/** A refused name costs nothing: the session goes on in step. */
function refused(name: string, after: string): readonly OwnStep[] {
  return [
    [`SEND <${name}> SIZE 3\n`, INVALID],
    [`SEND <${after}> SIZE 1\n`, 'SEND OK\n'],
    ['x', 'SEND OK\n'],
    ['QUIT\n', '', 'closed'],
  ];
}

const LONGEST_LINE = 8192;
const LISTING = 'empty.data\nm.data\nm2.data\n';

export const OURS: Readonly<Record<string, readonly OwnStep[]>> = {
  'pipelined in one segment': [
    ['SEND <p.data> SIZE 3\nabc', 'SEND OK\nSEND OK\n'],
    ['QUIT\n', '', 'closed'],
  ],
  'command+QUIT pipelined': [
    ['RECV <a.data>\nRECV OK\n', 'RECV SIZE 5\nhello'],
    ['QUIT\n', '', 'closed'],
  ],
  dotdot: refused('..', 'after-dotdot'),
  dot: refused('.', 'after-dot'),
  'empty name': refused('', 'after-empty'),
  'nul name': refused('a\x00b', 'after-nul'),
  'hidden name': refused('.hid', 'after-hidden'),
  'name 256': refused('n'.repeat(256), 'after-256'),
  'long line': [['A'.repeat(LONGEST_LINE), '', 'closed']],
  'long line 1024': [
    ['A'.repeat(1024), ''],
    ['\n', '', 'closed'],
  ],
  'long line 1024+nl': [[`${'A'.repeat(1024)}\n`, '', 'closed']],
  'tls hello on plain': [['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', '', 'closed']],
  'zsend bad zip': [
    ['ZSEND <z2.data> SIZE 9\n', 'ZSEND OK\n'],
    ['not a zip', 'ZSEND ERR\n'],
    ['RECV <z2.data>\n', 'RECV ERR (file does not exist)\n'],
    ['SEND <afterz.data> SIZE 1\n', 'SEND OK\n'],
    ['x', 'SEND OK\n'],
  ],
  'zsend trunc zip': [
    ['ZSEND <z3.data> SIZE 99\n', 'ZSEND OK\n'],
    [recordedSend('zsend trunc zip', 1), 'ZSEND ERR\n'],
    ['RECV <z3.data>\n', 'RECV ERR (file does not exist)\n'],
  ],
  'pw + send pipelined': [
    ['PASS 9bf4b3611c53176f5c649aa4fc1ff6b2\nSEND <pp> SIZE 1\n', 'PASS OK\nSEND OK\n'],
    ['x', 'SEND OK\n'],
  ],
  'ls all': [
    ['LS <x>\n', `LS SIZE ${String(LISTING.length)}\n`],
    ['LS OK\n', LISTING],
    ['QUIT\n', '', 'closed'],
  ],
  'ls conf': [
    ['LS <x.conf>\n', 'LS SIZE 7\n'],
    ['LS OK\n', 'a.conf\n'],
    ['QUIT\n', '', 'closed'],
  ],
  'ls empty': [
    ['LS <>\n', `LS SIZE ${String(LISTING.length)}\n`],
    ['LS OK\n', LISTING],
  ],
  'filter missing dir': [
    ['SEND <q.zip> SIZE 3\n', 'SEND ERR (cannot store file)\n'],
    ['SEND <q.data> SIZE 1\n', 'SEND OK\n'],
    ['x', 'SEND OK\n'],
  ],
  'empty file recv': [
    ['RECV <empty.data>\n', 'RECV SIZE 0\n'],
    ['RECV OK\n', ''],
    ['RECV <nope>\n', 'RECV ERR (file does not exist)\n'],
    ['QUIT\n', '', 'closed'],
  ],
};
