/** Builds paths inside the spool, and nowhere else. */

const SLASH = Buffer.from('/');

/**
 * The path of a name in a directory, as bytes. The last guard: names were checked before (N1).
 * @param name one path component, as latin-1
 * @throws Error for a name that is not one component
 */
export function pathInside(directory: Buffer, name: string): Buffer {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new Error('not the name of a file in a directory');
  }
  return Buffer.concat([directory, SLASH, Buffer.from(name, 'latin1')]);
}

/** The path of a sub-directory that the filters name; '' is the directory itself. */
export function subdirectory(directory: Buffer, relative: string): Buffer {
  return relative === '' ? directory : Buffer.concat([directory, SLASH, Buffer.from(relative, 'latin1')]);
}
