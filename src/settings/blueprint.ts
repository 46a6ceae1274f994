/** Carries settings from one process to another: what they were made of, in a form that can be sent. Pure. */
import type { ServerValues } from './options.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { type Material, validate } from './validate.ts';

/** What settings are made of: the values given, and what stood in the files that they name. */
export interface Blueprint {
  readonly values: ServerValues['values'];
  readonly sources: ServerValues['sources'];
  readonly material: Material;
}

/** A blueprint as structured clone can copy it. It holds secrets in the clear: for a process's own channel alone. */
export interface SentBlueprint {
  readonly values: Readonly<Record<string, unknown>>;
  readonly sources: ServerValues['sources'];
  readonly material: Readonly<Record<string, unknown>>;
}

interface SentSecret {
  readonly secret: string;
}

export function pack({ values, sources, material }: Blueprint): SentBlueprint {
  return { values: mapValues(values, packValue), sources, material: mapValues(material, packValue) };
}

export function unpack(sent: SentBlueprint): Blueprint {
  return {
    values: mapValues(sent.values, unpackValue) as Blueprint['values'],
    sources: sent.sources,
    material: mapValues(sent.material, unpackValue) as unknown as Material,
  };
}

/**
 * The settings that a blueprint makes. Its problems were told where it was drawn.
 * @throws Error when it makes none
 */
export function build({ values, sources, material }: Blueprint): Settings {
  const { settings } = validate({ values, sources, problems: [] }, material, Date.now());
  if (settings === undefined) throw new Error('the blueprint makes no settings');
  return settings;
}

function mapValues(record: object, change: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function packValue(value: unknown): unknown {
  return value instanceof Secret
    ? ({ secret: value.reveal().toString('latin1') } satisfies SentSecret)
    : value;
}

function unpackValue(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isSentSecret(value) ? new Secret(value.secret) : value;
}

function isSentSecret(value: unknown): value is SentSecret {
  return typeof value === 'object' && value !== null && 'secret' in value;
}
