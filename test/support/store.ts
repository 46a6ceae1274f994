/** Has small files stored, as a client does. */
import { Dialogue } from './dialogue.ts';

/** Stores one file. @returns the server's last answer */
export async function store(dialogue: Dialogue, name: string): Promise<string> {
  const first = await dialogue.ask(`SEND <${name}> SIZE 4\n`);
  return first === 'SEND OK\n' ? dialogue.ask('data') : first;
}

/** Stores so many files over some connections at a time. @returns the names that were confirmed */
export async function storeMany(port: number, count: number, connections = 8): Promise<string[]> {
  const confirmed: string[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    const dialogue = await Dialogue.open(port);
    while (next < count) {
      const name = `agent.${String(next++)}.data`;
      if ((await store(dialogue, name)) === 'SEND OK\n') confirmed.push(name);
    }
    dialogue.send('QUIT\n');
    await dialogue.rest();
  };
  await Promise.all(Array.from({ length: connections }, client));
  return confirmed;
}
