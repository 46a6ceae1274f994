/** Says what went wrong with an upstream, in words that go behind its address. Pure. */
import { endpointText, type HostPort } from '../client/endpoint.ts';

/** Errors of the system that the client does not put into words, or that a socket meets on its way. */
const IN_WORDS = new Map([
  ['ECONNREFUSED', 'connection refused: nothing listens there'],
  ['ECONNRESET', 'connection reset'],
  ['EPIPE', 'connection closed by the other side'],
  ['ETIMEDOUT', 'it does not answer'],
  ['EHOSTUNREACH', 'there is no route to that host'],
  ['ENETUNREACH', 'there is no route to that host'],
  ['EMFILE', 'this server has too many files and connections open: raise its limit (LimitNOFILE, ulimit -n)'],
]);

/** Without the address, which the errors of the client say too. */
export function reasonOf(error: unknown, server: HostPort): string {
  const { code = '', message, cause } = error as NodeJS.ErrnoException;
  const [host, endpoint] = [server.host, endpointText(server)];
  const starts = [endpoint, host, `"${host}"`].map((name) => `Cannot connect to ${name}: `);
  const start = starts.find((text) => message.startsWith(text)) ?? '';
  const rest = message.slice(start.length).replace(` to ${endpoint}`, '').replace(` with ${endpoint}`, '');
  // Node's own text: "connect ETIMEDOUT 10.0.0.1:41121".
  const raw = rest.startsWith('connect E') ? (cause as NodeJS.ErrnoException | undefined)?.code : undefined;
  return IN_WORDS.get(raw ?? code) ?? lowerFirst(rest);
}

/** "Connection timed out", but neither "TLS failed" nor "ECONNRESET". */
function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
