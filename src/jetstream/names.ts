/** What things are called on JetStream: subjects, consumers, buckets. Pure. Names of files are latin-1 (W1). */
import { createHash } from 'node:crypto';

/** Files of one partition are delivered one after the other. The same on all hosts, for ever. */
export const PARTITIONS = 32;

/** Agents name what they measured `<agent>.<number>.data`; what is called otherwise is an agent of its own. */
const DATA = /^(.*)\.[0-9]+\.data$/s;

/** The agent that a data file is of, by its name. */
export function agentOf(name: string): string {
  return DATA.exec(name)?.[1] ?? name;
}

/** From 0 to PARTITIONS - 1: all files of an agent have the same. */
export function partitionOf(name: string): number {
  return createHash('sha256').update(agentOf(name), 'latin1').digest().readUInt32BE() % PARTITIONS;
}

/** Any bytes as one token of a subject: no dot, no blank, no wildcard. */
function tokenOf(name: string): string {
  return Buffer.from(name, 'latin1').toString('base64url');
}

/** The subject of a data file: one for each partition, agent and name. */
export function dataSubject(stream: string, name: string): string {
  return `${stream}.data.${String(partitionOf(name))}.${tokenOf(agentOf(name))}.${tokenOf(name)}`;
}

/** All that the stream holds. */
export function streamSubject(stream: string): string {
  return `${stream}.data.*.*.*`;
}

/** What the consumer of a partition delivers. */
export function partitionSubject(stream: string, partition: number): string {
  return `${stream}.data.${String(partition)}.*.*`;
}

/** The name of the file that a subject is of. */
export function nameOfSubject(subject: string): string {
  return Buffer.from(subject.slice(subject.lastIndexOf('.') + 1), 'base64url').toString('latin1');
}

/** The consumer of a partition, shared by all deliverers. */
export function consumerName(partition: number): string {
  return `deliver-${String(partition).padStart(2, '0')}`;
}

/** Where receivers tell each other which names they are about to store; no stream keeps it. */
export function announcementsSubject(stream: string): string {
  return `${stream}.receivers.names`;
}

/** Where deliverers tell each other that they live; no stream keeps it. */
export function deliverersSubject(stream: string): string {
  return `${stream}.deliverers`;
}

/** Where deliverers ask each other what they have delivered; no stream keeps it. */
export function inquirySubject(stream: string): string {
  return `${stream}.deliverers.delivered`;
}

/** Bodies that are too large for a message. No directory is called so: see bucketOf(). */
export function bodiesBucket(stream: string): string {
  return `${stream}--bodies`;
}

/** The object that holds the body of a file: behind the file's name stands what makes each body's name its own. */
export function bodyName(name: string, unique: string): string {
  return `${name}.${unique}`;
}

/** The name of the file that a body is of. */
export function nameOfBody(object: string): string {
  return object.slice(0, object.lastIndexOf('.'));
}

/** The bucket of a directory that filters name: `TENTACLE_conf`. */
export function bucketOf(stream: string, directory: string): string {
  return `${stream}_${directory.replace(/[^A-Za-z0-9_]/g, (byte) => `-${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)}`;
}

/** What a file with these bytes under this name is known by: 132 bits, since deliverers remember very many. */
export function fileId(name: string, sha256: Buffer): string {
  const hash = createHash('sha256').update(name, 'latin1').update('\0').update(sha256);
  return hash.digest('base64url').slice(0, 22);
}
