# shellcheck shell=bash
# Files on their way to the server in the container.
# What stands in single quotes is expanded by the shell that gets it; answers are read while they are written.
# shellcheck disable=SC2016,SC2094

readonly SPOOL=/var/spool/pandora/data_in
readonly PORT=41121

# send NAME: with the real client; NAME is its content, too.
send() {
  inside sh -c 'printf %s "$1" >"/tmp/$1" && tentacle_client -a 127.0.0.1 -p 41121 "/tmp/$1"' sh "$1"
}

# arrived NAME [CONTENT]
arrived() {
  equal "${2:-$1}" "$(inside cat "$SPOOL/$1")"
}

sent_and_arrived() {
  send "$1" && arrived "$1"
}

# start_slow NAME: sends half of a file, and the rest when finish_slow says so. Waits until the first half is under way.
start_slow() {
  rm -f "$work/finish-$1"
  beside bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$3"
    printf "SEND <%s> SIZE 6\n" "$1" >&3
    read -r answer <&3 && echo "$answer"
    printf abc >&3
    until [ -e "$2" ]; do sleep 0.1; done
    printf def >&3
    read -r answer <&3 && echo "$answer"
  ' bash "$1" "$work/finish-$1" "$PORT" >"$work/answers-$1" 2>&1 &
  eventually 20 grep -q 'SEND OK' "$work/answers-$1"
}

# start_slow_tls NAME: the same through TLS.
start_slow_tls() {
  local answers=$work/answers-$1
  rm -f "$work/finish-$1"
  {
    printf 'SEND <%s> SIZE 6\n' "$1"
    eventually 20 grep -q 'SEND OK' "$answers"
    printf abc
    until [ -e "$work/finish-$1" ]; do sleep 0.1; done
    printf def
    eventually 20 confirmed "$1"
  } 2>/dev/null | beside openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$PORT" >"$answers" 2>/dev/null &
  eventually 20 grep -q 'SEND OK' "$answers"
}

# finish_slow NAME: whether the server confirms the whole, and has it.
finish_slow() {
  touch "$work/finish-$1"
  eventually 20 confirmed "$1" || { cat "$work/answers-$1"; return 1; }
  arrived "$1" abcdef
}

confirmed() {
  equal 2 "$(grep -c 'SEND OK' "$work/answers-$1")" >/dev/null
}

# shown_certificate: the subject of what the server shows now.
shown_certificate() {
  beside openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | openssl x509 -noout -subject 2>/dev/null
}

shows_certificate() {
  shown_certificate | grep -qE "CN ?= ?$1\$"
}

# make_certificate NAME: into the shared directory.
make_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" \
    -keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}

# use_certificate NAME: cert and key one after the other, as certificate tools do.
use_certificate() {
  inside install -m 0640 -g pandora "/test/$1.pem" /etc/tentacle/cert.pem
  inside install -m 0640 -g pandora "/test/$1.key" /etc/tentacle/key.pem
}

refuses_connections() {
  ! beside bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT" 2>/dev/null
}

# start_load NAME: senders that try each file until it is confirmed, as agents do; what went wrong on the way is noted.
start_load() {
  rm -f "$work"/load-*
  local sender
  for sender in 1 2 3; do
    beside bash -c "$LOAD" bash "$1-$sender" "$work/load-stop" "$PORT" >"$work/load-$sender" 2>&1 &
  done
  eventually 20 grep -q confirmed "$work/load-1"
}

# One line a try: confirmed, refused (nobody listens), closed (before the first answer, by a server that stops: in
# both cases an agent keeps the file) or broken (in the middle).
readonly LOAD='
  try() {
    exec 3<>"/dev/tcp/127.0.0.1/$2" || { echo "refused $1"; return 1; }
    printf "SEND <%s> SIZE 6\n" "$1" >&3
    if ! read -r answer <&3; then echo "closed $1"; return 1; fi
    printf abcdef >&3
    if read -r second <&3 && [ "$answer $second" = "SEND OK SEND OK" ]; then echo "confirmed $1"; else echo "broken $1"; return 1; fi
    printf "QUIT\n" >&3
  }
  number=0
  until [ -e "$2" ]; do
    number=$((number + 1))
    until try "$1-$number.data" "$3" 2>/dev/null; do sleep 0.05; done
  done
  echo ended
'

stop_load() {
  touch "$work/load-stop"
  eventually 30 load_has_ended
}

load_has_ended() {
  [ "$(grep -lx ended "$work"/load-[123] | wc -l)" = 3 ]
}

# load_is_whole NAME
load_is_whole() {
  if grep -h broken "$work"/load-[123]; then return 1; fi
  awk '$1 == "confirmed" { print $2 }' "$work"/load-[123] | sort >"$work/confirmed"
  inside sh -c "cd $SPOOL && grep -lx abcdef $1-*" | sort >"$work/stored"
  diff "$work/confirmed" "$work/stored"
}
