/** ssl_client_files: with the certificate of one agent, nobody touches the files of another. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { describe, expect, onTestFinished } from 'vitest';
import type { Token } from '../../src/settings/options.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { Dialogue } from '../support/dialogue.ts';
import { testWith } from '../support/requires.ts';
import { temporarySpool } from '../support/temporary.ts';
import { startWorker } from '../support/worker.ts';

const NEEDS = ['openssl'];
const FILTERS = '.*\\.conf:conf;.*\\.md5:md5;.*\\.zip:collections;.*\\.rcmd:commands';

interface Scene {
  readonly spool: string;
  readonly log: readonly string[];
  readonly agent: Dialogue;
}

/** A server, and an agent that is connected to it with a certificate of this subject. */
async function scene(subject: string, tokens: Partial<Record<Token, string>> = {}): Promise<Scene> {
  const authority = new CertificateAuthority();
  const server = authority.issue('localhost');
  const client = authority.issue('agent', { subject });
  const spool = temporarySpool('conf', 'md5', 'collections', 'commands');
  const files = { ssl_cert: server.cert, ssl_key: server.key, ssl_ca: authority.ca, filters: FILTERS };
  const { port, log } = await startWorker(
    { directory: spool, ssl_client_files: '1', ...files, ...tokens },
    { cert: readFileSync(server.cert), key: readFileSync(server.key), ca: readFileSync(authority.ca) },
  );
  const pair = { cert: readFileSync(client.cert), key: readFileSync(client.key) };
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...pair });
  onTestFinished(() => {
    socket.destroy();
  });
  return { spool, log, agent: new Dialogue(socket) };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** The name as it goes over the wire. */
function bytes(name: string): string {
  return Buffer.from(name).toString('latin1');
}

async function sends(agent: Dialogue, name: string): Promise<string> {
  const first = await agent.ask(`SEND <${bytes(name)}> SIZE 3\n`);
  return first === 'SEND OK\n' ? agent.ask('abc') : first;
}

async function fetches(agent: Dialogue, command: 'RECV' | 'MV' | 'LS', name: string): Promise<string> {
  const first = await agent.ask(`${command} <${bytes(name)}>\n`);
  const size = /SIZE (\d+)/.exec(first)?.[1];
  if (size === undefined) return first;
  agent.send(`${command} OK\n`);
  return agent.take(Number(size));
}

const REFUSED = 'SEND ERR (invalid file name)\n';

describe('sent are only its own files', () => {
  testWith(NEEDS, 'those that an agent sends', async () => {
    const { agent, spool } = await scene('/CN=web 1');
    for (const name of ['web 1.1700000000.data', `${md5('web 1')}.conf`, `${md5('web 1')}.md5`]) {
      expect(await sends(agent, name)).toBe('SEND OK\n');
    }
    expect(readdirSync(spool)).toContain('web 1.1700000000.data');
    expect(existsSync(join(spool, 'conf', `${md5('web 1')}.conf`))).toBe(true);
  });

  testWith(NEEDS, 'no other, with one line that says which would be', async () => {
    const { agent, spool, log } = await scene('/CN=web');
    const others = [
      ...[
        'db.1.data',
        'web.1.2.data',
        'web.data',
        'web..data',
        'web.1.data.data',
        'web.x.data',
        'WEB.1.data',
      ],
      ...[
        'web_1.data',
        'xweb.1.data',
        'web.1.data.zip',
        'web.-1.data',
        'web.\u0661.data',
        '.1.data',
        'web.conf',
      ],
      ...[`${md5('db')}.conf`, `${md5('db')}.md5`, `${md5('web').toUpperCase()}.conf`, `${md5('web')}.rcmd`],
      ...['fc_1.zip', 'fc_1.md5', `${md5('web')}.conf.md5`],
    ];
    for (const name of others) expect([name, await sends(agent, name)]).toEqual([name, REFUSED]);
    expect(await agent.ask('ZSEND <db.1.data> SIZE 3\n')).toBe('ZSEND ERR (invalid file name)\n');
    expect(readdirSync(spool, { recursive: true })).toHaveLength(4);
    const own = `web.NUMBER.data, ${md5('web')}.conf, ${md5('web')}.md5`;
    const [line] = log.filter((each) => each.includes("File 'db.1.data' size 3b"));
    expect(line).toContain(
      `(CN=web) has an invalid file name: ssl_client_files: this agent may send only ${own}`,
    );
    expect(await sends(agent, 'web.1.data')).toBe('SEND OK\n');
  });

  testWith(NEEDS, 'a CN is text, and no pattern', async () => {
    const { agent } = await scene('/CN=a.b(c|d)$.*^{2}');
    for (const name of ['axb(c|d)$.1.data', 'a.bc.1.data', '.1.data', 'a.b.1.data']) {
      expect(await sends(agent, name)).toBe(REFUSED);
    }
  });

  testWith(NEEDS, 'one with such characters sends its own, where they are no invalid ones', async () => {
    const { agent } = await scene('/CN=a.b(c|d)$^{2}');
    expect(await sends(agent, 'a.b(c|d)$^{2}.5.data')).toBe('SEND OK\n');
    expect(await sends(agent, 'aXb(c|d)$^{2}.5.data')).toBe(REFUSED);
  });

  testWith(NEEDS, 'names beyond ASCII are compared as UTF-8', async () => {
    const { agent } = await scene('/CN=Büro Łódź');
    expect(await sends(agent, 'Büro Łódź.5.data')).toBe('SEND OK\n');
    expect(await sends(agent, `${md5('Büro Łódź')}.conf`)).toBe('SEND OK\n');
    expect(await sends(agent, 'Buro Lodz.5.data')).toBe(REFUSED);
  });

  testWith(NEEDS, 'a CN that is a path reaches nowhere', async () => {
    const { agent } = await scene('/CN=..\\/..\\/etc');
    expect(await sends(agent, '../../etc.1.data')).toBe(REFUSED);
  });

  testWith(NEEDS, 'a CN with a line break stays in its line of the log', async () => {
    const { agent, log } = await scene('/CN=web\nforged');
    expect(await sends(agent, 'db.1.data')).toBe(REFUSED);
    expect(log.some((line) => line.includes('only web\\x0aforged.NUMBER.data'))).toBe(true);
    expect(
      log
        .join('')
        .split('\n')
        .every((line) => !line.startsWith('forged')),
    ).toBe(true);
  });

  for (const [what, subject] of [
    ['two CNs', '/CN=web/CN=db'],
    ['no CN', '/O=Example'],
  ] as const) {
    testWith(
      NEEDS,
      `a certificate with ${what} is of no agent, and may only fetch what is shared`,
      async () => {
        const { agent, log, spool } = await scene(subject);
        writeFileSync(join(spool, 'collections', 'fc_1.zip'), 'zip');
        for (const name of ['web.1.data', 'db.1.data', 'undefined.1.data', '.1.data', `${md5('')}.conf`]) {
          expect(await sends(agent, name)).toBe(REFUSED);
        }
        expect(await fetches(agent, 'RECV', 'fc_1.zip')).toBe('zip');
        expect(log.some((line) => line.includes('the certificate names no agent'))).toBe(true);
      },
    );
  }
});

