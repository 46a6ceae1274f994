# shellcheck shell=bash
# A Debian in a container of systemd-nspawn. Its tree is only read; what is written is gone when it ends.

# prepare_base SUITE: makes its tree once; sets base. The mirror is debootstrap's default.
prepare_base() {
  base=$cache/$1
  if [ -x "$base/usr/lib/systemd/systemd" ]; then return; fi
  if ! command -v debootstrap >/dev/null; then skip "$1: there is no $base, and debootstrap is missing"; return 1; fi
  local packages=systemd,systemd-sysv,dbus,adduser
  # Debian 12's own is too old for us: there, Node comes from outside.
  if [ "$1" != bookworm ]; then packages=$packages,nodejs; fi
  mkdir -p "$cache"
  rm -rf "$base.part"
  if ! debootstrap --variant=minbase --include="$packages" "$1" "$base.part" >"$work/debootstrap.log" 2>&1; then
    skip "$1: debootstrap failed: $(tail -n 1 "$work/debootstrap.log")"
    return 1
  fi
  mv "$base.part" "$base"
}

# prepare_nspawn: sets nspawn, a command rather than a function: in the background it is then one process.
prepare_nspawn() {
  # Without a systemd on this side there is nobody to register with.
  nspawn=(systemd-nspawn --quiet --register=no --keep-unit --private-network --volatile=overlay
    --directory="$base" --bind-ro="$work:/test")
}

# boot: with systemd; waits until it is up.
boot() {
  environment=()
  "${nspawn[@]}" --boot </dev/null >"$work/console.log" 2>&1 &
  container=$!
  find_leader
  eventually 60 booted || fatal "the container does not boot: $(tail -n 5 "$work/console.log")"
}

booted() {
  case $(inside systemctl is-system-running 2>/dev/null) in
    running | degraded) ;;
    *) return 1 ;;
  esac
}

# run_without_systemd: nothing but a process that waits; what init would say of the runlevel, the environment says.
run_without_systemd() {
  environment=(RUNLEVEL=2 PREVLEVEL=N)
  "${nspawn[@]}" --as-pid2 sleep infinity </dev/null >"$work/console.log" 2>&1 &
  container=$!
  find_leader
  eventually 10 inside test -e /test/common || fatal "the container does not start: $(tail -n 5 "$work/console.log")"
}

find_leader() {
  eventually 30 has_leader || fatal "the container does not start: $(tail -n 5 "$work/console.log")"
  leader=$(pgrep -P "$container" | head -n 1)
}

has_leader() {
  pgrep -P "$container" >/dev/null
}

# inside COMMAND...: as root in the container.
inside() {
  nsenter --target "$leader" --all -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LC_ALL=C DEBIAN_FRONTEND=noninteractive "${environment[@]}" "$@"
}

# beside COMMAND...: a program of this machine on the container's loopback.
beside() {
  nsenter --target "$leader" --net -- "$@"
}

end_container() {
  [ -n "${container:-}" ] || return 0
  # Halts it; a second one ends it at once.
  kill -TERM "$container" 2>/dev/null || true
  eventually 30 is_over || kill -TERM "$container" 2>/dev/null || true
  wait "$container" 2>/dev/null || true
  container=
}

is_over() {
  ! kill -0 "$container" 2>/dev/null
}
