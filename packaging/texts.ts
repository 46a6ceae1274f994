/** Writes the manual pages and the completions into dist: `npm run manpages`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_ACTIONS, CLIENT_OPTIONS } from '../src/settings/client-options.ts';
import { bashCompletion } from '../src/settings/completion.ts';
import { clientPage, serverPage } from '../src/settings/man-page.ts';
import { ACTIONS, OPTIONS } from '../src/settings/options.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
// Reproducible builds say which day it is.
const { SOURCE_DATE_EPOCH: epoch } = process.env;
const date = (epoch === undefined ? new Date() : new Date(Number(epoch) * 1000)).toISOString().slice(0, 10);

write('man', {
  'tentacle_server.1': serverPage({ version, date }),
  'tentacle_client.1': clientPage({ version, date }),
});
write('completions', {
  tentacle_server: bashCompletion('tentacle_server', [...OPTIONS, ...ACTIONS], 'none'),
  tentacle_client: bashCompletion('tentacle_client', [...CLIENT_OPTIONS, ...CLIENT_ACTIONS], 'files'),
});

function write(folder: string, files: Readonly<Record<string, string>>): void {
  const directory = join('dist', folder);
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}
