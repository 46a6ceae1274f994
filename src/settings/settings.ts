/** What a running server needs to know: deep-frozen, made once, never changed. */
import type { LogSettings } from '../log/logger.ts';
import type { Network } from './networks.ts';
import type { Secret } from './secret.ts';

export interface Settings {
  readonly mode: Mode;
  /** Where clients come, if any do: see takesClients(). */
  readonly listen: ListenSettings;
  /** Connections served at the same time, over the whole server. */
  readonly maxConnections: number;
  /** W4: how long a peer may take for every step, in milliseconds. */
  readonly idleMs: number;
  /** How long transfers in progress may take to finish at the end, in milliseconds. */
  readonly drainMs: number;
  /** W2: the longest command line, in bytes, LF included. */
  readonly lineLimit: number;
  /** W10: clients must give one of them; none: whoever comes is let in. */
  readonly passwords: readonly Secret[];
  readonly tls: TlsSettings | undefined;
  readonly access: AccessSettings;
  /** Who must say in a PROXY protocol header whom it speaks for. */
  readonly proxyProtocolFrom: readonly Network[];
  readonly log: LogSettings;
  /** Undefined: nobody can ask how it is. */
  readonly status: StatusSettings | undefined;
  /** Processes that serve connections. */
  readonly workers: number;
  readonly daemon: boolean;
  readonly pidFile: string | undefined;
  readonly umask: number;
}

/** Who may connect, and how often. */
export interface AccessSettings {
  /** Undefined: everybody. */
  readonly allowFrom: readonly Network[] | undefined;
  /** Whether hosts.allow and hosts.deny decide, too. */
  readonly libwrap: boolean;
  /** Of one address; 0: no limit. */
  readonly perAddress: {
    readonly connections: number;
    /** Connections a second. */
    readonly rate: number;
    /** Bytes a minute. */
    readonly bytes: number;
  };
}

export type Mode = ReceiveMode | RelayMode | StoreMode | PublishMode | DeliverMode | SyncMode;

export interface ReceiveMode {
  readonly kind: 'receive';
  readonly spool: SpoolSettings;
  readonly rules: TransferRules;
}

/** P1: every connection is passed on. */
export interface RelayMode {
  readonly kind: 'relay';
  readonly upstream: UpstreamSettings;
  /** Silence in both directions after which a relay ends, in milliseconds (W4). */
  readonly relayTimeoutMs: number;
}

/** Files are received here, and sent on. */
export interface StoreMode {
  readonly kind: 'store';
  readonly upstream: UpstreamSettings;
  readonly spool: SpoolSettings;
  readonly rules: TransferRules;
  /** Over which files are sent on at a time. */
  readonly connections: number;
}

/** Files are received into a stream and buckets of JetStream. */
export interface PublishMode {
  readonly kind: 'publish';
  readonly jetstream: JetStreamSettings;
  /** N2: which files live in which bucket; others are data for the stream. */
  readonly filters: readonly Filter[];
  readonly overwrite: boolean;
  readonly rules: TransferRules;
  /** Where files wait while JetStream is away; undefined: they are refused then. */
  readonly spool: SpoolSettings | undefined;
}

/** Data files of the stream are put into a directory, for a data server beside. */
export interface DeliverMode {
  readonly kind: 'deliver';
  readonly jetstream: JetStreamSettings;
  readonly spool: SpoolSettings;
}

/** Sub-directories and buckets are kept equal, for a console beside. */
export interface SyncMode {
  readonly kind: 'sync';
  readonly jetstream: JetStreamSettings;
  readonly spool: SpoolSettings;
  /** The sub-directories, relative paths inside the spool, as latin-1. */
  readonly directories: readonly string[];
  /** N1: files whose names receivers would refuse stay where they are. */
  readonly invalidChars: RegExp;
}

/** A cluster of NATS servers, and what of it is ours. */
export interface JetStreamSettings {
  /** At least one. */
  readonly servers: readonly ServerAddress[];
  /** What the file of nats_credentials holds. */
  readonly credentials: Secret | undefined;
  /** PEM contents; without it, plain TCP. */
  readonly tls: UpstreamTls | undefined;
  readonly stream: string;
  readonly replicas: number;
  /** For how long a repeat is known to be one, in milliseconds. */
  readonly duplicateWindowMs: number;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** The servers that a proxy passes things on to, and how it speaks to them. */
export interface UpstreamSettings {
  /** In the order of proxy_ip; at least one. */
  readonly servers: readonly ServerAddress[];
  readonly policy: 'failover' | 'balance';
  /** Without it, plain TCP. */
  readonly tls: UpstreamTls | undefined;
  readonly password: Secret | undefined;
  readonly proxyProtocol: 'v1' | 'v2' | undefined;
}

/** PEM contents. */
export interface UpstreamTls {
  /** With it, the server's certificate and name are verified (S6). */
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

export interface ListenSettings {
  /** Addresses to bind; none means all, IPv4 and IPv6. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Where the state of the server is told, over HTTP. */
export interface StatusSettings {
  readonly address: StatusAddress;
  /** Whoever asks must show it; undefined: whoever can connect may ask. */
  readonly token: Secret | undefined;
}

export type StatusAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** The path is absolute. */
  | { readonly kind: 'unix'; readonly path: string };

/** What peers may send and fetch. */
export interface TransferRules {
  /** Bytes, packed and unpacked (W11, T2). */
  readonly maxSize: number;
  readonly invalidChars: RegExp;
  /** Whether LS and MV are served (W15, W16). */
  readonly insecure: boolean;
  /** Whether a client may only touch the files of the agent that its certificate names. */
  readonly clientFiles: boolean;
}

export interface SpoolSettings {
  /** Absolute. */
  readonly directory: string;
  readonly filters: readonly Filter[];
  readonly overwrite: boolean;
  readonly fsync: boolean;
  /** Bytes that must stay free. */
  readonly minFreeSpace: number;
  /** Files from which on no more are taken; 0: no limit. */
  readonly maxFiles: number;
}

/** N2: files whose name matches live in `directory`, a relative path inside the spool; '' is the spool itself. */
export interface Filter {
  readonly matches: (name: string) => boolean;
  /** As latin-1. */
  readonly directory: string;
  /** What clients may do with them: r: fetch, w: send. */
  readonly permissions: Permissions;
}

export type Permissions = 'r' | 'w' | 'rw';

export interface TlsSettings {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly passphrase: Secret | undefined;
  /** S4, S5: clients must show a certificate signed by one of these; without it none is asked for (S7). */
  readonly ca: Buffer | undefined;
  /** Certificates that are revoked. */
  readonly crl: Buffer | undefined;
  /** Whose certificates are accepted, with `*`; undefined: whoever's. */
  readonly clientNames: readonly string[] | undefined;
  readonly versions: TlsVersions;
  readonly ciphers: string | undefined;
}

/** S11, in node:tls's terms. */
export interface TlsVersions {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** SSL_OP_NO_* bits for gaps between the two. */
  readonly secureOptions: number;
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
