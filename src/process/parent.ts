/** Ties the life of this process to that of the one that started it. */

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Ends this process when its parent ends, even while it is blocked in a call and hears of nothing.
 * @throws Error when the package koffi is not installed
 */
export async function dieWithParent(): Promise<void> {
  const { default: koffi } = await import('koffi');
  const prctl = koffi.load(null).func('int prctl(int option, unsigned long value)') as (
    option: number,
    value: number,
  ) => number;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}
