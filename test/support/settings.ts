/** Settings as a configuration file would give them. */
import { mergeAssignments } from '../../src/settings/merge.ts';
import { OPTIONS, type Token } from '../../src/settings/options.ts';
import { Secret } from '../../src/settings/secret.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { type Material, validate } from '../../src/settings/validate.ts';

export const NO_MATERIAL: Material = {
  cert: undefined,
  key: undefined,
  ca: undefined,
  crl: undefined,
  password: undefined,
  passphrase: undefined,
  proxyCa: undefined,
  proxyCert: undefined,
  proxyKey: undefined,
  proxyPassword: undefined,
  natsCredentials: undefined,
  natsCa: undefined,
  natsCert: undefined,
  natsKey: undefined,
};

/** Settings as a configuration file with these tokens would give them. */
export function settingsOf(
  tokens: Partial<Record<Token, string>>,
  material: Partial<Material> = {},
): Settings {
  const assignments = Object.entries(tokens).map(([token, value]) => ({
    token: token as Token,
    value,
    source: 'test',
    typed: true,
  }));
  const password = tokens.password === undefined ? undefined : new Secret(tokens.password);
  const merged = mergeAssignments(OPTIONS, assignments);
  const { settings, problems } = validate(merged, { ...NO_MATERIAL, password, ...material }, Date.now());
  if (settings === undefined) throw new Error(JSON.stringify([...merged.problems, ...problems]));
  return settings;
}
