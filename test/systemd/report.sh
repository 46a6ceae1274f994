# shellcheck shell=bash
# What the rounds say, and how they wait.

passed=0
failed=0

round() {
  printf '\n%s: %s\n' "$suite" "$1"
}

# check TEXT COMMAND...: prints how it went; a failure shows what the command said.
check() {
  local text=$1 output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1))
    printf '  ok      %s\n' "$text"
  else
    failed=$((failed + 1))
    printf '  FAILED  %s\n' "$text"
    printf '          %s\n' "$*"
    printf '%s\n' "$output" | tail -n 15 | sed 's/^/          | /'
  fi
}

skip() {
  printf '  SKIPPED %s\n' "$1"
}

fatal() {
  printf '%s\n' "$1" >&2
  exit 1
}

# eventually SECONDS COMMAND...: tries until it succeeds.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.1
  done
}

# equal EXPECTED ACTUAL
equal() {
  [ "$1" = "$2" ] || { printf 'expected: %s\nactual:   %s\n' "$1" "$2"; return 1; }
}

# not COMMAND...
not() {
  ! "$@"
}
