/** The targets by their names. */
import type { Name } from './names.ts';
import type { MakeTarget } from './target.ts';
import { conf } from './targets/conf.ts';
import { dialogue } from './targets/dialogue.ts';
import { lines } from './targets/lines.ts';
import { proxy } from './targets/proxy.ts';
import { tls } from './targets/tls.ts';
import { zipArchives } from './targets/zip.ts';

export const TARGETS: Readonly<Record<Name, MakeTarget>> = {
  lines,
  dialogue,
  tls,
  zip: zipArchives,
  conf,
  proxy,
};
