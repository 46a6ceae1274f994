/** What the targets are called. */

export const NAMES = ['lines', 'dialogue', 'tls', 'zip', 'conf', 'proxy'] as const;

export type Name = (typeof NAMES)[number];
