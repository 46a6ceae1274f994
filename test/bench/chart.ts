/** Draws how fast one is beside the other: two bars for each row, the longer of them as long as the space. */
import { figure } from './report.ts';
import type { Result } from './results.ts';
import { median } from './statistics.ts';

const [WIDTH, LEFT, RIGHT] = [860, 150, 150];
const [TOP, ROW, TITLE, BAR] = [8, 64, 18, 15];

/** Readable on white and on black; a picture in a README sees the reader's preference, not the page's style. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .who { text-anchor: end }
  .ours { fill: #1a7f64 }
  .other { fill: #9aa4ae }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .ours { fill: #3fb992 }
    .other { fill: #6e7681 }
  }
`;

interface Bar {
  readonly style: 'ours' | 'other';
  readonly who: string;
  readonly value: number;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function drawBar(
  { style, who, value }: Bar,
  most: number,
  { unit, top }: { unit: string; top: number },
): string {
  const length = Math.max(1, Math.round((value / most) * (WIDTH - LEFT - RIGHT)));
  const base = String(top + BAR - 3);
  return [
    `<text class="who" x="${String(LEFT - 8)}" y="${base}">${escaped(who)}</text>`,
    `<rect class="${style}" x="${String(LEFT)}" y="${String(top)}" width="${String(length)}" height="${String(BAR - 1)}" rx="2"/>`,
    `<text x="${String(LEFT + length + 8)}" y="${base}">${figure(value)} ${unit}</text>`,
  ].join('\n');
}

function drawRow({ title, unit, names, ours, other }: Result, index: number): string {
  const top = TOP + index * ROW;
  const [own, peer] = [median(ours), median(other)];
  const most = Math.max(own, peer);
  return [
    `<text class="title" x="${String(LEFT)}" y="${String(top + TITLE - 4)}">${escaped(title)}</text>`,
    drawBar({ style: 'ours', who: names[0], value: own }, most, { unit, top: top + TITLE }),
    drawBar({ style: 'other', who: names[1], value: peer }, most, { unit, top: top + TITLE + BAR }),
  ].join('\n');
}

/** Those that were compared with somebody else. */
export function charted(results: readonly Result[]): readonly Result[] {
  return results.filter(({ compares, other }) => compares === 'with others' && other.length > 0);
}

/** An SVG of its own. */
export function chart(results: readonly Result[]): string {
  const height = TOP + results.length * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${String(WIDTH)} ${String(height)}" role="img" aria-label="Files a second of this server and of others">`,
    `<style>${STYLE}</style>`,
    ...results.map(drawRow),
    '</svg>',
    '',
  ].join('\n');
}
