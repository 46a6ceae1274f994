/** Asks a person a secret question on the terminal. */
import { type FileHandle, open } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';

/** The passphrase typed for a key file, unseen; '' when the person gave none, undefined where there is no terminal. */
export async function askPassphrase(file: string): Promise<string | undefined> {
  const terminal = await open('/dev/tty', 'r+').catch(() => undefined);
  if (terminal === undefined) return undefined;
  try {
    return await ask(terminal, `Passphrase of ${file}: `);
  } finally {
    await terminal.close();
  }
}

async function ask(terminal: FileHandle, prompt: string): Promise<string> {
  const input = new ReadStream(terminal.fd);
  // readline echoes what is typed to its output, which here goes nowhere.
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  const gaveUp = new Promise<string>((resolve) => {
    lines.once('close', () => {
      resolve('');
    });
  });
  try {
    // The terminal stops echoing before the prompt invites anybody to type.
    const answer = lines.question('');
    await terminal.write(prompt);
    return await Promise.race([answer, gaveUp]);
  } finally {
    lines.close();
    await terminal.write('\n').catch(() => undefined);
    // It has a descriptor of its own, beside the caller's.
    input.destroy();
  }
}
