# shellcheck shell=bash
# The packages that the rounds install, in the directory that the containers see as /test.

# make_packages: ours, the same in a next version, Node's and Debian's own agent.
make_packages() {
  npm run --silent deb || return 1
  mkdir -p "$work/debs"
  cp dist/deb/tentacle-{server,client}_*.deb "$work/debs"
  for package in tentacle-server tentacle-client; do make_next_version "$package"; done
  make_node_package
  # From whatever apt uses on this machine; without it, one round says that it is skipped.
  (cd "$work/debs" && apt-get download -qq pandorafms-agent >/dev/null 2>&1) || true
}

make_next_version() {
  local tree=$work/next
  rm -rf "$tree"
  dpkg-deb --raw-extract "$work/debs/$1"_*.deb "$tree"
  sed -i 's/^Version: .*/&+next/' "$tree/DEBIAN/control"
  mkdir -p "$work/next-debs"
  dpkg-deb --root-owner-group --build "$tree" "$work/next-debs/$1.deb" >/dev/null
}

# As a site would bring a newer Node to Debian 12: the binary of the npm package "node".
make_node_package() {
  local home=$cache/node-22 tree=$work/node
  mkdir -p "$home" "$tree/DEBIAN"
  npm install --prefix "$home" --no-save --no-package-lock --silent node@22
  install -D "$home/node_modules/node/bin/node" "$tree/usr/bin/node"
  cat >"$tree/DEBIAN/control" <<END
Package: nodejs
Version: $("$tree/usr/bin/node" --version | tr -d v)
Architecture: $(dpkg --print-architecture)
Maintainer: test
Description: Node for tests
END
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$work/debs/nodejs.deb" >/dev/null
}

# install_node: unless Debian's own is there and new enough.
install_node() {
  local own
  # shellcheck disable=SC2016
  own=$(inside dpkg-query --showformat='${Version}' --show nodejs 2>/dev/null || true)
  if [ -n "$own" ] && dpkg --compare-versions "$own" ge 20.19; then return; fi
  inside dpkg --install /test/debs/nodejs.deb >/dev/null
}

install_ours() {
  inside sh -c 'dpkg --install /test/debs/tentacle-server_*.deb /test/debs/tentacle-client_*.deb'
}

# is_ours PATH: whether the client in that place is the one of our package.
is_ours() {
  inside readlink "$1" | grep -q tentacle-client
}
