/** Takes what concerns the transfer out of a pandora_agent.conf or satellite_server.conf (C5). Pure. */

/** What an agent's configuration says of one server, in the words of tentacle_client's command line. */
export interface AgentServer {
  readonly words: readonly string[];
}

export interface AgentConf {
  readonly primary: AgentServer;
  /** Undefined where the agent would not use it. */
  readonly secondary: (AgentServer & { readonly mode: 'on_error' | 'always' }) | undefined;
}

/** The agent's own defaults. */
const DEFAULT_HOST = 'localhost';
const DEFAULT_PORT = '41121';
const TENTACLE = 'tentacle';

/**
 * C5: `-a IP -p PORT`, then `-x` of server_pwd and `-c` of server_ssl, then server_opts, which a shell splits.
 * @param content as latin-1
 * @throws SyntaxError for what the agent would not do, or what its shell would make something else of
 */
export function parseAgentConf(content: string): AgentConf {
  const tokens = readTokens(content);
  const server = (prefix: string): AgentServer => {
    const get = (name: string): string => tokens.get(`${prefix}${name}`) ?? '';
    const password = get('server_pwd');
    if (password.includes("'"))
      throw new SyntaxError(`${prefix}server_pwd holds a ', which ends the agent's quotes`);
    return {
      words: [
        ...['-a', get('server_ip') || DEFAULT_HOST, '-p', get('server_port') || DEFAULT_PORT],
        ...(password === '' ? [] : ['-x', password]),
        ...(['1', 'yes'].includes(get('server_ssl')) ? ['-c'] : []),
        ...splitAsShell(get('server_opts'), `${prefix}server_opts`),
      ],
    };
  };
  const mode = (tokens.get('transfer_mode') ?? '') || TENTACLE;
  if (mode !== TENTACLE) throw new SyntaxError(`transfer_mode is ${mode}: this agent does not use Tentacle`);
  return { primary: server(''), secondary: secondaryOf(tokens, server) };
}

function secondaryOf(
  tokens: ReadonlyMap<string, string>,
  server: (prefix: string) => AgentServer,
): AgentConf['secondary'] {
  const mode = tokens.get('secondary_mode');
  const transfer = (tokens.get('secondary_transfer_mode') ?? '') || TENTACLE;
  if ((mode !== 'on_error' && mode !== 'always') || transfer !== TENTACLE) return undefined;
  return { ...server('secondary_'), mode };
}

/** `token value` lines; the last one of a token counts, an empty one too. */
function readTokens(content: string): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>();
  for (const line of content.split(/\r?\n/)) {
    const [, token, value = ''] = /^[ \t]*([A-Za-z]\w*)(?:[ \t]+(.*?))?[ \t]*$/.exec(line) ?? [];
    if (token !== undefined) tokens.set(token, value);
  }
  return tokens;
}

/** What a shell does more with than to split words; the agent hands server_opts to one. */
const ACTIVE = /[;&|<>()*?[]/;
/** Only where a word begins. */
const ACTIVE_FIRST = /[#~]/;

/**
 * Words as `sh` splits them: '...' literal, "..." with a few escapes, a backslash outside for the next character.
 * @throws SyntaxError for an open quote, and for whatever the shell would replace or run
 */
function splitAsShell(text: string, token: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  const add = (character: string): void => {
    word = (word ?? '') + character;
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quote === "'" && character !== "'") add(character);
    else if (isActive(character, quote, word)) {
      throw new SyntaxError(
        `${token}: the agent's shell would interpret ${character}; put it in single quotes`,
      );
    } else if (character === '\\' && (quote === '' || '"\\$`'.includes(text.charAt(i + 1))))
      add(text.charAt(++i));
    else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (quote === '' && /[ \t]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else add(character);
  }
  if (quote !== '') throw new SyntaxError(`${token}: a ${quote} is never closed`);
  if (word !== undefined) words.push(word);
  return words;
}

function isActive(character: string, quote: string, word: string | undefined): boolean {
  if (character === '$' || character === '`') return true;
  if (quote !== '') return false;
  return ACTIVE.test(character) || (word === undefined && ACTIVE_FIRST.test(character));
}
