/** How the tests run: programs are bundled first, so that process tests run what is installed. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,wire,process,interop,fuzz}/**/*.test.ts'],
    globalSetup: ['test/support/bundle.ts'],
    reporters: ['default', './test/support/closing-line.ts'],
    // Generous: a busy machine must not fail a test that waits for a fact.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    // More than processors: most tests wait for other processes.
    maxWorkers: 5,
  },
});
