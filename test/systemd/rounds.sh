# shellcheck shell=bash
# What a service goes through in its life: one function a round.

readonly UNIT=tentacle_serverd.service
readonly CONF=/etc/tentacle/tentacle_server.conf

property() {
  inside systemctl show --property="$1" --value "$UNIT"
}

is_active() {
  equal active "$(property ActiveState)"
}

children_of() {
  inside sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | sed 's/(.*)/x/' | awk -v parent="$1" '$4 == parent { print $1 }'
}

# signal NAME PID
signal() {
  inside sh -c "kill -$1 $2"
}

exists_inside() {
  inside test -d "/proc/$1"
}

none_exists() {
  local pid
  for pid in "$@"; do if exists_inside "$pid"; then return 1; fi; done
}

# main_pid_other_than PID
main_pid_other_than() {
  local pid
  pid=$(property MainPID)
  [ "$pid" != 0 ] && [ "$pid" != "$1" ] && is_active >/dev/null
}

round_install() {
  round 'install'
  check 'both packages install' install_ours
  check 'the service is active, which means that it listens' is_active
  check 'it is enabled' inside systemctl is-enabled "$UNIT"
  check 'the server runs as pandora' equal pandora "$(inside stat -c %U "/proc/$(property MainPID)")"
  check 'the configuration is 0640 root:pandora' equal '640 root:pandora' "$(inside stat -c '%a %U:%G' "$CONF")"
  check 'the spool is 2770 pandora:www-data' equal '2770 pandora:www-data' "$(inside stat -c '%a %U:%G' "$SPOOL/conf")"
  check 'a file arrives' sent_and_arrived first.data
  check 'it is 0660 pandora:www-data' equal '660 pandora:www-data' "$(inside stat -c '%a %U:%G' "$SPOOL/first.data")"
  check 'systemd-analyze verify is silent' equal '' "$(inside systemd-analyze verify --man=no "$UNIT" 2>&1)"
  check 'the exposure is at most 1.5' inside systemd-analyze security --no-pager --threshold=15 "$UNIT"
  check 'the journal has nothing worse than a notice' equal '' "$(inside journalctl -q -o cat -p warning -u "$UNIT")"
}

round_reload() {
  round 'reload with another certificate'
  make_certificate one
  make_certificate two
  use_certificate one
  inside sh -c "printf '%s\n' 'timeout 10' 'ssl_cert /etc/tentacle/cert.pem' 'ssl_key /etc/tentacle/key.pem' >>$CONF"
  check 'systemctl reload' inside systemctl reload "$UNIT"
  check 'the first certificate is shown' eventually 20 shows_certificate one
  check 'a transfer begins' start_slow_tls tls.data
  use_certificate two
  check 'systemctl reload' inside systemctl reload "$UNIT"
  check 'the second certificate is shown' eventually 20 shows_certificate two
  check 'the transfer ends well' finish_slow tls.data
  use_certificate one
  check 'it is seen without a reload, too' eventually 20 shows_certificate one
  inside sed -i '/^ssl_/d' "$CONF"
  inside systemctl reload "$UNIT"
  check 'back without TLS, a file arrives' eventually 20 sent_and_arrived "plain-$SECONDS.data"
  check 'the same process has served all of it' equal "$main" "$(property MainPID)"
}

round_kill() {
  round 'kill -9'
  local workers
  check 'the older generations have ended, the workers of one serve' eventually 60 has_few_workers
  workers=$(children_of "$main")
  signal KILL "$(echo "$workers" | head -n 1)"
  check 'without its worker, the next file waits, and arrives' eventually 20 sent_and_arrived "worker-$SECONDS.data"
  check 'the worker is replaced' eventually 20 has_child_beside "$workers"
  check 'the service is the same' equal "$main" "$(property MainPID)"
  workers=$(children_of "$main")
  signal KILL "$main"
  check 'without its supervisor, systemd starts another' eventually 20 main_pid_other_than "$main"
  # shellcheck disable=SC2086
  check 'no worker is left over' eventually 5 none_exists $workers
  check 'the next file arrives' sent_and_arrived supervisor.data
  main=$(property MainPID)
}

# As many as there are by default: two, where there are two processors.
has_few_workers() {
  equal "$(($(nproc) > 1 ? 2 : 1))" "$(children_of "$main" | wc -l)" >/dev/null
}

# has_child_beside PIDS
has_child_beside() {
  children_of "$main" | grep -qvxF "$1"
}

drop_in() {
  inside sh -c "mkdir -p /run/systemd/system/$UNIT.d && printf '[Service]\n$1\n' >/run/systemd/system/$UNIT.d/test.conf"
  inside systemctl daemon-reload
}

round_watchdog() {
  round 'a missed watchdog'
  drop_in WatchdogSec=3
  inside systemctl restart "$UNIT"
  main=$(property MainPID)
  sleep 7
  check 'after two of its periods it is still the same process' equal "$main" "$(property MainPID)"
  signal STOP "$main"
  check 'systemd replaces a process that hangs' eventually 30 main_pid_other_than "$main"
  check 'for that reason' inside sh -c "journalctl -q -o cat -u $UNIT | grep -i 'watchdog timeout'"
  check 'the next file arrives' sent_and_arrived watchdog.data
  inside rm "/run/systemd/system/$UNIT.d/test.conf"
  inside systemctl daemon-reload
  inside systemctl restart "$UNIT"
  main=$(property MainPID)
}

