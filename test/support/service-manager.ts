/** A service manager that listens: the datagrams that a service sends to NOTIFY_SOCKET, by a receiver in Python. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.ts';

/** Prints each datagram as a line of JSON; at READY=1 it finds out at once whether somebody listens on the port. */
const RECEIVER = `
import json, socket, struct, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    data, ancillary, flags, sender = s.recvmsg(65536, socket.CMSG_SPACE(12))
    said = {'text': data.decode(), 'atMs': time.monotonic() * 1000, 'pid': struct.unpack('3i', ancillary[0][2])[0]}
    if said['text'].startswith('READY=1'):
        c = socket.socket()
        said['listens'] = c.connect_ex(('127.0.0.1', int(sys.argv[2]))) == 0
        c.close()
    print(json.dumps(said), flush=True)
`;

export interface Said {
  readonly text: string;
  readonly atMs: number;
  /** Who said it. */
  readonly pid: number;
  /** With READY=1: whether one could connect at that moment. */
  readonly listens?: boolean;
}

export class ServiceManager {
  /** For NOTIFY_SOCKET. */
  readonly address = join(temporaryDirectory(), 'notify');
  /** Everything that was said so far. */
  readonly said: Said[] = [];

  /** Listens until the current test ends. @param port where the service will listen */
  static async start(port: number): Promise<ServiceManager> {
    const manager = new ServiceManager();
    const child: ChildProcess = spawn('python3', ['-c', RECEIVER, manager.address, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    if (child.stdout === null) throw new Error('no stdout');
    const bound = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout ?? process.stdin }).on('line', (line) => {
        if (line === 'bound') resolve();
        else manager.said.push(JSON.parse(line) as Said);
      });
    });
    await bound;
    return manager;
  }

  /** Everything but signs of life. */
  get words(): readonly string[] {
    return this.said.map(({ text }) => text).filter((text) => text !== 'WATCHDOG=1');
  }

  /** Waits until so much was said, and gives what. */
  async heard(count: number): Promise<readonly string[]> {
    await expect.poll(() => this.words.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
    return this.words;
  }

  /** Signs of life. */
  beats(): readonly Said[] {
    return this.said.filter(({ text }) => text === 'WATCHDOG=1');
  }
}
