# shellcheck shell=bash
# A Debian in a container of systemd-nspawn. Its tree is only read; what is written is gone when it ends.

# prepare_base SUITE: makes its tree once; sets base. The mirror is debootstrap's default.
prepare_base() {
  base=$cache/$1
  # The last of the packages below: a tree of an earlier version of this script may lack it.
  if compgen -G "$base/usr/lib/*/libwrap.so.0" >/dev/null; then return; fi
  if ! command -v debootstrap >/dev/null; then skip "$1: there is no $base, and debootstrap is missing"; return 1; fi
  local packages=systemd,systemd-sysv,dbus,adduser,libwrap0
  # Debian 12's own is too old for us: there, Node comes from outside.
  if [ "$1" != bookworm ]; then packages=$packages,nodejs; fi
  mkdir -p "$cache"
  rm -rf "$base" "$base.part"
  if ! debootstrap --variant=minbase --include="$packages" "$1" "$base.part" >"$work/debootstrap.log" 2>&1; then
    skip "$1: debootstrap failed: $(tail -n 1 "$work/debootstrap.log")"
    return 1
  fi
  mv "$base.part" "$base"
}

# prepare_nspawn: sets nspawn, a command rather than a function: in the background it is then one process.
prepare_nspawn() {
  make_groups
  # In a group of its own, or two containers would see each other's services; the shell becomes systemd-nspawn.
  # shellcheck disable=SC2016
  nspawn=(sh -c 'for group in $1; do echo $$ >"$group/cgroup.procs"; done; shift; exec "$@"' sh "${groups[*]}"
    systemd-nspawn --quiet --register=no --keep-unit --private-network --volatile=overlay
    --directory="$base" --bind-ro="$work:/test")
}

# make_groups: in each hierarchy that systemd tracks processes in; sets groups.
make_groups() {
  local hierarchy
  groups=()
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    if [ -e "$hierarchy/cgroup.procs" ]; then groups+=("$hierarchy/tentacle-test-$$"); fi
  done
  mkdir -p "${groups[@]}"
}

remove_groups() {
  local group
  for group in "${groups[@]}"; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
}

# boot: with systemd; waits until it is up.
boot() {
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

# run_without_systemd: nothing but a process that waits.
run_without_systemd() {
  "${nspawn[@]}" --as-pid2 sleep infinity </dev/null >"$work/console.log" 2>&1 &
  container=$!
  find_leader
  eventually 10 inside test -e /test/common || fatal "the container does not start: $(tail -n 5 "$work/console.log")"
  # As sysvinit answers on a machine that is up; packages start nothing while it is not.
  inside sh -c 'rm -f /sbin/runlevel && printf "#!/bin/sh\necho N 2\n" >/sbin/runlevel && chmod 755 /sbin/runlevel'
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
    LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
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
  eventually 10 remove_groups || true
}

is_over() {
  ! kill -0 "$container" 2>/dev/null
}
