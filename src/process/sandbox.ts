/** Says which line of a systemd unit opens a path that its sandbox closes. */

/** What ProtectHome= and PrivateTmp= hide: a path there looks empty or locked from inside. */
const HIDDEN = [
  { prefix: /^\/(?:home|root|run\/user)(?:\/|$)/, line: 'ProtectHome=read-only' },
  { prefix: /^\/(?:var\/)?tmp(?:\/|$)/, line: 'PrivateTmp=no' },
] as const;

/**
 * What to do, to go behind a message that a path cannot be used; '' when no sandbox is to blame.
 * @param path absolute; the directory to be written, or the file to be read
 * @param code of the system's error
 * @param environment where systemd says that it started this process
 */
export function sandboxHint(
  path: string,
  code: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): string {
  if (environment.INVOCATION_ID === undefined) return '';
  if (code === 'EROFS') return advice(`ReadWritePaths=${path}`);
  if (code !== 'EACCES' && code !== 'ENOENT') return '';
  const hidden = HIDDEN.find(({ prefix }) => prefix.test(path));
  return hidden === undefined ? '' : advice(hidden.line);
}

function advice(line: string): string {
  return `; if the sandbox of the unit closes it, add "${line}" under [Service] (systemctl edit tentacle_serverd)`;
}
