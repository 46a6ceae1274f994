#!/usr/bin/env bash
# Runs the tests on other versions of Node: test/nodes.sh [what vitest is to run, such as test/process].
# The npm package "node" carries the binaries; they stay in TENTACLE_TEST_CACHE.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" = 0 ]; then cache=/var/cache/tentacle-test; else cache=${XDG_CACHE_HOME:-$HOME/.cache}/tentacle-test; fi
cache=${TENTACLE_TEST_CACHE:-$cache}

# Newer versions say on standard error what they do not like in there, and tests look at standard error.
unset NODE_EXTRA_CA_CERTS

failed=()
for major in ${TENTACLE_TEST_NODES:-22 24}; do
  home=$cache/node-$major
  # Ordinary users run this Node, too. Asked for anew each time: a cached version that is current costs nothing.
  mkdir -p "$home"
  (umask 022 && npm install --prefix "$home" --no-save --no-package-lock --silent "node@$major")
  binaries=$home/node_modules/node/bin
  echo "=== Node $("$binaries/node" --version)"
  # Before everything else in PATH: process tests call "node", too, and so do the programs.
  PATH=$binaries:$PATH "$binaries/node" node_modules/vitest/vitest.mjs run "$@" || failed+=("$major")
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "failed on Node ${failed[*]}" >&2
  exit 1
fi
