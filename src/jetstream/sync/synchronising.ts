/** Mode sync: directories that a console edits, and the buckets that agents read and write, are kept equal. */
import { Bucket } from '../bucket.ts';
import type { Cluster } from '../cluster.ts';
import type { ClusterSurroundings } from '../jetstream-service.ts';
import { bucketOf } from '../names.ts';
import { Pair } from './pair.ts';
import { PairLog } from './pair-log.ts';
import { isValidName } from '../../protocol/file-name.ts';
import type { Conversation, Service } from '../../server/service.ts';
import type { SyncMode } from '../../settings/settings.ts';
import { DirectoryStore } from '../../store/directory-store.ts';
import { route } from '../../store/routing.ts';
import { SyncedDirectory } from '../../store/synced-directory.ts';

export class Synchronising implements Service {
  readonly #store: DirectoryStore;
  readonly #cluster: Cluster;
  readonly #pairs: readonly Pair[];
  #state: 'waiting' | 'leading' | 'finishing' = 'waiting';
  #finished: Promise<void> | undefined;

  constructor(
    { spool, directories, invalidChars }: SyncMode,
    { log, elsewhere, cluster }: ClusterSurroundings,
  ) {
    this.#store = new DirectoryStore(spool, elsewhere);
    this.#cluster = cluster;
    this.#pairs = [...new Set(directories)].map(
      (directory) =>
        new Pair({
          directory: new SyncedDirectory(spool, directory, elsewhere),
          bucket: new Bucket(cluster, bucketOf(cluster.settings.stream, directory)),
          cluster,
          isOurs: (name) => isOurs(name, invalidChars) && route(name, spool.filters).directory === directory,
          log: new PairLog(log, directory),
        }),
    );
  }

  begin(): Conversation {
    throw new Error('mode sync takes no clients');
  }

  clean(ending: AbortSignal): Promise<number> {
    return this.#store.removeAbandoned(ending);
  }

  /** Two on one directory would take each other's copies for edits. */
  lead(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'leading';
    for (const pair of this.#pairs) pair.start();
  }

  finish(): Promise<void> {
    this.#state = 'finishing';
    this.#finished ??= Promise.all(this.#pairs.map((pair) => pair.finish())).then(() => undefined);
    return this.#finished;
  }

  /** What was not copied is found to be different by whoever leads next. */
  cut(): void {
    void this.#cluster.close();
  }
}

/** N1; and in a bucket, whose names may come from anybody, only bytes: others would become other names here. */
function isOurs(name: string, invalidChars: RegExp): boolean {
  return isValidName(name, invalidChars) && !/[\u{100}-\u{10ffff}]/u.test(name);
}
