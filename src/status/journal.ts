/** Keeps what happened lately in any worker, and who was there. Pure. */
import type { PeerReport, Peers, RecentFile, RecentTrouble } from './report.ts';
import type { Happened } from '../server/recent.ts';

/** Of files and of troubles. */
const MOST_LINES = 50;
/** Addresses that are shown, of the latest and of the busiest. */
const SHOWN = 20;
/** Addresses that are kept when there are too many, of the latest and of the busiest. */
const KEPT = 500;
const MOST_PEERS = 4 * KEPT;

export class Journal {
  #files: readonly RecentFile[] = [];
  #troubles: readonly RecentTrouble[] = [];
  #peers = new Map<string, PeerReport>();

  add({ files, troubles, peers }: Happened): void {
    this.#files = latest([...this.#files, ...files]);
    this.#troubles = latest([...this.#troubles, ...troubles]);
    for (const news of peers) this.#meet(news);
    if (this.#peers.size > MOST_PEERS) this.#forget();
  }

  /** The latest first, as the next one. */
  get files(): readonly RecentFile[] {
    return this.#files;
  }

  get troubles(): readonly RecentTrouble[] {
    return this.#troubles;
  }

  get peers(): Peers {
    const all = [...this.#peers.values()];
    return {
      known: all.length,
      latest: all.sort(byLastSeen).slice(0, SHOWN),
      busiest: all.sort(byActivity).slice(0, SHOWN),
    };
  }

  #meet(news: PeerReport): void {
    const known = this.#peers.get(news.address);
    const { address } = news;
    if (known === undefined) return void this.#peers.set(address, news);
    const isLater = news.lastSeen >= known.lastSeen;
    this.#peers.set(address, {
      address,
      lastSeen: Math.max(known.lastSeen, news.lastSeen),
      files: known.files + news.files,
      bytes: known.bytes + news.bytes,
      refused: known.refused + news.refused,
      lastFile: (isLater ? news.lastFile : known.lastFile) || known.lastFile || news.lastFile,
    });
  }

  /** Whoever is neither among the latest nor among the busiest is not known any more. */
  #forget(): void {
    const all = [...this.#peers.values()];
    const kept = [...all.sort(byLastSeen).slice(0, KEPT), ...all.sort(byActivity).slice(0, KEPT)];
    this.#peers = new Map(kept.map((peer) => [peer.address, peer]));
  }
}

function latest<T extends { readonly at: number }>(lines: readonly T[]): readonly T[] {
  return lines.toSorted((a, b) => b.at - a.at).slice(0, MOST_LINES);
}

function byLastSeen(one: PeerReport, other: PeerReport): number {
  return other.lastSeen - one.lastSeen;
}

/** A relay counts no files. */
function byActivity(one: PeerReport, other: PeerReport): number {
  return (
    other.files + other.refused - (one.files + one.refused) ||
    other.bytes - one.bytes ||
    byLastSeen(one, other)
  );
}
