/** Tells the log of connections that were refused for their address: one line each, and a warning that counts. */
import type { TurnedAwayBy } from './gate.ts';
import { peerFields, type Peer, peerText } from './peer.ts';
import { count } from '../log/count.ts';
import type { Logger } from '../log/logger.ts';
import { OnceAMinute } from '../log/once-a-minute.ts';

/** Behind "Connection from ADDRESS port N refused: ". */
const WHY: Readonly<Record<TurnedAwayBy, string>> = {
  allow_from: 'its address is not in allow_from',
  max_connections_per_ip: 'its address has max_connections_per_ip already',
  max_rate_per_ip: 'its address connects more often than max_rate_per_ip',
  max_bytes_per_ip: 'its address sent more than max_bytes_per_ip in a minute',
  'libwrap denied': 'hosts.allow and hosts.deny do not let it in',
  'libwrap unanswered':
    'libwrap did not answer in time; look at DNS and at the commands in hosts.allow and hosts.deny',
  'libwrap lost': 'the process that asks libwrap ended; it starts again',
  'libwrap unreadable': 'hosts.allow or hosts.deny cannot be read by this user',
};

export type Refuse = (by: TurnedAwayBy, peer: Peer) => void;

/** One line for each at level event; a warning of each kind at once, and then once a minute how many there were. */
export function turnedAwayLog(log: Logger): Refuse {
  const kinds = new Map<TurnedAwayBy, OnceAMinute>();
  return (by, peer) => {
    const text = `Connection from ${peerText(peer)} refused: ${WHY[by]}`;
    log.event(text, { event: 'turned away', ...peerFields(peer), reason: by });
    const warn = (times: number, during: string): void => {
      const counted = `${count(times, 'connection')} refused${during}: ${WHY[by]}`;
      log.warning(counted, { event: 'turned away, counted', reason: by, connections: times });
    };
    const kind =
      kinds.get(by) ??
      new OnceAMinute((times) => {
        warn(times, ' in the last minute');
      });
    kinds.set(by, kind);
    if (kind.take()) warn(1, '');
  };
}