round_gate() {
  round 'libwrap under the sandbox'
  inside sh -c "echo 'tentacle_server: ALL' >/etc/hosts.deny; echo 'use_libwrap 1' >>$CONF"
  check 'systemctl reload' inside systemctl reload "$UNIT"
  check 'hosts.deny shuts clients out' eventually 20 is_shut_out
  check 'the journal says why' inside sh -c "journalctl -q -o cat -u $UNIT | grep 'hosts.allow and hosts.deny do not let it in'"
  inside sh -c "echo 'tentacle_server: 127.0.0.1: spawn (touch $SPOOL/spawned)' >/etc/hosts.allow"
  check 'hosts.allow lets them in, without a reload' eventually 20 sent_and_arrived "gate-$SECONDS.data"
  check 'what it spawns runs as pandora' equal pandora "$(inside stat -c %U "$SPOOL/spawned")"
  inside sh -c "rm /etc/hosts.allow /etc/hosts.deny; sed -i '/^use_libwrap/d' $CONF"
  inside systemctl reload "$UNIT"
  check 'the same process has served all of it' equal "$main" "$(property MainPID)"
}

is_shut_out() {
  ! send "shut-$SECONDS.data"
}

round_bad_configuration() {
  round 'a bad configuration'
  inside sh -c "cp -p $CONF /root/good.conf && echo 'max_size many' >>$CONF"
  inside systemctl reload "$UNIT" || true
  check 'a reload goes on as before' sent_and_arrived bad-reload.data
  check 'a restart fails' not inside systemctl restart "$UNIT"
  check 'and is not tried again and again' equal 'failed failed 1' "$(property ActiveState) $(property SubState) $(property ExecMainStatus)"
  check 'the journal says where the mistake is' inside sh -c "journalctl -q -o cat -u $UNIT | grep 'tentacle_server.conf:[0-9]*: max_size must be'"
  inside cp -p /root/good.conf "$CONF"
  check 'it starts when it is corrected' inside systemctl start "$UNIT"
  main=$(property MainPID)
}

round_stop() {
  round 'stop with a transfer in progress'
  check 'a transfer begins' start_slow stop.data
  inside systemctl stop "$UNIT" &
  local stopping=$!
  check 'nobody else is let in' eventually 20 refuses_connections
  check 'the transfer ends well' finish_slow stop.data
  wait "$stopping"
  check 'systemctl stop ends well' equal 0 $?
  check 'the service has ended well' equal 'inactive success 0' "$(property ActiveState) $(property Result) $(property ExecMainStatus)"
  check 'it starts again' inside systemctl start "$UNIT"
  main=$(property MainPID)
}

round_init_script_hands_over() {
  round 'the init script under systemd'
  local script=/etc/init.d/tentacle_serverd said
  check 'status prints the pid of the service' equal "Tentacle Server is running with PID $main." "$(inside $script status)"
  check 'start reloads' inside $script start
  check 'and does not restart' equal "$main" "$(property MainPID)"
  check 'restart does' inside $script restart
  check 'in the service' main_pid_other_than "$main"
  main=$(property MainPID)
  inside sh -c "printf '%s\n' 'TENTACLE_EXT_OPTS=\"-m 1234\"' >/etc/default/tentacle_serverd"
  check 'check sees what /etc/default says' inside sh -c "$script check | grep -E 'max_size +1234 '"
  inside rm /etc/default/tentacle_serverd
  inside sed -i 's/^TENTACLE_EXT_OPTS=.*/TENTACLE_EXT_OPTS="-v"/' $script
  said=$(inside $script restart 2>&1)
  check 'options edited into it are refused' equal 6 $?
  check 'with the line for /etc/default' grep 'this line: TENTACLE_EXT_OPTS="-v"$' <<<"$said"
  check 'and nothing was restarted' equal "$main" "$(property MainPID)"
  inside sed -i 's/^TENTACLE_EXT_OPTS=.*/TENTACLE_EXT_OPTS=""/' $script
  check 'stop stops the service' inside $script stop
  check 'status says so' equal 3 "$(inside sh -c "$script status >/dev/null; echo \$?")"
  inside systemctl start "$UNIT"
  main=$(property MainPID)
}

round_upgrade() {
  round 'upgrade under load'
  check 'load begins' start_load upgrade
  check 'a transfer begins' start_slow upgrade.data
  inside dpkg --install /test/next-debs/tentacle-server.deb /test/next-debs/tentacle-client.deb >"$work/upgrade.log" 2>&1 &
  local upgrading=$!
  check 'the old server stops listening' eventually 60 refuses_connections
  check 'the transfer ends well' finish_slow upgrade.data
  wait "$upgrading"
  check 'the upgrade ends well' equal 0 $?
  check 'another process serves' main_pid_other_than "$main"
  check 'a file arrives' sent_and_arrived after-upgrade.data
  check 'the load ends' stop_load
  check 'no transfer was broken, and what was confirmed is stored' load_is_whole upgrade
  main=$(property MainPID)
}

