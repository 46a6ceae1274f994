/** The configuration file that is installed, and those of Perl installations. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfFile } from '../../../src/settings/conf-file.ts';
import { loadSettings, readRequest } from '../../../src/settings/load.ts';
import { mergeAssignments } from '../../../src/settings/merge.ts';
import { OPTIONS } from '../../../src/settings/options.ts';
import { shippedConf } from '../../../src/settings/shipped-conf.ts';
import { testWith } from '../../support/requires.ts';
import { temporaryDirectory, temporarySpool } from '../../support/temporary.ts';

const FILTERS = String.raw`.*\.conf:conf;.*\.md5:md5;.*\.zip:collections;.*\.lock:trans;.*\.rcmd:commands`;

describe('the shipped configuration', () => {
  test('sets what a packaged service needs, and nothing else', () => {
    const { assignments, problems } = parseConfFile(shippedConf(), 'F');
    expect(problems).toEqual([]);
    expect(assignments.map(({ token, value }) => [token, value])).toEqual([
      ['filters', FILTERS],
      ['directory', '/var/spool/pandora/data_in'],
      ['user', 'pandora'],
    ]);
  });

  test('has a line for every token, in the order of the table', () => {
    const lines = [...shippedConf().matchAll(/^(?:# )?([a-z_]+) [^ ]+$/gm)].map(([, token]) => token);
    expect(lines).toEqual(OPTIONS.map(({ token }) => token));
  });

  test('shows defaults: with every such line made active they are what they were', () => {
    const rows = OPTIONS.filter((row) => 'default' in row);
    const active = rows.reduce(
      (text, { token }) => text.replace(`\n# ${token} `, `\n${token} `),
      shippedConf(),
    );
    const parsed = parseConfFile(active, 'F');
    const { values, problems } = mergeAssignments(OPTIONS, parsed.assignments);
    expect([...parsed.problems, ...problems]).toEqual([]);
    for (const row of rows) expect(values[row.token], row.token).toBe(row.default);
    expect(parsed.assignments).toHaveLength(rows.length + 3);
  });

  test('says what each token means', () => {
    for (const { token, help } of OPTIONS) {
      const [comment = '', line = ''] = shippedConf()
        .split('\n')
        .slice(
          shippedConf()
            .split('\n')
            .findIndex((each) => each.startsWith(`# ${help}`)),
        );
      expect(comment).toContain(help);
      expect(line.replace(/^# /, '').split(' ')[0]).toBe(token);
    }
  });

  testWith(['sed'], 'can be edited by sed', () => {
    const path = join(temporaryDirectory(), 'my.conf');
    copyFileSync('etc/tentacle_server.conf', path);
    const edit = (script: string): Buffer => execFileSync('sed', ['-i', script, path]);
    edit('/^filters/s/$/;.*\\\\.x:y/');
    edit('s/^# *port .*/port 41122/');
    edit('s|^directory.*|directory /srv/data_in|');
    const { assignments, problems } = parseConfFile(readFileSync(path, 'latin1'), path);
    expect(problems).toEqual([]);
    expect(Object.fromEntries(assignments.map(({ token, value }) => [token, value]))).toEqual({
      port: '41122',
      filters: `${FILTERS};.*\\.x:y`,
      directory: '/srv/data_in',
      user: 'pandora',
    });
  });
});

/** A configuration as the Perl server has it: its tokens, its way to write them, our words. */
function perlConf(spool: string): string {
  return `##########
# A server of the old kind
##########

# -a: where to listen
addresses 127.0.0.1

port 41121
# max_connections 10
daemon 1
# insecure 0
filters .*\\.conf:conf;.*\\.md5:md5;.*\\.zip:collections;.*\\.lock:trans
#max_size 2000000
# overwrite 0
# quiet 0
retries\t3
directory   ${spool}/
# proxy_ip 127.0.0.1
# proxy_port 41121
timeout 1
# verbose levels
#   0: nothing
#   1: something
verbose 1
log_file /dev/null
# password PASSWORD
# ssl_cert /path/to/ssl/cert
# ssl_ca /path/to/ssl/ca
# ssl_key /path/to/private/key/file
ssl_password 0
use_libwrap 0`;
}

describe('a configuration of the Perl server', () => {
  const load = async (content: string): ReturnType<typeof loadSettings> => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'my.conf'), content);
    const start = { words: ['-F', 'my.conf'], extOpts: undefined, defaultsFile: '', directory };
    return loadSettings(await readRequest(start), () => Promise.resolve(undefined));
  };

  test.each(['\n', '\r\n'])('works unchanged, with lines ended by %j', async (end) => {
    const spool = temporarySpool('conf', 'md5', 'collections', 'trans');
    const { settings, problems } = await load(perlConf(spool).replaceAll('\n', end));
    expect(problems.filter(({ text }) => !text.includes('open files'))).toEqual([]);
    expect(settings).toMatchObject({
      daemon: true,
      listen: { addresses: ['127.0.0.1'], port: 41121 },
      maxConnections: 1000,
      log: { level: 'event', file: '/dev/null' },
      mode: { kind: 'receive', spool: { directory: `${spool}/` } },
    });
  });

  test('tokens that we do not know are told, and stop nothing', async () => {
    const spool = temporarySpool('conf', 'md5', 'collections', 'trans');
    const { settings, problems } = await load(`${perlConf(spool)}\npidfile /run/x.pid\nthreads 5\n`);
    expect(settings).toBeDefined();
    const unknown = problems.filter(({ text }) => text.startsWith('unknown token'));
    expect(unknown.map(({ severity, text }) => `${severity} ${text}`)).toEqual([
      'warning unknown token "pidfile"; did you mean "pid_file"?',
      'warning unknown token "threads"',
    ]);
  });
});
