/** Clients that are slow on purpose, in each phase. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Dialogue } from '../../support/dialogue.ts';
import { filesIn, logged, PASS, PASSWORD, type Row, type Tokens } from './target.ts';

/** W4: one second. */
const IMPATIENT: Tokens = { timeout: '1', retries: '0' };
const DRIP_MS = 300;

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
    outcome: 'closed by the idle limit: a byte now and then does not extend it',
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

export const LORIS: readonly Row[] = [
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
    row: 'slow loris in the TLS handshake',
    outcome: 'closed after ten seconds, whatever came by then',
    tls: 'anonymous',
    tokens: IMPATIENT,
    attack: async (target) => {
      const dialogue = await Dialogue.open(target.port);
      dialogue.send('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
      await drip(dialogue, '\0'.repeat(100));
      await logged(target, /timed out/);
    },
  },
  {
    row: 'slow loris that does not read',
    outcome: 'closed by the idle limit',
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
