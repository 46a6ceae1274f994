/** What a server must answer to a conversation, and what lies in its spool then; walked beside what it did answer. */
import {
  readCommand,
  readHeader,
  readMember,
  type ReadCommand,
  validCharacters,
  validName,
} from './reference.ts';
import { DIRECTORIES, type Files, FIXTURES } from './server.ts';
import { latin1, must, shown } from './target.ts';

export interface Rules {
  readonly insecure?: true;
  readonly overwrite?: true;
  readonly filtered?: true;
  /** What the client must say first. */
  readonly digest?: string;
  /** Whether a PROXY header must come before all. */
  readonly proxied?: true;
}

export const LINE_LIMIT = 300;
export const MAX_SIZE = 2000;
/** As the token `filters` says it, and as we do. */
export const FILTERS = '\\.conf$:conf=r;\\.md5$:md5=w';

/** Nothing more is answered. */
class Over extends Error {}

/**
 * @param stream all that the client sent before it closed its side
 * @param answers all that the server said
 * @returns what must lie in the spool
 * @throws Broken when it should have answered otherwise
 */
export function walk(stream: Buffer, answers: Buffer, rules: Rules): Files {
  const conversation = new Conversation(stream, answers, rules);
  try {
    conversation.walk();
  } catch (end) {
    if (!(end instanceof Over)) throw end;
  }
  conversation.judgeRest();
  return conversation.files;
}

class Conversation {
  readonly #files = new Map(Object.entries(FIXTURES));
  readonly #rules: Rules;
  #stream: string;
  #answers: string;

  constructor(stream: Buffer, answers: Buffer, rules: Rules) {
    this.#stream = stream.toString('latin1');
    this.#answers = answers.toString('latin1');
    this.#rules = rules;
  }

