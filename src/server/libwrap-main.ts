/** The helper process of a worker that asks libwrap, which blocks, forks and is no business of the threads of a server. */
import { type End, openLibwrap } from '../process/libwrap.ts';
import { dieWithParent } from '../process/parent.ts';
import { ignoreTerminalSignals } from '../process/signals.ts';

/** What the environment of a helper holds. */
export const HELPER_ENVIRONMENT = { TENTACLE_IS_LIBWRAP_HELPER: '1' };

/** Both ends of a connection. */
export interface Question {
  readonly client: End;
  readonly server: End;
}

/** What libwrap says; unreadable: it could not be asked, since it would let everybody in. */
export type Answer = 'granted' | 'denied' | 'unreadable';

/** Whether this process was forked by a worker to ask libwrap. To be asked once. */
export function isLibwrapHelper(): boolean {
  const marked = process.env.TENTACLE_IS_LIBWRAP_HELPER !== undefined;
  // Programs that rules start are no helpers.
  delete process.env.TENTACLE_IS_LIBWRAP_HELPER;
  return marked && process.connected;
}

/**
 * Answers one question after the other, in order, until its worker is gone.
 * @returns never
 * @throws Error when libwrap is not to be had
 */
export async function libwrapMain(): Promise<number> {
  ignoreTerminalSignals();
  process.once('disconnect', () => process.exit());
  await dieWithParent();
  const ask = await openLibwrap();
  return new Promise(() => {
    process.on('message', (message) => {
      const { client, server } = message as Question;
      process.send?.(answer(() => ask(client, server)));
    });
  });
}

function answer(ask: () => boolean): Answer {
  try {
    return ask() ? 'granted' : 'denied';
  } catch {
    return 'unreadable';
  }
}
