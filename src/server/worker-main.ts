/** A worker process, from the supervisor's start order to its end. */
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeBut, type ListeningSocket, type Sockets } from './listener.ts';
import { FIRST_INHERITED, type StartOrder, type ToSupervisor, type ToWorker } from './messages.ts';
import { Reporter } from './reporter.ts';
import { RoomElsewhere } from './room.ts';
import { StandIn } from './stand-in.ts';
import type { Service, ServiceMaker } from './service.ts';
import { Worker } from './worker.ts';
import { reasonOf } from '../log/errno.ts';
import type { Logger } from '../log/logger.ts';
import { openPipeLog } from '../log/pipe-log.ts';
import { EXIT_FAILURE, EXIT_OK } from '../process/exit-codes.ts';
import { ignoreTerminalSignals } from '../process/signals.ts';
import { build, unpack } from '../settings/blueprint.ts';

/** Then it goes on while the worker serves: a spool may hold millions of files, on another host. */
const LONGEST_CLEANING_MS = 2000;
/** How often a worker looks whether its supervisor is still there. */
const LOOK_MS = 1000;

/**
 * What the environment of a worker holds; TENTACLE_EXT_OPTS may hold a password, and no worker reads it. The rest is for
 * glibc: node takes 64 KB for each read and gives them back at once, and by its defaults glibc handed each of them to the
 * system and asked for it again, which made large transfers three times as slow after a crowd of small ones. And for V8: of
 * its own accord it lets new objects take up to 48 MB before it looks which of them live. With 6 MB, 5,000 idle
 * connections cost 24 MB instead of 55, and files are stored as fast.
 */
export const WORKER_ENVIRONMENT = {
  TENTACLE_IS_WORKER: '1',
  TENTACLE_EXT_OPTS: '',
  MALLOC_TRIM_THRESHOLD_: String(32 * 1024 * 1024),
  MALLOC_TOP_PAD_: String(4 * 1024 * 1024),
  // What an administrator sets comes later, and wins.
  NODE_OPTIONS: ['--max-semi-space-size=2', process.env.NODE_OPTIONS ?? ''].join(' ').trim(),
};

/** Whether this process was forked by a supervisor. To be asked once. */
export function isWorker(): boolean {
  const marked = process.env.TENTACLE_IS_WORKER !== undefined;
  // Programs that this one starts are no workers.
  delete process.env.TENTACLE_IS_WORKER;
  return marked && process.connected;
}

/**
 * Serves until the supervisor says otherwise, or is gone.
 * @param makeService gives what the settings ask for
 * @returns the exit code
 */
export function workerMain(makeService: ServiceMaker): Promise<number> {
  ignoreTerminalSignals();
  const letGo = endWithSupervisor();
  const sockets = new Map<string, ListeningSocket>();
  const orders = new Orders();
  return new Promise((resolve) => {
    process.on('message', (message, handle) => {
      const order = message as ToWorker;
      if (order.kind === 'socket') sockets.set(order.name, handle as ListeningSocket);
      else if (order.kind === 'start')
        void serve(order, { sockets, orders, makeService, letGo }).then(resolve);
      else orders.take(order);
    });
  });
}

type LaterOrder = Exclude<ToWorker, { kind: 'socket' } | StartOrder>;

/** What the supervisor wants once the start is under way. Of a lost order it would never hear: all wait. */
class Orders {
  #waiting: LaterOrder[] = [];
  #obey: ((order: LaterOrder) => void) | undefined;

