/** Bundles the programs once before all tests. */
import { execFileSync } from 'node:child_process';

export default function setup(): void {
  execFileSync(process.execPath, ['esbuild.config.js'], { stdio: 'inherit' });
}
