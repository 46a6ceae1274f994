/** The program tentacle_server. */
import { serverMain } from '../cli/server-main.ts';

process.exitCode = await serverMain(process.argv.slice(2));
