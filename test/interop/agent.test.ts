/** The real pandora_agent of Debian's package delivers its XML to our server. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ServerProcess } from '../support/program.ts';
import { testWith } from '../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../support/temporary.ts';

/** A configuration as the package ships it, with this server in it. */
function configuration(directory: string, port: number, options: string): void {
  mkdirSync(join(directory, 'tmp'));
  writeFileSync(
    join(directory, 'pandora_agent.conf'),
    [
      'server_ip 127.0.0.1',
      `server_port ${String(port)}`,
      `server_opts ${options}`,
      'server_path /var/spool/pandora/data_in',
      `temporal ${join(directory, 'tmp')}`,
      `logfile ${join(directory, 'agent.log')}`,
      'agent_name test-agent',
      'interval 300',
      'transfer_mode tentacle',
      'remote_config 0',
      'module_begin',
      'module_name Load Average',
      'module_type generic_data',
      "module_exec cat /proc/loadavg | cut -d' ' -f1",
      'module_end',
      '',
    ].join('\n'),
  );
}

/** What xmllint has to say against a file; '' for a well-formed one. */
function xmlComplaint(file: string): Promise<string> {
  return new Promise((resolve) => {
    execFile('xmllint', ['--noout', file], (_error, _stdout, stderr) => {
      resolve(stderr);
    });
  });
}

testWith(
  ['pandora_agent', 'tentacle_client', 'xmllint'],
  'N3 its file arrives whole and well formed',
  async () => {
    const spool = temporarySpool();
    const directory = temporaryDirectory();
    const server = await ServerProcess.start(['-s', spool, '-v', '-x', 'secret']);
    configuration(directory, server.port, '-x secret');

    // It works on in its loop: it is ended once its file is here.
    const agent = execFile('pandora_agent', [directory], { cwd: directory });
    try {
      await server.logged(/Received file 'test-agent\.\d+\.data'/);
    } finally {
      agent.kill('SIGKILL');
    }
    const [name = ''] = readdirSync(spool);
    expect(name).toMatch(/^test-agent\.\d+\.data$/);
    expect(readFileSync(join(spool, name), 'utf8')).toContain('Load Average');
    expect(await xmlComplaint(join(spool, name))).toBe('');
  },
);
