/** The guide's scenario: every set-up end to end through a relay, and through a chain of three. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import {
  everyWay,
  GOOD,
  makeSetUpFiles,
  SENT,
  SET_UPS,
  WITHOUT_AND_WITH_PASSWORD,
} from '../support/client-program.ts';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

interface Site {
  readonly spool: string;
  /** Of the relay that clients come to. */
  readonly port: number;
}

/** A server with these options, whose conf/agent.conf holds SENT, and so many relays in front of it. */
async function site(args: readonly string[], relays: number): Promise<Site> {
  const spool = temporarySpool('conf');
  writeFileSync(join(spool, 'conf', 'agent.conf'), SENT);
  let { port } = await ServerProcess.start(['-s', spool, '-i', '.*\\.conf:conf', ...args]);
  for (let hop = 0; hop < relays; hop++) {
    ({ port } = await ServerProcess.start(['-b', '127.0.0.1', '-g', String(port)]));
  }
  return { spool, port };
}

/** Each set-up goes through one relay, and with a password through a chain of three. */
const CASES = [
  { ...WITHOUT_AND_WITH_PASSWORD[0], relays: 1 },
  { ...WITHOUT_AND_WITH_PASSWORD[1], relays: 3 },
];

describe.each(SET_UPS)('$name', ({ server, client }) => {
  for (const { name, password, relays } of CASES) {
    testWith(
      ['openssl'],
      `${name}, ${String(relays)} in between: send and -g, with and without -z`,
      async () => {
        const files = makeSetUpFiles();
        const { spool, port } = await site([...server(files), ...password], relays);
        const options = ['-p', String(port), ...client(files), ...password];
        const endings = await everyWay({ options, spool });
        expect(Object.keys(endings)).toHaveLength(4);
        expect(endings).toEqual(Object.fromEntries(Object.keys(endings).map((way) => [way, GOOD])));
      },
    );
  }
});

describe("Debian's own client", () => {
  function debian(args: readonly string[], env: Record<string, string> = {}): Promise<number> {
    const options = { cwd: temporaryDirectory(), env: { ...process.env, ...env } };
    return new Promise((resolve) => {
      execFile('/usr/bin/tentacle_client', ['-a', '127.0.0.1', ...args], options, (error) => {
        resolve(error === null ? 0 : Number(error.code));
      });
    });
  }

  for (const { name, password, relays } of CASES) {
    // Its -e does not work with today's IO::Socket::SSL.
    for (const encrypted of [false, true]) {
      const title = `${encrypted ? 'S2' : 'S1'} ${name}, ${String(relays)} in between`;
      testWith(['tentacle_client', 'openssl'], title, async () => {
        const authority = new CertificateAuthority();
        const { cert, key } = authority.issue('localhost');
        const tls = encrypted ? ['-e', cert, '-k', key] : [];
        const { spool, port } = await site([...tls, ...password], relays);
        const file = join(temporaryDirectory(), 'agent.1.data');
        writeFileSync(file, SENT);
        const args = [...(encrypted ? ['-c'] : []), '-p', String(port), ...password, file];
        expect(await debian(args, { SSL_CERT_FILE: authority.ca })).toBe(0);
        expect(readFileSync(join(spool, 'agent.1.data')).equals(SENT)).toBe(true);
      });
    }
  }
});
