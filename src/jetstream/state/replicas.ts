/** Judges the replicas of a stream: which of them are there, and whether they are enough. Pure. */
import { printable } from '../../log/printable.ts';

export interface ReplicaState {
  /** The server's name. */
  readonly name: string;
  /** `behind` has not all messages yet, `silent` says nothing: it is down, or cut off. */
  readonly state: 'leader' | 'current' | 'behind' | 'silent';
  /** Operations that it has still to do. */
  readonly lag: number;
  /** For how long it has said nothing, in milliseconds. */
  readonly silentMs: number;
}

export interface Quorum {
  /** Whether messages can be stored and delivered. */
  readonly isThere: boolean;
  /** How many further replicas may fail before there is none. */
  readonly spare: number;
}

/** The part that is needed of what a server says. */
interface ClusterInfo {
  readonly leader?: string;
  readonly replicas?: readonly PeerInfo[];
}

interface PeerInfo {
  readonly name: string;
  readonly current?: boolean;
  readonly offline?: boolean;
  readonly lag?: number;
  /** Nanoseconds since it was heard of. */
  readonly active?: number;
}

/**
 * A leader hears of its followers every second. It calls them current, and not offline, for ten seconds after they were
 * killed (measured with 2.9.10, which never said that one is offline): so long nobody should wait to be told.
 */
const SILENT_MS = 4000;
const NANOS_PER_MS = 1e6;

/**
 * The leader first; without one, all of them are followers.
 * @param info undefined of a server that is no cluster
 * @param server the name of the server that was asked
 */
export function replicasOf(info: ClusterInfo | undefined, server: string): readonly ReplicaState[] {
  // A stream with one replica in a cluster names its leader alone.
  const leader = info === undefined ? server : info.leader;
  // Without a leader it lists itself, as if it had heard nothing of itself.
  const followers = (info?.replicas ?? []).map((peer) =>
    followerOf(peer.name === server ? { ...peer, offline: false, active: 0 } : peer),
  );
  if (leader === undefined || leader === '') return followers;
  return [{ name: printable(leader), state: 'leader', lag: 0, silentMs: 0 }, ...followers];
}

function followerOf({ name, current, offline, lag = 0, active = 0 }: PeerInfo): ReplicaState {
  const silentMs = active / NANOS_PER_MS;
  const isSilent = offline === true || silentMs > SILENT_MS;
  const state = isSilent ? 'silent' : current === true ? 'current' : 'behind';
  return { name: printable(name), state, lag, silentMs: isSilent ? silentMs : 0 };
}

/** One that is behind counts: it takes part in what is stored from now on. */
export function quorumOf(replicas: readonly ReplicaState[]): Quorum {
  const there = replicas.filter(({ state }) => state !== 'silent').length;
  const needed = Math.floor(replicas.length / 2) + 1;
  const hasLeader = replicas.some(({ state }) => state === 'leader');
  return { isThere: hasLeader && there >= needed, spare: Math.max(0, there - needed) };
}