  get files(): Files {
    return Object.fromEntries(this.#files);
  }

  walk(): void {
    if (this.#rules.proxied) this.#take(readHeader(latin1(this.#stream))?.length ?? Infinity);
    if (this.#stream.startsWith('\x16')) throw new Over();
    this.#welcome();
    let moved: string | undefined;
    for (;;) {
      const command = readCommand(this.#line());
      const { kind } = command ?? {};
      if (command === undefined || kind === 'PASS') return;
      if ((kind === 'LS' || kind === 'MV') && !this.#rules.insecure) return;
      // W16: it goes with the next command.
      if (moved !== undefined) this.#files.delete(moved);
      if (kind === 'QUIT') return;
      moved = this.#command(command);
    }
  }

  judgeRest(): void {
    must(this.#answers === '', () => `it also says ${shown(this.#answers)}`);
  }

  #welcome(): void {
    const { digest } = this.#rules;
    if (digest === undefined) return;
    const command = readCommand(this.#line());
    if (command?.digest !== digest) throw new Over();
    this.#expect('PASS OK\n');
  }

  /** @returns the file that is to go with the next command */
  #command({ kind, name = '', size }: ReadCommand): string | undefined {
    const isValid = kind === 'LS' ? validCharacters(name) : validName(name);
    if (!isValid) this.#refuse(kind, 'invalid file name');
    else if (size !== undefined) this.#receive(kind, name, size);
    else if (kind === 'LS') this.#list(name);
    else return this.#send(kind, name);
    return undefined;
  }

  #receive(kind: string, name: string, size: number): void {
    const { directory, may } = this.#placeOf(name);
    const path = `${directory}${name}`;
    const isDirectory = (DIRECTORIES as readonly string[]).includes(path);
    const isThere = this.#files.has(path) || isDirectory;
    if (size < 1 || size > MAX_SIZE) {
      this.#refuse(kind, 'file is too big');
      return;
    }
    if (!may.includes('w')) {
      this.#refuse(kind, 'invalid file name');
      return;
    }
    if (isThere && !this.#rules.overwrite) {
      this.#refuse(kind, 'file already exists');
      return;
    }
    this.#expect(`${kind} OK\n`);
    const body = this.#take(size);
    // Which archives are to be refused is the business of the target zip.
    if (kind === 'ZSEND' && this.#says('ZSEND ERR\n', 'ZSEND ERR (file is too big)\n')) return;
    if (isDirectory) {
      this.#refuse(kind, 'cannot store file');
      return;
    }
    this.#expect(`${kind} OK\n`);
    const content = kind === 'SEND' ? body : readMember(latin1(body)).content.toString('latin1');
    must(
      content.length <= MAX_SIZE,
      () => `an archive was accepted that unpacks to ${String(content.length)} bytes`,
    );
    this.#files.set(path, content);
  }

  #send(kind: string, name: string): string | undefined {
    const { directory, may } = this.#placeOf(name);
    const path = `${directory}${name}`;
    const content = this.#files.get(path);
    if (!may.includes('r') || (kind === 'MV' && may !== 'rw')) this.#refuse(kind, 'invalid file name');
    else if (content === undefined) this.#refuse(kind, 'file does not exist');
    else if (kind === 'ZRECV') this.#sendPacked(content);
    else if (this.#offer(kind, content) && kind === 'MV') return path;
    return undefined;
  }

  #sendPacked(content: string): void {
    // Nothing is packed for a client that has closed; whether that was seen in time, nobody knows.
    if (this.#stream === '' && this.#answers === '') throw new Over();
    const [announced = '', size = ''] = /^ZRECV SIZE ([0-9]+)\n/.exec(this.#answers) ?? [];
    must(announced !== '', () => `it says ${shown(this.#answers)} instead of a size`);
    this.#expect(announced);
    if (this.#line() !== 'ZRECV OK') return;
    const archive = this.#answers.slice(0, Number(size));
    this.#expect(archive);
    const unpacked = readMember(latin1(archive)).content.toString('latin1');
    must(unpacked === content, () => `the archive holds ${shown(unpacked)} instead of ${shown(content)}`);
  }

  #list(name: string): void {
    const { directory, may } = this.#placeOf(name);
    if (!may.includes('r')) {
      this.#refuse('LS', 'invalid file name');
      return;
    }
    const names = [...this.#files.keys()]
      .filter((path) => path.slice(0, path.lastIndexOf('/') + 1) === directory)
      .map((path) => `${path.slice(directory.length)}\n`);
    this.#offer('LS', names.sort(byBytes).join(''));
  }

  /** @returns whether the client took it */
  #offer(kind: string, content: string): boolean {
    this.#expect(`${kind} SIZE ${String(content.length)}\n`);
    if (this.#line() !== `${kind} OK`) return false;
    this.#expect(content);
    return true;
  }

  #placeOf(name: string): { readonly directory: string; readonly may: string } {
    if (this.#rules.filtered && name.endsWith('.conf')) return { directory: 'conf/', may: 'r' };
    if (this.#rules.filtered && name.endsWith('.md5')) return { directory: 'md5/', may: 'w' };
    return { directory: '', may: 'rw' };
  }

  #refuse(kind: string, reason: string): void {
    if (kind === 'LS' || kind === 'MV') {
      this.#expect(`${kind} ERR\n`);
      return;
    }
    const isName = reason === 'invalid file name' && kind.endsWith('RECV');
    this.#expect(`${kind} ERR (${isName ? 'file has an invalid file name' : reason})\n`);
  }

  #expect(text: string): void {
    must(this.#answers.startsWith(text), () => `it says ${shown(this.#answers)} instead of ${shown(text)}`);
    this.#answers = this.#answers.slice(text.length);
  }

  #says(...texts: readonly string[]): boolean {
    const text = texts.find((each) => this.#answers.startsWith(each));
    if (text !== undefined) this.#expect(text);
    return text !== undefined;
  }

  #take(count: number): string {
    if (this.#stream.length < count) throw new Over();
    const text = this.#stream.slice(0, count);
    this.#stream = this.#stream.slice(count);
    return text;
  }

  #line(): string {
    const end = this.#stream.indexOf('\n');
    if (end < 0 || end >= LINE_LIMIT) throw new Over();
    return this.#take(end + 1).slice(0, -1);
  }
}

function byBytes(one: string, other: string): number {
  return Buffer.compare(latin1(one), latin1(other));
}
