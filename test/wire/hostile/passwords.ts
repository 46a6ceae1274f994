/** Guessed and replayed passwords. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CLOSED, filesIn, logged, PASS, PASSWORD, type Row, stillServes } from './target.ts';

export const PASSWORDS: readonly Row[] = [
  {
    row: 'password brute force',
    outcome:
      'one guess a connection, an answer (by closing) after a second, a log line each, compared in constant time; right ones are served meanwhile',
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
      rmSync(join(target.spool, 'honest.1.data'));
    },
  },
  {
    // Documented: nothing in the protocol is new in each connection. What helps is TLS, and require_ssl.
    row: 'PASS replay on plain TCP',
    outcome: '**works**: the protocol has no nonce. Use TLS, and `require_ssl 1`, which makes sure of it',
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
