/** Reads from a command line which certificates are wanted. Pure. */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import { printable } from '../log/printable.ts';
import { bytesOf, error, type Problem } from '../settings/assignment.ts';
import type { CommandLine } from '../settings/command-line.ts';
import type { ActionName } from '../settings/options.ts';

export interface Wish {
  /** As it was given. */
  readonly directory: string;
  /** What clients call the server: names of DNS in ASCII, and addresses; empty: no certificate for a server. */
  readonly hosts: readonly string[];
  /** Names of agents, one certificate each. */
  readonly clients: readonly string[];
  readonly days: number;
  readonly rsa: boolean;
}

/** Two years and a season: renewed seldom, and not for ever. */
export const DEFAULT_DAYS = 825;
const MOST_DAYS = 36_500;
/** RFC 5280, appendix A: the longest CN. */
export const LONGEST_NAME = 64;
/** Names of the files that are no client's. */
const TAKEN = /^(ca|server)$/i;
/** What would leave the directory, hide the file there, or be an option to other programs. */
const NO_FILE = /[/\\]|^[.-]/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const LONGEST_HOST = 253;

/** What is wanted, unless a problem is an error. */
export function readWish(actions: CommandLine['actions']): {
  readonly wish: Wish;
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const each = (name: ActionName, read: (value: string) => string): string[] => {
    const values = actions.get(name) ?? [];
    return [...new Set(values.map((value) => attempt(name, () => read(value), '')))];
  };
  const attempt = <T>(name: ActionName, read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (cause) {
      problems.push(error(`--${name}`, (cause as Error).message));
      return otherwise;
    }
  };

  const [directory = '', ...more] = actions.get('make-certificates') ?? [];
  if (directory === '') problems.push(error('--make-certificates', 'needs a directory'));
  if (more.length > 0) problems.push(error('--make-certificates', 'takes one directory, and was given more'));
  const hosts = each('host', readHost);
  const clients = each('client', readClient);
  if (hosts.length + clients.length === 0) {
    const text =
      'for whom? Give --host NAME_OR_IP, which agents have as server_ip, or --client NAME, or both, each as often as needed';
    problems.push(error('--make-certificates', text));
  }
  problems.push(...judgeFileNames(clients));
  const given = actions.get('days')?.at(-1);
  const days = attempt('days', () => (given === undefined ? DEFAULT_DAYS : readDays(given)), DEFAULT_DAYS);
  return { wish: { directory, hosts, clients, days, rsa: actions.has('rsa') }, problems };
}

/** What the files of a client are called, without their endings. */
export function fileStem(client: string): string {
  return client.replaceAll(/[^\p{L}\p{N}._@-]/gu, '_');
}

/** @throws SyntaxError */
function readHost(text: string): string {
  if (isIP(text) !== 0 && !text.includes('%')) return ipaddr.parse(text).toString();
  const labels = asciiName(text).split('.');
  const named = labels[0] === '*' ? labels.slice(1) : labels;
  // What ends in a number is an address with a mistake in it.
  const fits = named.every((label) => LABEL.test(label)) && !/^[0-9]+$/.test(named.at(-1) ?? '');
  if (!fits || labels.join('.').length > LONGEST_HOST) {
    const what = `"${shown(text)}" is neither a host name nor an IP address`;
    throw new SyntaxError(`${what}: give it as agents have it in server_ip, without a port`);
  }
  if (named !== labels && named.length < 2) {
    const what = `"${shown(text)}" is too wide: * stands for the first of three parts at least`;
    throw new SyntaxError(`${what}, as in *.branch.example`);
  }
  return labels.join('.');
}

/** As DNS has it, and TLS compares it: bücher.example is xn--bcher-kva.example. Nothing else is made of it. */
function asciiName(text: string): string {
  if (Buffer.byteLength(text) === text.length) return text.toLowerCase();
  return /^[\p{L}\p{M}\p{N}.-]*$/u.test(text) ? domainToASCII(text) : '';
}

/** @throws SyntaxError */
function readClient(text: string): string {
  const complain = (why: string): never => {
    throw new SyntaxError(`"${shown(text)}" ${why}`);
  };
  if (text.trim() === '') complain('is no name: give the one of the agent, as in agent_name');
  if (text.trim() !== text) complain('begins or ends with a blank');
  if (/[\p{C}\p{Zl}\p{Zp}\u{FFFD}]/u.test(text)) complain('holds what is no character that can be shown');
  if (Array.from(text).length > LONGEST_NAME)
    complain(`is longer than the ${String(LONGEST_NAME)} characters that a certificate has for a name`);
  if (NO_FILE.test(text)) complain('cannot be the name of a file: no / and \\, and no dot or dash in front');
  if (TAKEN.test(fileStem(text))) complain('is taken: its files would be those of the CA or the server');
  return text;
}

/** Two names may lead to the same files. */
function judgeFileNames(clients: readonly string[]): Problem[] {
  const stems = clients.map(fileStem);
  const twice = clients.filter((_, index) => stems.indexOf(stems[index] ?? '') !== index);
  return twice.map((name) => {
    const text = `"${shown(name)}" and a name before it would have the same files, ${fileStem(name)}.pem and .key`;
    return error('--client', `${text}: make them in different directories`);
  });
}

/** @throws SyntaxError */
function readDays(text: string): number {
  const days = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= MOST_DAYS) return days;
  throw new SyntaxError(`"${shown(text)}" is no number of days from 1 to ${String(MOST_DAYS)}`);
}

function shown(text: string): string {
  return printable(bytesOf(text));
}
