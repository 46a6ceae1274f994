/** What is tried with TLS itself. */
import { CLIENT_RENEG_LIMIT, connect as connectTls } from 'node:tls';
import { expect, onTestFinished } from 'vitest';
import { Dialogue } from '../../support/dialogue.ts';
import { filesIn, logged, PASS, PASSWORD, type Row, secured } from './target.ts';

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

export const TLS: readonly Row[] = [
  {
    row: 'TLS renegotiation flood',
    outcome: 'closed after three',
    tls: 'anonymous',
    attack: async (target) => {
      const floods = await Promise.all(Array.from({ length: 10 }, () => renegotiations(target.port)));
      for (const times of floods) expect(times).toBeLessThanOrEqual(CLIENT_RENEG_LIMIT);
      await logged(target, /renegotiation attack/);
    },
  },
  {
    row: 'TLS 1.0',
    outcome: 'refused, unless `ssl_version` and `ssl_cipher` allow it',
    tls: 'anonymous',
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
    outcome: 'refused, as are SSL 3.0, RC4, 3DES and NULL',
    tls: 'anonymous',
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
    outcome: 'closed; its password and commands are never read',
    tls: 'anonymous',
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
