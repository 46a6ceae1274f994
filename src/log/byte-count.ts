/** Says how many bytes there are, for people. */

const UNITS = ['KB', 'MB', 'GB', 'TB', 'PB'];
const KILO = 1024;

/** `999 bytes`, `4.5 MB`: a KB is 1024 bytes, as for the options. */
export function byteCount(bytes: number): string {
  if (bytes < KILO) return bytes === 1 ? '1 byte' : `${String(bytes)} bytes`;
  let [amount, unit] = [bytes / KILO, 0];
  // Rounded up, it would read 1024.0.
  while (amount >= KILO - 0.05 && unit < UNITS.length - 1) {
    amount /= KILO;
    unit++;
  }
  return `${amount.toFixed(1)} ${UNITS[unit] ?? ''}`;
}
