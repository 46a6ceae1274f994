/** Writes text in the language of manual pages (man macros). Pure. */

const WIDTH = 78;

/** What means something else to roff, or would come out as a typographic sign. */
const SIGNS: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
};

/** Text as it is, whatever signs are in it. */
export function literal(text: string): string {
  return text.replace(/[\\\-'`^~]/g, (sign) => SIGNS[sign] ?? sign);
}

/** Text in bold: what is to be typed as it is. */
export function bold(text: string): string {
  return `\\fB${literal(text)}\\fR`;
}

/** Text in italics: what is to be replaced. */
export function italic(text: string): string {
  return `\\fI${literal(text)}\\fR`;
}

/** The first lines of a page. @param date `YYYY-MM-DD` */
export function title(name: string, date: string, version: string): string {
  return `.TH ${name.toUpperCase()} 1 "${date}" "${literal(`tentacle-server ${version}`)}" "Pandora FMS"`;
}

/** A section; its parts are what the functions below give. */
export function section(name: string, ...parts: readonly string[]): string {
  // A paragraph right behind the heading is one anyway.
  return [`.SH ${name}`, ...parts].join('\n').replace(/^(\.SH .*\n)\.PP\n/, '$1');
}

/** @param text with its signs made safe by the functions above */
export function paragraph(text: string): string {
  return `.PP\n${filled(text)}`;
}

/** What a term means. */
export function item(term: string, text: string): string {
  return `.TP\n${term}\n${filled(text)}`;
}

/** Lines that are kept as they are. */
export function example(...lines: readonly string[]): string {
  return ['.PP', '.in +4n', '.EX', ...lines.map((line) => guarded(literal(line))), '.EE', '.in'].join('\n');
}

/** Lines that are not too long. */
function filled(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map(guarded).join('\n');
}

/** A line that starts with a dot would be a command. */
function guarded(line: string): string {
  return line.startsWith('.') ? `\\&${line}` : line;
}
