/** Clients whose certificate is not theirs, not good any more, or good for something else. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { agentFileHash } from '../../support/agents.ts';
import { CertificateAuthority } from '../../support/certificates.ts';
import {
  CLOSED,
  filesIn,
  logged,
  type Row,
  secured,
  showing,
  type Target,
  type Verification,
} from './target.ts';

interface Refused {
  readonly tokens?: Row['tokens'];
  readonly tls: (authority: CertificateAuthority) => Verification;
  readonly reason: RegExp;
}

/** A client that is refused before a byte of it is read. */
function refused(row: string, { tokens, tls, reason }: Refused): Row {
  return {
    row,
    outcome: 'closed before a command is read, and the log says whose it is and what is wrong with it',
    tls,
    ...(tokens && { tokens }),
    attack: async (target) => {
      const dialogue = await secured(target.port, showing(target.shown));
      dialogue.send('SEND <a.1.data> SIZE 4\ndata');
      expect(await dialogue.rest()).toBe('');
      await logged(target, reason);
      expect(filesIn(target.spool)).toEqual([]);
    },
  };
}

/** The first answer on a connection with the attacker's certificate. */
async function asked(target: Target, line: string): Promise<string> {
  const dialogue = await secured(target.port, showing(target.shown));
  return dialogue.ask(line).catch(() => CLOSED);
}

export const CERTIFICATES: readonly Row[] = [
  refused('no client certificate', { tls: () => ({}), reason: /closed: no client certificate/ }),
  refused('client certificate from another CA', {
    tls: () => ({ shown: new CertificateAuthority('Other').issue('honest') }),
    reason: /\(CN=honest\) is refused: no CA in ssl_ca signed it/,
  }),
  refused('client certificate from a CA of the same name', {
    tls: () => ({ shown: new CertificateAuthority().issue('honest') }),
    reason: /\(CN=honest\) is refused: /,
  }),
  refused('expired client certificate', {
    tls: (authority) => ({ shown: authority.issue('agent', { days: -1 }) }),
    reason: /\(CN=agent\) is refused: .*expired/,
  }),
  refused('revoked client certificate', {
    tls: (authority) => {
      const shown = authority.issue('agent');
      authority.revoke(shown.cert);
      return { shown, crl: authority.revocationList() };
    },
    reason: /\(CN=agent\) is refused: its CA has revoked it/,
  }),
  refused('client certificate with a wrong name', {
    tokens: { ssl_client_names: 'honest' },
    tls: (authority) => ({ shown: authority.issue('agent', { alternativeNames: 'DNS:honest.example' }) }),
    reason: /\(CN=agent, DNS:honest\.example\) is refused: ssl_client_names accepts honest/,
  }),
  {
    row: 'a stolen client certificate used for other agents',
    outcome:
      'with `ssl_client_files 1` refused: it sends, and fetches the configuration, of its own agent only',
    tokens: { ssl_client_files: '1' },
    tls: (authority) => ({ shown: authority.issue('stolen') }),
    attack: async (target) => {
      const conf = `${agentFileHash('honest')}.conf`;
      writeFileSync(join(target.spool, 'conf', conf), 'server_pwd secret');
      for (const name of ['honest.1.data', conf, `${agentFileHash('honest')}.md5`]) {
        for (const command of ['SEND', 'ZSEND']) {
          expect(await asked(target, `${command} <${name}> SIZE 4\n`)).toMatch(/ ERR \(/);
        }
      }
      for (const command of ['RECV', 'ZRECV', 'MV']) {
        expect(await asked(target, `${command} <${conf}>\n`)).toMatch(/ ERR/);
      }
      const own = await secured(target.port, showing(target.shown));
      expect(await own.ask('SEND <stolen.1.data> SIZE 4\n')).toBe('SEND OK\n');
      expect(await own.ask('data')).toBe('SEND OK\n');
      expect(filesIn(target.spool).sort()).toEqual([conf, 'stolen.1.data'].sort());
    },
  },
];