  take(order: LaterOrder): void {
    if (this.#obey === undefined) this.#waiting.push(order);
    else this.#obey(order);
  }

  obeyBy(obey: (order: LaterOrder) => void): void {
    this.#obey = obey;
    for (const order of this.#waiting.splice(0)) obey(order);
  }
}

interface Given {
  readonly sockets: Sockets;
  readonly orders: Orders;
  readonly makeService: ServiceMaker;
  /** From then on it lives without the supervisor. */
  readonly letGo: () => void;
}

async function serve(order: StartOrder, { sockets, orders, makeService, letGo }: Given): Promise<number> {
  const settings = build(unpack(order.blueprint));
  const reporter = new Reporter(settings);
  const log = reporter.counting(openPipeLog(settings.log));
  const elsewhere = new RoomElsewhere((device, bytes) => {
    tell({ kind: 'promised', device, bytes });
  });
  let service: Service | undefined;
  let worker: Worker;
  try {
    service = await makeService(settings, { log, elsewhere });
    worker = await Worker.start(
      { settings, service, log },
      {
        places: order.places,
        handshakes: order.handshakes,
        inherited: { sockets, descriptors: descriptorsOf(order) },
        onFull: (urgently) => {
          tell({ kind: 'wanted', urgently });
        },
        onGivenBack: giveBack,
      },
    );
  } catch (cause) {
    service?.cut();
    return end({ kind: 'failed', reason: (cause as Error).message }, EXIT_FAILURE, letGo);
  }
  const { addresses, failures, sockets: used } = worker.bound;
  if (order.descriptors === 0) handOver(used, sockets);
  closeBut(used, sockets);
  const standIn = new StandIn(order.notify, log);
  // It accepts already, so that places may be granted, or the end be near.
  const ended = ordersUntilEnd(orders, { worker, reporter, elsewhere, standIn });
  const ending = new AbortController();
  // A killed server that held the same port is dead for sure by now.
  const cleaning = order.clean && clean(service, log, ending.signal);
  await Promise.race([cleaning, sleep(LONGEST_CLEANING_MS, undefined, { ref: false }), ended]);
  tell({ kind: 'listening', names: [...used.keys()], addresses, failures });
  const cut = await ended;
  ending.abort();
  await cleaning;
  standIn.close();
  return end({ kind: 'ended', cut, report: reporter.report(0) }, EXIT_OK, letGo);
}

/** Removes what earlier processes left in the spool; the next start goes on where this process ends. */
async function clean(service: Service, log: Logger, ending: AbortSignal): Promise<void> {
  try {
    tell({ kind: 'removed', files: await service.clean(ending) });
  } catch (cause) {
    log.warning(`cannot look for unfinished files of an earlier run: ${reasonOf(cause)}`, {
      event: 'cleaned',
    });
  }
}

function descriptorsOf({ descriptors }: StartOrder): number[] {
  return Array.from({ length: descriptors }, (_, index) => FIRST_INHERITED + index);
}

/** Gives the supervisor the sockets that were not there before: they outlive this worker. */
function handOver(sockets: Sockets, before: Sockets): void {
  for (const [name, socket] of sockets) {
    if (before.has(name)) continue;
    const message: ToSupervisor = { kind: 'bound', name };
    // Node takes the bare handle of a server, too.
    process.send?.(message, socket as unknown as Server);
  }
}

interface Parts {
  readonly worker: Worker;
  readonly reporter: Reporter;
  readonly elsewhere: RoomElsewhere;
  readonly standIn: StandIn;
}

/** @returns how many connections had to be cut off */
function ordersUntilEnd(orders: Orders, { worker, reporter, elsewhere, standIn }: Parts): Promise<number> {
  return new Promise((resolve) => {
    orders.obeyBy((order) => {
      switch (order.kind) {
        case 'granted':
          worker.admission.grow(order.places);
          break;
        case 'recall':
          giveBack(worker.admission.giveBack(order.urgently));
          break;
        case 'promised':
          elsewhere.hear(order.device, order.bytes);
          break;
        case 'ping':
          standIn.heard();
          tell({ kind: 'pong', report: reporter.report(worker.open) });
          break;
        case 'lead':
          worker.service.lead();
          break;
        case 'finish':
          giveBack(worker.admission.retire());
          void worker.service.finish().then(() => {
            tell({ kind: 'resigned' });
          });
          void worker.finish().then(resolve);
          break;
        case 'stop':
          tell({ kind: 'stopping', busy: worker.busy });
          void worker.drain().then(resolve);
          break;
        default:
          order satisfies never;
      }
    });
  });
}

function giveBack(places: number): void {
  if (places > 0) tell({ kind: 'returned', places });
}

/**
 * Says the last word, and lets go of the channel to the supervisor, which would keep this process alive: it ends by
 * itself when the last lines of its log have been taken.
 */
function end(message: ToSupervisor, code: number, letGo: () => void): Promise<number> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => {
      letGo();
      process.disconnect();
      resolve(code);
    });
  });
}

/** P3: whoever kills the supervisor wants all of it gone. @returns how to go on without it */
function endWithSupervisor(): () => void {
  const orphaned = (): void => {
    process.exit(EXIT_FAILURE);
  };
  process.once('disconnect', orphaned);
  // Node tells of no disconnect while a socket is on its way that the supervisor has not taken yet.
  const look = setInterval(() => {
    if (!process.connected) orphaned();
  }, LOOK_MS).unref();
  return () => {
    process.off('disconnect', orphaned);
    clearInterval(look);
  };
}

/** After the last word nobody listens any more. */
function tell(message: ToSupervisor): void {
  if (process.connected) process.send?.(message);
}