round_socket() {
  round 'the socket unit'
  inside systemctl stop "$UNIT"
  check 'systemd listens' inside systemctl start tentacle_serverd.socket
  check 'a connection starts the server, and its file arrives' sent_and_arrived socket.data
  check 'load begins' start_load socket
  check 'a restart' inside systemctl restart "$UNIT"
  check 'the load ends' stop_load
  check 'no connection was refused meanwhile' not grep -h refused "$work"/load-[123]
  check 'no transfer was broken, and what was confirmed is stored' load_is_whole socket
  inside systemctl stop tentacle_serverd.socket "$UNIT"
  inside systemctl start "$UNIT"
}

round_purge() {
  round 'remove and purge'
  check 'the server is removed' inside dpkg --remove tentacle-server
  check 'it has stopped' refuses_connections
  check 'it is purged' inside dpkg --purge tentacle-server
  check 'configuration, init script and logs are gone' \
    inside sh -c "! ls -d $CONF /etc/init.d/tentacle_serverd /var/log/tentacle 2>/dev/null"
  check 'systemd knows no such service' equal not-found "$(property LoadState)"
  check 'the spool is untouched' arrived first.data
}

round_diversion() {
  round "the client beside Debian's pandorafms-agent"
  local program=/usr/bin/tentacle_client aside=/usr/bin/tentacle_client.pandorafms-agent
  if ! ls "$work"/debs/pandorafms-agent_*.deb >/dev/null 2>&1; then
    skip 'the package pandorafms-agent cannot be downloaded'
    return
  fi
  # It needs packages that are not here: unpacked is enough.
  local unpack_agent=(inside sh -c 'dpkg --unpack /test/debs/pandorafms-agent_*.deb')
  check 'the agent comes after the client' "${unpack_agent[@]}"
  check "tentacle_client is ours, Debian's is aside" both is_ours $program "inside test -f $aside"
  check 'and after an upgrade of the agent' "${unpack_agent[@]}"
  check 'still' both is_ours $program "inside test -f $aside"
  check 'the client goes' inside dpkg --purge tentacle-client
  check "tentacle_client is Debian's, and so is the man page" \
    inside sh -c "grep -q perl $program && [ -f /usr/share/man/man1/tentacle_client.1.gz ] && [ ! -e $aside ]"
  check 'the client comes after the agent' inside sh -c 'dpkg --install /test/debs/tentacle-client_*.deb'
  check 'an upgrade' inside dpkg --install /test/next-debs/tentacle-client.deb
  check "tentacle_client is ours, Debian's is aside" both is_ours $program "inside test -f $aside"
  check 'the client goes again' inside dpkg --remove tentacle-client
  check "tentacle_client is Debian's" inside sh -c "grep -q perl $program && [ ! -e $aside ]"
  check 'no diversion is left' equal '' "$(inside dpkg-divert --list '*tentacle_client*')"
}

# both FUNCTION ARGUMENT COMMAND
both() {
  # shellcheck disable=SC2086
  "$1" "$2" && $3
}

round_without_systemd() {
  round 'the init script without systemd'
  local script=/etc/init.d/tentacle_serverd
  check 'both packages install' install_ours
  check 'the server is started by its installation' init_status_is 0
  check 'a file arrives' sent_and_arrived init.data
  main=$(inside cat /run/tentacle/tentacle_serverd.pid)
  check 'ps shows program and configuration in one line' \
    inside sh -c "tr '\\0' ' ' </proc/$main/cmdline | grep '/usr/bin/tentacle_server .*$CONF'"
  check 'start reloads' inside $script start
  check 'and does not restart' equal "$main" "$(inside cat /run/tentacle/tentacle_serverd.pid)"
  check 'restart does' inside $script restart
  check 'the pid file says so' not equal "$main" "$(inside cat /run/tentacle/tentacle_serverd.pid)"
  inside sh -c "echo 'timeout 10' >>$CONF"
  inside $script restart >/dev/null
  check 'a transfer begins' start_slow init-stop.data
  inside $script stop >/dev/null &
  local stopping=$!
  check 'stop lets nobody else in' eventually 20 refuses_connections
  check 'the transfer ends well' finish_slow init-stop.data
  wait "$stopping"
  check 'stop ends well' equal 0 $?
  check 'status 3' init_status_is 3
  inside $script start >/dev/null
  main=$(inside cat /run/tentacle/tentacle_serverd.pid)
  check 'an upgrade' inside dpkg --install /test/next-debs/tentacle-server.deb
  check 'restarts it' not equal "$main" "$(inside cat /run/tentacle/tentacle_serverd.pid)"
  check 'a file arrives' sent_and_arrived init-upgrade.data
  check 'a purge' inside dpkg --purge tentacle-server
  check 'has stopped it' refuses_connections
  check 'and leaves the spool' arrived init.data
}

init_status_is() {
  local code=0
  inside /etc/init.d/tentacle_serverd status >/dev/null || code=$?
  equal "$1" "$code"
}
