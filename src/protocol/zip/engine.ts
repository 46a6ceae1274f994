/** Hands chunks to a zlib engine, one at a time. */
import type { Transform } from 'node:stream';

/** Resolves when the engine has taken the chunk: true, or has been destroyed or has failed meanwhile: false. */
export function taken(engine: Transform, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = (): void => {
      resolve(false);
    };
    engine.once('close', closed);
    engine.write(chunk, (error) => {
      engine.off('close', closed);
      resolve(!error);
    });
  });
}
