/** Compares what is there with what is wanted. Pure. */

/** What is otherwise than wanted; what is not wanted is as the server likes it. */
export function differing(found: object, wanted: object): string[] {
  const there = new Map<string, unknown>(Object.entries(found));
  return Object.entries(wanted)
    .map(([key, value]) => [key, jsonOf(there.get(key)), jsonOf(value)] as const)
    .filter(([, one, other]) => one !== other)
    .map(([key, one, other]) => `${key} ${one} -> ${other}`);
}

function jsonOf(value: unknown): string {
  return value === undefined ? 'unset' : JSON.stringify(value);
}
