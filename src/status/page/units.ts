/** Writes figures, sizes and times as a person reads them at a glance. */
import { html, type Html, type Part } from './html.ts';
import { byteCount } from '../../log/byte-count.ts';

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const TENTHS = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** `1,234,567`. */
export function whole(number: number): string {
  return WHOLE.format(number);
}

/** With one decimal where it says something: `0.3`, `12.4`, `1,234`. */
export function decimal(number: number): string {
  return (number < 100 ? TENTHS : WHOLE).format(number);
}

/** `4.5 MB/s`. */
export function byteRate(bytesPerSecond: number): string {
  return `${byteCount(Math.round(bytesPerSecond))}/s`;
}

const SPANS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** In its largest unit: `12 s`, `3 min`, `5 h`, `20 d`. */
export function span(seconds: number): string {
  const [unit, length] = SPANS.find(([, length]) => seconds >= length) ?? SPANS[3];
  return `${whole(Math.floor(Math.max(seconds, 0) / length))} ${unit}`;
}

/** `12 s ago`, with the exact time for whoever points at it. */
export function ago(at: number, now: number): Html {
  return moment(at, now - at < 1000 ? 'just now' : `${span((now - at) / 1000)} ago`);
}

/** `12 s`, as what has lasted since then. */
export function since(at: number, now: number): Html {
  return moment(at, span((now - at) / 1000));
}

/** `21:03:05`, in this machine's time zone, as in the log. */
export function clock(at: number): Html {
  return moment(at, isoTime(at).slice(11, 19));
}

/** `2026-11-29`. */
export function day(at: number): Html {
  return moment(at, isoTime(at).slice(0, 10));
}

function moment(at: number, text: string): Html {
  const exact = isoTime(at);
  return html`<time datetime="${exact}" title="${exact}">${text}</time>`;
}

/** `2026-11-29T21:03:05+01:00`: the clock of the log lines, and where it stands. */
export function isoTime(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const local = new Date(at + minutes * 60_000).toISOString().slice(0, 19);
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  return `${local}${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}

/** Text of a peer, which may run from right to left, and must not turn what stands beside it. */
export function foreign(text: string): Part {
  return text === '' ? NONE : html`<bdi>${text}</bdi>`;
}

/** In a cell that has nothing to say. */
export const NONE = html`<span class="none">–</span>`;
