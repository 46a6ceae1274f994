/** Whether a certificate is for somebody whom ssl_client_names lets in. Pure. */
import { parseIpAddress } from '../protocol/ip-address.ts';
import type { CertificateName } from '../settings/alternative-names.ts';

/**
 * One of the names, a CN or an alternative name, must be one of those accepted, as a whole. In what is accepted `*`
 * stands for any characters, or none, dots included; in a certificate it is a character like any other. The case of
 * letters does not count in DNS names; it does in CNs, which name agents, and in mail addresses and URIs. IP addresses
 * may be written in any way.
 */
export function isAccepted(names: readonly CertificateName[], accepted: readonly string[]): boolean {
  return names.some((name) => accepted.some((pattern) => matches(name, pattern)));
}

function matches({ kind, text }: CertificateName, pattern: string): boolean {
  switch (kind) {
    case 'DNS':
      return fits(text.toLowerCase(), pattern.toLowerCase());
    case 'IP':
      return fits(addressText(text), addressText(pattern));
    case 'CN':
    case 'email':
    case 'URI':
      return fits(text, pattern);
    default:
      return kind satisfies never;
  }
}

/** An address in its short form; anything else, such as a pattern, as it is but for its case. */
function addressText(text: string): string {
  return parseIpAddress(text)?.toString() ?? text.toLowerCase();
}

/** In linear time, which a regular expression does not promise. */
function fits(text: string, pattern: string): boolean {
  const [head = '', ...others] = pattern.split('*');
  const tail = others.pop();
  if (tail === undefined) return text === head;
  if (!text.startsWith(head)) return false;
  let at = head.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - tail.length >= at && text.endsWith(tail);
}