describe('fetched are its own and what agents share', () => {
  async function library(tokens?: Partial<Record<Token, string>>): Promise<Scene> {
    const made = await scene('/CN=web', tokens);
    const files = {
      [`conf/${md5('web')}.conf`]: 'web',
      [`conf/${md5('db')}.conf`]: 'secret',
      [`conf/${md5('db')}.conf.bak`]: 'secret',
      [`md5/${md5('db')}.md5`]: 'sum',
      'collections/fc_1.zip': 'zip',
      [`commands/${md5('web')}.rcmd`]: 'run',
      'db.1.data': 'secret',
      'web.1.data': 'mine',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(made.spool, name), text);
    return made;
  }

  testWith(NEEDS, 'RECV and ZRECV', async () => {
    const { agent } = await library();
    expect(await fetches(agent, 'RECV', `${md5('web')}.conf`)).toBe('web');
    expect(await fetches(agent, 'RECV', `${md5('db')}.md5`)).toBe('sum');
    expect(await fetches(agent, 'RECV', 'fc_1.zip')).toBe('zip');
    expect(await fetches(agent, 'RECV', `${md5('web')}.rcmd`)).toBe('run');
    const refused = 'ERR (file has an invalid file name)\n';
    for (const name of [`${md5('db')}.conf`, `${md5('db')}.conf.bak`, 'db.1.data', 'none.conf']) {
      expect(await fetches(agent, 'RECV', name)).toBe(`RECV ${refused}`);
      expect(await agent.ask(`ZRECV <${name}>\n`)).toBe(`ZRECV ${refused}`);
    }
  });

  testWith(NEEDS, 'MV takes its own only: what is shared would be gone for the others', async () => {
    const { agent, spool } = await library({ insecure: '1' });
    for (const name of ['fc_1.zip', `${md5('db')}.md5`, `${md5('db')}.conf`, 'db.1.data']) {
      expect(await fetches(agent, 'MV', name)).toBe('MV ERR\n');
    }
    expect(await fetches(agent, 'MV', 'web.1.data')).toBe('mine');
    expect(await fetches(agent, 'RECV', 'fc_1.zip')).toBe('zip');
    expect(readdirSync(spool)).not.toContain('web.1.data');
    expect(readdirSync(join(spool, 'collections'))).toEqual(['fc_1.zip']);
  });

  testWith(NEEDS, 'LS shows what it could fetch', async () => {
    const { agent } = await library({ insecure: '1' });
    expect(await fetches(agent, 'LS', 'x.conf')).toBe(`${md5('web')}.conf\n`);
    expect(await fetches(agent, 'LS', 'x')).toBe('web.1.data\n');
    expect(await fetches(agent, 'LS', 'x.zip')).toBe('fc_1.zip\n');
  });
});

testWith(NEEDS, 'without ssl_client_files a certificate says nothing about files', async () => {
  const { agent } = await scene('/CN=web', { ssl_client_files: '0' });
  expect(await sends(agent, 'db.1.data')).toBe('SEND OK\n');
});
