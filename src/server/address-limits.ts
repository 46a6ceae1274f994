/** Limits what one address may use: connections now, new ones a second, bytes a minute. */
import { parseIpAddress, unmapped } from '../protocol/ip-address.ts';
import type { AccessSettings } from '../settings/settings.ts';

export type Limits = AccessSettings['perAddress'];
export type LimitName = 'max_connections_per_ip' | 'max_rate_per_ip' | 'max_bytes_per_ip';

/** A connection, as far as its address answers for it. */
export interface Visitor {
  /** As Node or a PROXY header gives it. */
  readonly address: string;
  /** Bytes that have arrived on its socket so far, with all that is around what it says, such as TLS. */
  readonly arrived: () => number;
  /** Its address has used up its bytes. */
  readonly dismiss: () => void;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
/** An address may go over its bytes for so long before it is noticed. */
export const COUNT_INTERVAL_MS = 250;
/** Addresses without a connection that are remembered at a time: some 10 MB; the one gone for longest is forgotten. */
export const MOST_GONE = 65_536;
/** An IPv6 customer has a network of so many bytes, and may use any address of it. */
const IPV6_NETWORK_BYTES = 8;

/** Whom an address stands for: an IPv6 network of 64 bits counts as one address. */
export function addressKey(address: string): string {
  const parsed = parseIpAddress(address.replace(/%.*$/, ''));
  if (parsed === undefined) return address;
  const plain = unmapped(parsed);
  if (plain.kind() === 'ipv4') return plain.toString();
  return Buffer.from(plain.toByteArray().slice(0, IPV6_NETWORK_BYTES)).toString('hex');
}

/** What one address has done. */
interface Account {
  /** Its connections, and how many bytes of each are in `bytes`. */
  readonly present: Map<Visitor, number>;
  /** Connections that it may open at once, as of `filledAt`. */
  tokens: number;
  filledAt: number;
  /** Since `minuteBegan`. */
  bytes: number;
  minuteBegan: number;
  leftAt: number;
}

export class AddressLimits {
  readonly #limits: Limits;
  /** Accounts with connections: there are no more of them than sockets. */
  readonly #here = new Map<string, Account>();
  /** Accounts without any, the one gone for longest first. */
  readonly #gone = new Map<string, Account>();
  #timer: NodeJS.Timeout | undefined;

  /** @param limits 0: none */
  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#here.size + this.#gone.size;
  }

  /** Whether every address may do what it likes. */
  get areNone(): boolean {
    const { connections, rate, bytes } = this.#limits;
    return connections === 0 && rate === 0 && bytes === 0;
  }

  /** Lets a connection in, until it leaves. @returns the limit that is in its way: then it must not leave */
  enter(visitor: Visitor): LimitName | undefined {
    if (this.areNone) return undefined;
    const { connections, rate, bytes } = this.#limits;
    const now = performance.now();
    this.#forget(now);
    const key = addressKey(visitor.address);
    const account = this.#here.get(key) ?? this.#gone.get(key) ?? this.#open(now);
    fill(account, rate, now);
    if (bytes > 0 && this.#bytesOf(account, now) > bytes) return 'max_bytes_per_ip';
    if (connections > 0 && account.present.size >= connections) return 'max_connections_per_ip';
    if (rate > 0 && account.tokens < 1) return 'max_rate_per_ip';
    account.tokens--;
    account.present.set(visitor, 0);
    this.#gone.delete(key);
    this.#here.set(key, account);
    if (bytes > 0) this.#count();
    return undefined;
  }

  /** The connection is closed; one that was not let in may leave, too. */
  leave(visitor: Visitor): void {
    const key = addressKey(visitor.address);
    const account = this.#here.get(key);
    if (account?.present.has(visitor) !== true) return;
    const now = performance.now();
    if (this.#limits.bytes > 0) this.#bytesOf(account, now);
    account.present.delete(visitor);
    if (account.present.size > 0) return;
    this.#here.delete(key);
    account.leftAt = now;
    // Who has no connection can have too many of them no more.
    if (this.#limits.rate > 0 || this.#limits.bytes > 0) this.#gone.set(key, account);
    this.#forget(now);
  }

  #open(now: number): Account {
    const { rate } = this.#limits;
    return { present: new Map(), tokens: rate, filledAt: now, bytes: 0, minuteBegan: now, leftAt: now };
  }

  /** After a minute there is nothing left to hold against an address. */
  #forget(now: number): void {
    for (const [key, { leftAt }] of this.#gone) {
      if (this.#gone.size <= MOST_GONE && leftAt > now - MINUTE_MS) return;
      this.#gone.delete(key);
    }
  }

  /** What has arrived from the address in this minute. */
  #bytesOf(account: Account, now: number): number {
    if (now - account.minuteBegan >= MINUTE_MS) {
      account.minuteBegan = now;
      account.bytes = 0;
    }
    for (const [visitor, counted] of account.present) {
      const arrived = visitor.arrived();
      account.bytes += arrived - counted;
      account.present.set(visitor, arrived);
    }
    return account.bytes;
  }

  /** Looks at all who are here, as long as anybody is. */
  #count(): void {
    this.#timer ??= setInterval(() => {
      const now = performance.now();
      for (const account of this.#here.values()) {
        if (this.#bytesOf(account, now) <= this.#limits.bytes) continue;
        for (const visitor of account.present.keys()) visitor.dismiss();
      }
      if (this.#here.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, COUNT_INTERVAL_MS).unref();
  }
}

/** A token bucket: as many at once as may come in a second. */
function fill(account: Account, rate: number, now: number): void {
  account.tokens = Math.min(rate, account.tokens + ((now - account.filledAt) / SECOND_MS) * rate);
  account.filledAt = now;
}
