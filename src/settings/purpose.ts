/** Says in one line what the server is there for, and how far it is secured. Pure. */
import { textOf } from './assignment.ts';
import type { JetStreamSettings, ServerAddress, Settings, UpstreamSettings } from './settings.ts';

/** Where files or connections go, and who may bring them: `Files go to /spool; TLS on, no password`. Shows no secret. */
export function purposeOf(settings: Settings): string {
  const { mode } = settings;
  switch (mode.kind) {
    case 'receive':
      return `Files go to ${mode.spool.directory}; ${entrance(settings)}`;
    case 'relay':
      return `Relays to ${serversOf(mode.upstream)}; ${entrance(settings)}; ${wayOn(mode.upstream)}`;
    case 'store': {
      const { spool, upstream } = mode;
      const on = serversOf(upstream);
      return `Files wait in ${spool.directory} and are sent on to ${on}; ${entrance(settings)}; ${wayOn(upstream)}`;
    }
    case 'publish': {
      const { jetstream, spool } = mode;
      const away = spool === undefined ? 'are refused' : `wait in ${spool.directory}`;
      return `Files go to ${streamOf(jetstream)}, and ${away} while that is away; ${entrance(settings)}`;
    }
    case 'deliver':
      return `Files of ${streamOf(mode.jetstream)} are delivered to ${mode.spool.directory}`;
    case 'sync': {
      const names = mode.directories.map(textOf).join(', ');
      return `Keeps ${names} of ${mode.spool.directory} equal with ${streamOf(mode.jetstream)}`;
    }
    default:
      return mode satisfies never;
  }
}

function streamOf({ stream, servers, tls }: JetStreamSettings): string {
  const where = servers.map(({ host, port }) => `${host} port ${String(port)}`).join(', ');
  return `stream ${stream} of ${where} (TLS ${tls === undefined ? 'off' : 'on'})`;
}

function entrance({ tls, passwords }: Settings): string {
  return [tls === undefined ? 'TLS off' : 'TLS on', passwords.length === 0 ? 'no password' : 'password'].join(
    ', ',
  );
}

/** Of one server the policy is nothing to know. */
function serversOf({ servers, policy }: UpstreamSettings): string {
  const each = servers.map(({ host, port }: ServerAddress) => `${host} port ${String(port)}`).join(', ');
  return servers.length === 1 ? each : `${each} (${policy})`;
}

function wayOn({ tls, password, proxyProtocol }: UpstreamSettings): string {
  return [
    tls === undefined ? 'upstream TLS off' : 'upstream TLS on',
    ...(tls === undefined ? [] : [tls.ca === undefined ? 'not verified' : 'verified']),
    ...(password === undefined ? [] : ['password']),
    ...(proxyProtocol === undefined ? [] : [`PROXY ${proxyProtocol}`]),
  ].join(', ');
}
