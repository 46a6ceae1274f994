/** Takes the listening sockets that systemd opened for this process (sd_listen_fds(3)). */
import { fstatSync } from 'node:fs';

/** The first descriptor handed over, by definition. */
const FIRST = 3;

/**
 * The descriptors handed over, for `server.listen({ fd })`; none when LISTEN_PID is another process. The variables are
 * removed, so that no program started from here takes the descriptors for its own; to be called once.
 * @param environment usually process.env
 * @throws Error when a descriptor that was promised is no socket
 */
export function activatedSockets(environment: NodeJS.ProcessEnv): readonly number[] {
  const { LISTEN_PID, LISTEN_FDS } = environment;
  delete environment.LISTEN_PID;
  delete environment.LISTEN_FDS;
  delete environment.LISTEN_FDNAMES;
  if (LISTEN_PID !== String(process.pid)) return [];
  const count = /^\d{1,4}$/.test(LISTEN_FDS ?? '') ? Number(LISTEN_FDS) : 0;
  const descriptors = Array.from({ length: count }, (_, index) => FIRST + index);
  const wrong = descriptors.find((descriptor) => !isSocket(descriptor));
  if (wrong !== undefined) {
    throw new Error(
      `LISTEN_FDS promises ${String(count)} sockets from descriptor ${String(FIRST)} on, but ${String(wrong)} is none: check the .socket unit`,
    );
  }
  return descriptors;
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}
