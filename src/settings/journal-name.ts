/** The hidden file by which the directory of a deliverer is known. No consumer matches it, and it is no staged one, which the next start would remove. */

export const JOURNAL = '.tentacle-delivered';
