/** A copy of the init script whose paths lead into a directory of the test. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePort, type Result, SERVER } from './program.ts';
import { isRoot } from './requires.ts';
import { temporaryDirectory } from './temporary.ts';

const NOBODY = 65534;

export class InitScript {
  readonly path: string;
  readonly conf: string;
  /** What stands for /etc/default/tentacle_serverd; not there at first. */
  readonly defaults: string;
  readonly pidFile: string;
  readonly spool: string;
  readonly port: number;

  private constructor(directory: string, port: number, variables: Readonly<Record<string, string>>) {
    this.path = join(directory, 'tentacle_serverd');
    this.conf = join(directory, 'tentacle_server.conf');
    this.defaults = join(directory, 'default');
    this.pidFile = join(directory, 'run', 'tentacle_serverd.pid');
    this.spool = join(directory, 'data_in');
    this.port = port;
    install(directory);
    mkdirSync(this.spool);
    if (isRoot) chownSync(this.spool, NOBODY, NOBODY);
    this.configure();
    this.#edit({
      TENTACLE_PATH: directory,
      TENTACLE_USER: isRoot ? 'nobody' : userInfo().username,
      TENTACLE_CONFIG_FILE: this.conf,
      TENTACLE_DEFAULTS: this.defaults,
      TENTACLE_PID_FILE: this.pidFile,
      // The Node of this test, not the machine's.
      PATH: `${dirname(process.execPath)}:${process.env.PATH ?? ''}`,
      ...variables,
    });
  }

  /** Makes it on a free port; what it started is killed with the current test. @param variables edited in place */
  static async make(variables: Readonly<Record<string, string>> = {}): Promise<InitScript> {
    const script = new InitScript(temporaryDirectory(), await freePort(), variables);
    onTestFinished(() => {
      if (script.status().stdout.includes('running with')) process.kill(script.pid, 'SIGKILL');
    });
    return script;
  }

  /** Writes the configuration file anew, with these further lines. */
  configure(...lines: readonly string[]): void {
    const basis = ['addresses 127.0.0.1', `port ${String(this.port)}`, `directory ${this.spool}`];
    writeFileSync(this.conf, [...basis, ...lines, ''].join('\n'));
  }

  run(...words: readonly string[]): Result {
    return spawnSync('dash', [this.path, ...words], { encoding: 'utf8', timeout: 50_000 });
  }

  status(): Result {
    return this.run('status');
  }

  get pid(): number {
    return Number(readFileSync(this.pidFile, 'utf8'));
  }

  #edit(variables: Readonly<Record<string, string>>): void {
    let text = readFileSync('init.d/tentacle_serverd', 'utf8');
    for (const [name, value] of Object.entries(variables)) {
      const line = new RegExp(`^${name}=.*$`, 'm');
      if (!line.test(text)) throw new Error(`the script has no ${name}`);
      text = text.replace(line, () => `${name}='${value}'`);
    }
    writeFileSync(this.path, text);
  }
}

/** Whoever the server becomes may not look into the checkout. */
function install(directory: string): void {
  cpSync(dirname(SERVER), join(directory, 'lib'), { recursive: true });
  chmodSync(join(directory, 'lib'), 0o755);
  symlinkSync('lib/tentacle_server.cjs', join(directory, 'tentacle_server'));
}
