/** The program tentacle_server. */
import { serverMain } from '../cli/server-main.ts';

void serverMain(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
