/** Makes what all connections of a worker share: gate, lobby, places, handshakes, and how many of each there may be. */
import { Admission } from './admission.ts';
import type { ConnectionContext } from './connection.ts';
import { isClientHello, isFirstLine } from './first-words.ts';
import { Entrance } from './entrance.ts';
import { Gate } from './gate.ts';
import { Libwrap } from './libwrap.ts';
import { Lobby } from './lobby.ts';
import { PenaltyBox } from './penalty-box.ts';
import type { Service } from './service.ts';
import { TlsAcceptor } from './tls.ts';
import { turnedAwayLog } from './turned-away.ts';
import { count } from '../log/count.ts';
import { crowdWarning } from '../log/crowd.ts';
import type { Logger } from '../log/logger.ts';
import type { Settings } from '../settings/settings.ts';
import { filesNeeded, LEAST_WAITING_ROOM, openFileLimit } from '../process/open-files.ts';

/** An unfinished handshake costs 68 KB, a silent plain socket 5 KB. */
export const MOST_HANDSHAKES = 256;
/** W4: a handshake takes several round trips, whatever the idle limit. */
const LEAST_HANDSHAKE_MS = 10_000;

/** Silent clients that are held open over all workers, if max_connections is not more; some 10 KB each. */
const MOST_IN_LOBBY = 1024;

/** What a client that waited may still need to be heard: its first line is here; a handshake takes round trips. */
const GRACE_MS = 100;
const TLS_GRACE_MS = 500;

/** What is limited over all workers, and how a worker gets more of it. */
export interface Allowance {
  /** Connections served at a time, to begin with. */
  readonly places: number;
  /** Unfinished TLS handshakes at a time. */
  readonly handshakes: number;
  readonly onFull?: (urgently: boolean) => void;
  readonly onGivenBack?: (places: number) => void;
}

/** What a worker does, and how. */
export interface Work {
  readonly settings: Settings;
  readonly service: Service;
  readonly log: Logger;
}

/** What the connections of a worker share. */
export function contextOf({ settings, service, log }: Work, share: Allowance): ConnectionContext {
  const { tls, idleMs, maxConnections, proxyProtocolFrom } = settings;
  const waitingRoom = waitingRoomFor(settings);
  const warnOfCrowd = crowdWarning(log, (evicted) => {
    const closed = count(evicted, 'silent connection');
    return `max_connections ${String(maxConnections)} reached: ${closed} closed to make room`;
  });
  const graceMs = tls === undefined ? GRACE_MS : TLS_GRACE_MS;
  return {
    entrance: new Entrance({
      gate: new Gate(settings, settings.access.libwrap ? new Libwrap(idleMs) : undefined),
      proxyProtocolFrom,
      idleMs,
    }),
    refuse: turnedAwayLog(log),
    lobby: lobbyOf(settings, log),
    admission: new Admission({
      ...share,
      capacity: share.places,
      waitingRoom,
      graceMs,
      onEvicted: warnOfCrowd,
    }),
    handshakes: new Admission({ capacity: share.handshakes, waitingRoom, graceMs }),
    penalties: new PenaltyBox(),
    tls: tls && new TlsAcceptor(tls, Math.max(idleMs, LEAST_HANDSHAKE_MS)),
    idleMs,
    service,
    log,
  };
}

/**
 * As many may wait as are served, if the limit of open files allows it: beyond that limit the system closes
 * connections before anybody hears of them.
 */
function waitingRoomFor(settings: Settings): number {
  const spare = openFileLimit() - filesNeeded(settings);
  return Math.max(Math.min(settings.maxConnections, spare), LEAST_WAITING_ROOM);
}

const LINE_TEXTS = { late: 'timed out', brokenOff: 'connection closed in the middle of a line' };
const HANDSHAKE_TEXTS = {
  late: 'timed out in the TLS handshake',
  brokenOff: 'connection closed during the TLS handshake',
};

/** As many as the limit of open files leaves room for. A relay passes on whatever comes, and the upstream may begin. */
function lobbyOf(settings: Settings, log: Logger): Lobby | undefined {
  const { mode, passwords, tls, idleMs, lineLimit, maxConnections, workers } = settings;
  if (mode.kind === 'relay' && tls === undefined && passwords.length === 0) return undefined;
  const spare = openFileLimit() - filesNeeded(settings) - waitingRoomFor(settings);
  const share = Math.ceil(Math.max(MOST_IN_LOBBY, maxConnections) / workers);
  return new Lobby({
    capacity: Math.max(Math.min(share, spare), LEAST_WAITING_ROOM),
    idleMs: tls === undefined ? idleMs : Math.max(idleMs, LEAST_HANDSHAKE_MS),
    isEnough: tls === undefined ? (bytes) => isFirstLine(bytes, lineLimit) : isClientHello,
    texts: tls === undefined ? LINE_TEXTS : HANDSHAKE_TEXTS,
    onEvicted: crowdWarning(log, (evicted) => {
      const closed = count(evicted, 'silent connection');
      return `more clients than can be held open: ${closed} closed to make room`;
    }),
  });
}
