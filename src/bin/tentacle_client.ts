/** The program tentacle_client. */
import { clientMain } from '../cli/client-main.ts';

void clientMain(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
