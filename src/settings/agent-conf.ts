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

const DEFAULT_PORT = '41121';

/**
 * C5: `-a IP -p PORT`, then `-x` of server_pwd and `-c` of server_ssl, then server_opts.
 * @param content as latin-1
 * @param split how the agent's shell would split server_opts
 * @throws SyntaxError when there is no server in it, or server_opts cannot be split
 */
export function parseAgentConf(content: string, split: (text: string) => string[]): AgentConf {
  const tokens = readTokens(content);
  const server = (prefix: string): AgentServer | undefined => {
    const get = (name: string): string => tokens.get(`${prefix}${name}`) ?? '';
    if (get('server_ip') === '') return undefined;
    const password = get('server_pwd');
    const ssl = ['1', 'yes'].includes(get('server_ssl').toLowerCase());
    return {
      words: [
        ...['-a', get('server_ip'), '-p', get('server_port') || DEFAULT_PORT],
        ...(password === '' ? [] : ['-x', password]),
        ...(ssl ? ['-c'] : []),
        ...split(get('server_opts')),
      ],
    };
  };
  const primary = server('');
  if (primary === undefined) throw new SyntaxError('there is no server_ip in it');
  const mode = tokens.get('secondary_mode') ?? 'never';
  const secondary = mode === 'on_error' || mode === 'always' ? server('secondary_') : undefined;
  return {
    primary,
    secondary: secondary && { ...secondary, mode: mode === 'always' ? 'always' : 'on_error' },
  };
}

/** `token value` lines; the last one of a token counts. */
function readTokens(content: string): ReadonlyMap<string, string> {
  const tokens = new Map<string, string>();
  for (const line of content.split(/\r?\n/)) {
    const [, token = '', value = ''] = /^[ \t]*([A-Za-z]\w*)[ \t]+(.*?)[ \t]*$/.exec(line) ?? [];
    if (value !== '') tokens.set(token, value);
  }
  return tokens;
}
