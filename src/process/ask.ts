/** Asks a person a secret question on the terminal. */
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';

/** The passphrase typed for a key file, unseen; undefined where there is no terminal, or nothing was typed. */
export async function askPassphrase(file: string): Promise<string | undefined> {
  const terminal = await open('/dev/tty', 'r+').catch(() => undefined);
  if (terminal === undefined) return undefined;
  const input = new ReadStream(terminal.fd);
  await terminal.write(`Passphrase of ${file}: `);
  // readline echoes what is typed to its output, which here goes nowhere.
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  try {
    const answer = await Promise.race([lines.question(''), closed(lines)]);
    return answer === '' ? undefined : answer;
  } finally {
    lines.close();
    await terminal.write('\n').catch(() => undefined);
    input.destroy();
  }
}

function closed(lines: { once: (event: 'close', listener: () => void) => unknown }): Promise<undefined> {
  return new Promise((resolve) => {
    lines.once('close', () => {
      resolve(undefined);
    });
  });
}
