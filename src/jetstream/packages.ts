/** Loads the NATS packages, which only those need who keep files on JetStream. */

import type * as jetstream from '@nats-io/jetstream';
import type * as obj from '@nats-io/obj';
import type * as transport from '@nats-io/transport-node';

export interface Packages {
  readonly transport: typeof transport;
  readonly jetstream: typeof jetstream;
  readonly obj: typeof obj;
}

const NAMES = ['@nats-io/transport-node', '@nats-io/jetstream', '@nats-io/obj'];

/** @throws Error that says what to install, when they are missing */
export async function loadPackages(): Promise<Packages> {
  try {
    const [nats, streams, objects] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
      import('@nats-io/obj'),
    ]);
    return { transport: nats, jetstream: streams, obj: objects };
  } catch (cause) {
    const text = `store jetstream needs the optional packages ${NAMES.join(', ')}: npm install ${NAMES.join(' ')}, then build again`;
    throw new Error(text, { cause });
  }
}
