/** The real pandora_agent of Debian's package delivers its XML with our client. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { agentFileHash } from '../support/agents.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { CLIENT, clientEnvironment } from '../support/client-program.ts';
import { freePort, ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

const NEEDS = ['pandora_agent', 'openssl'];

/** A directory whose `tentacle_client` is ours, and which notes how it was called. */
function ourClientFirst(): { readonly path: string; readonly calls: () => string } {
  const directory = temporaryDirectory();
  const program = join(directory, 'tentacle_client');
  const calls = join(directory, 'calls');
  writeFileSync(program, `#!/bin/sh\necho "$*" >> '${calls}'\nexec '${process.execPath}' '${CLIENT}' "$@"\n`);
  chmodSync(program, 0o755);
  return { path: `${directory}:${process.env.PATH ?? ''}`, calls: () => readFileSync(calls, 'utf8') };
}

/** Starts the agent with a configuration that has these lines; it works on in its loop until the test is over. */
function startAgent(lines: readonly string[], path: string): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'tmp'));
  writeFileSync(
    join(directory, 'pandora_agent.conf'),
    [
      `temporal ${join(directory, 'tmp')}`,
      `logfile ${join(directory, 'agent.log')}`,
      ...[
        'agent_name test-agent',
        'interval 300',
        'transfer_mode tentacle',
        'remote_config 0',
        'xml_buffer 1',
      ],
      // The last of a kind counts.
      ...lines,
      ...[
        'module_begin',
        'module_name One',
        'module_type generic_data',
        'module_exec echo 1',
        'module_end',
        '',
      ],
    ].join('\n'),
  );
  const agent = execFile('pandora_agent', [directory], {
    cwd: directory,
    env: clientEnvironment({ PATH: path }),
  });
  onTestFinished(() => {
    agent.kill('SIGKILL');
  });
  return directory;
}

async function arrived(server: ServerProcess, spool: string): Promise<string> {
  await server.logged(/Received file 'test-agent\.\d+\.data'/);
  const [name = ''] = readdirSync(spool);
  return readFileSync(join(spool, name), 'utf8');
}

interface Kind {
  readonly name: string;
  readonly server: (authority: CertificateAuthority) => readonly string[];
  readonly agent: (authority: CertificateAuthority) => readonly string[];
}

const certificate = (authority: CertificateAuthority): readonly string[] => {
  const { cert, key } = authority.issue('server');
  return ['-e', cert, '-k', key];
};

const KINDS: readonly Kind[] = [
  {
    name: 'S1 plain, -x in server_opts',
    server: () => ['-x', 'secret'],
    agent: () => ['server_opts -x secret'],
  },
  {
    name: 'C5 server_pwd with a blank',
    server: () => ['-x', 'se cret'],
    agent: () => ['server_pwd se cret'],
  },
  { name: 'C5 server_ssl yes', server: certificate, agent: () => ['server_ssl yes'] },
  { name: 'S3 server verified', server: certificate, agent: ({ ca }) => [`server_opts -f ${ca}`] },
];

describe('C5 the XML of the agent arrives', () => {
  for (const { name, server: serverArgs, agent } of KINDS) {
    testWith(NEEDS, name, async () => {
      const authority = CertificateAuthority.rsa();
      const spool = temporarySpool();
      const server = await ServerProcess.start(['-s', spool, '-v', ...serverArgs(authority)]);
      const client = ourClientFirst();
      startAgent(
        ['server_ip 127.0.0.1', `server_port ${String(server.port)}`, ...agent(authority)],
        client.path,
      );
      expect(await arrived(server, spool)).toMatch(
        /<agent_data [^]*<name><!\[CDATA\[One\]\]>[^]*<\/agent_data>/,
      );
      expect(client.calls()).toMatch(/^-v -a 127\.0\.0\.1 -p \d+ /);
    });
  }
});

testWith(NEEDS, 'C2 the agent logs our error and turns to its secondary server', async () => {
  const spool = temporarySpool();
  const server = await ServerProcess.start(['-s', spool, '-v']);
  const client = ourClientFirst();
  const directory = startAgent(
    [
      ...['server_ip 127.0.0.1', `server_port ${String(await freePort())}`],
      ...[
        'secondary_server_ip 127.0.0.1',
        `secondary_server_port ${String(server.port)}`,
        'secondary_mode on_error',
      ],
    ],
    client.path,
  );
  expect(await arrived(server, spool)).toContain('<agent_data ');
  expect(readFileSync(join(directory, 'agent.log'), 'utf8')).toMatch(
    /Error sending file .*\[err\] .*connection refused/,
  );
  expect(client.calls().trim().split('\n')).toHaveLength(2);
});

testWith(
  NEEDS,
  'ssl_client_files takes what an agent sends under its CN, and nothing under another',
  async () => {
    const authority = CertificateAuthority.rsa();
    const name = 'Web Server.7 (test)';
    const agent = authority.issue('agent', { subject: `/CN=${name}` });
    const spool = temporarySpool('conf', 'md5');
    const filters = '.*\\.conf:conf;.*\\.md5:md5';
    const verifying = [...certificate(authority), '-f', authority.ca, '--ssl-client-files', '-i', filters];
    const server = await ServerProcess.start(['-s', spool, '-v', ...verifying]);
    const { path } = ourClientFirst();
    const lines = [
      ...['server_ip 127.0.0.1', `server_port ${String(server.port)}`, 'remote_config 1'],
      `server_opts -e ${agent.cert} -k ${agent.key} -f ${authority.ca}`,
    ];
    const id = agentFileHash(name);
    const expected = [
      'conf',
      `conf/${id}.conf`,
      'md5',
      `md5/${id}.md5`,
      expect.stringMatching(/^Web Server\.7 /),
    ];

    startAgent([...lines, `agent_name ${name}`], path);
    await server.logged(/Received file 'Web Server\.7 \(test\)\.\d+\.data'/);
    expect(readdirSync(spool, { recursive: true })).toEqual(expect.arrayContaining(expected));

    startAgent([...lines, 'agent_name Another'], path);
    await server.logged(
      /File 'Another\.\d+\.data' size \d+b from .* has an invalid file name: ssl_client_files/,
    );
    expect(readdirSync(spool, { recursive: true })).toHaveLength(expected.length);
  },
);
