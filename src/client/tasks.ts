/** The tasks of the client: send a file, fetch one, move one. */
import { packedSize, type TentacleClient } from './client.ts';
import { ClosedError, LocalFileError } from './errors.ts';
import { type LocalFile, nameOf, openLocalFile, storeLocalFile } from './local-files.ts';
import type { Task } from './transfer.ts';
import { compileInvalidChars, DEFAULT_INVALID_CHARS } from '../protocol/file-name.ts';

/** Hears how much of a file has moved. Bytes. */
export type Progress = (moved: number, total: number) => void;

export interface TaskOptions {
  /** Store it under this name, as latin-1. */
  readonly name?: string | undefined;
  readonly progress?: Progress | undefined;
}

export interface SendOptions extends TaskOptions {
  /** `auto`: plain where the server does not know ZSEND. */
  readonly compress?: 'no' | 'yes' | 'auto';
  /** Whether it is the only file: then what `check` opened stays open, which of many would be too much. */
  readonly alone?: boolean;
}

/** Whether the server turned out not to know ZSEND; for all files of a run alike. */
export class Compression {
  plain = false;
}

/** N1, and W2: the line must fit into 1024 bytes. */
const LONGEST_NAME = 255;
const INVALID = compileInvalidChars(DEFAULT_INVALID_CHARS);

/**
 * Refuses a name that every server refuses (N1), naming the character.
 * @param name as latin-1
 * @throws LocalFileError
 */
export function checkName(name: string, file: string, verb: 'send' | 'fetch' = 'send'): void {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  const [character] = INVALID.exec(name) ?? /[\x00-\x1f\x7f]/.exec(name) ?? [];
  const said = JSON.stringify(character);
  const rename = verb === 'send' ? 'rename it, or use --name' : 'there can be no such file';
  if (character !== undefined) {
    throw new LocalFileError(`Cannot ${verb} ${file}: servers refuse names with ${said}; ${rename}`);
  }
  if (name === '' || name === '.' || name === '..') {
    throw new LocalFileError(`Cannot ${verb} ${file}: it has no name; ${rename}`);
  }
  if (name.length > LONGEST_NAME) {
    throw new LocalFileError(`Cannot ${verb} ${file}: names end at ${String(LONGEST_NAME)} bytes; ${rename}`);
  }
}

/** Sends the file at a path; `check` refuses, before anything is connected, what cannot be sent. */
export function sendTask(
  path: string | Buffer,
  options: SendOptions & { readonly compression: Compression },
): Task & { check(): Promise<void> } {
  const { name = nameOf(path), compress = 'no', compression, progress, alone = false } = options;
  let asked = false;
  let packed: number | undefined;
  let opened: LocalFile | undefined;
  return {
    file: String(path),
    async check() {
      const file = await openLocalFile(path, name);
      try {
        if (compress === 'no') return;
        // Before anything is connected: a big file would use up the server's patience.
        const { zip } = await import('../protocol/zip/zip.ts');
        packed = await packedSize(name, zip(file.content()));
      } finally {
        if (alone) opened = file;
        else await file.close();
      }
    },
    async run(client) {
      // What was checked is what is sent; another attempt looks again.
      const file = opened ?? (await openLocalFile(path, name));
      opened = undefined;
      try {
        asked = compress !== 'no' && !compression.plain;
        const content =
          progress === undefined ? file.content : () => counted(file.content(), file.size, progress);
        await client.send({ ...file, content, packedSize: packed }, { compress: asked });
      } finally {
        await file.close();
      }
    },
    fallBack(error) {
      // Once agreed to, ZSEND is known: then the connection was lost, and the file may be there already.
      const unknown = error instanceof ClosedError && error.unanswered;
      if (compress !== 'auto' || !asked || compression.plain || !unknown) return false;
      compression.plain = true;
      return true;
    },
  };
}

/** Fetches the file of a name into a directory; `move` has the server delete it. */
export function fetchTask(
  remote: string,
  directory: string,
  options: TaskOptions & { readonly move: boolean; readonly compress: boolean },
): Task {
  const name = nameOf(remote);
  const local = options.name ?? name;
  const { progress } = options;
  const sink = (content: AsyncIterable<Buffer>, size: number): Promise<void> =>
    storeLocalFile(directory, local, progress === undefined ? content : counted(content, size, progress));
  return {
    file: remote,
    run: (client: TentacleClient) =>
      options.move ? client.move(name, sink) : client.receive(name, sink, { compress: options.compress }),
  };
}

async function* counted(
  content: AsyncIterable<Buffer>,
  total: number,
  progress: Progress,
): AsyncGenerator<Buffer, void, undefined> {
  let moved = 0;
  for await (const chunk of content) {
    moved += chunk.length;
    progress(moved, total);
    yield chunk;
  }
}
