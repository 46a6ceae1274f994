/** Lets those who ask any server for a message of a stream hear what one says that knows nothing yet. */
import { headers } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { onTestFinished } from 'vitest';
import type { Nats } from './nats.ts';

/** Its leader knows all. Ends with the current test. */
export async function ignorantReplica(nats: Nats, stream: string): Promise<void> {
  const connection = await nats.connect();
  onTestFinished(() => connection.close());
  const jsm = await jetstreamManager(connection);
  // Nobody else answers then.
  await jsm.streams.update(stream, { allow_direct: false });
  for (const subject of [`$JS.API.DIRECT.GET.${stream}`, `$JS.API.DIRECT.GET.${stream}.>`])
    connection.subscribe(subject, {
      callback: (_error, message) => {
        message.respond('', { headers: headers(404, 'Message Not Found') });
      },
    });
  await connection.flush();
}
