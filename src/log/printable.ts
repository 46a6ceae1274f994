/** Makes text from a peer safe to show to a person or to write into a log line. */

const LONGEST = 300;
/** ASCII that can be seen, but for the quote and the backslash. */
const PLAIN = /^[ -&(-[\]-~]*$/;
let utf8: InstanceType<typeof TextDecoder> | undefined;
// Quotes, which stand around names; control, format (bidirectional overrides), surrogate, private and unassigned characters, line separators; the backslash itself.
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\\']/gu;

/**
 * @param bytes as latin-1. Shown as UTF-8 where it is; what could move a cursor, start a line or hide something
 * becomes `\xNN` or `\u{N}`; long text is cut.
 */
export function printable(bytes: string): string {
  // Nearly every name.
  if (bytes.length <= LONGEST && PLAIN.test(bytes)) return bytes;
  const cut = bytes.length > LONGEST;
  return (
    (cut ? bytes.slice(0, LONGEST) : bytes)
      .split(/([\x80-\xff]+)/)
      .map(part)
      .join('') + (cut ? '...' : '')
  );
}

function part(bytes: string, index: number): string {
  // split() puts the captured runs of high bytes at the odd places.
  return escape(index % 2 === 0 ? bytes : highBytes(bytes));
}

function highBytes(bytes: string): string {
  try {
    // Made when first needed: the client waits for it at no other start.
    utf8 ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    // Not UTF-8: byte by byte. C1 controls and letters alike, since their meaning is unknown.
    return bytes;
  }
}

function escape(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === '\\' || character === "'") return `\\${character}`;
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
