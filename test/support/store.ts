/** Has small files stored, as a client does. */
import { Dialogue } from './dialogue.ts';

/** Stores one file. @returns the server's last answer */
export async function store(dialogue: Dialogue, name: string): Promise<string> {
  const first = await dialogue.ask(`SEND <${name}> SIZE 4\n`);
  return first === 'SEND OK\n' ? dialogue.ask('data') : first;
}

const CONNECTIONS = 8;

/**
 * Stores so many files over several connections.
 * @param stem what their names begin with
 * @returns the names that were confirmed
 */
export async function storeMany(port: number, count: number, stem = 'agent'): Promise<string[]> {
  const confirmed: string[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    const dialogue = await Dialogue.open(port);
    while (next < count) {
      const name = `${stem}.${String(next++)}.data`;
      if ((await store(dialogue, name)) === 'SEND OK\n') confirmed.push(name);
    }
    dialogue.send('QUIT\n');
    await dialogue.rest();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  return confirmed;
}
