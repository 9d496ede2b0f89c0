# shellcheck shell=bash
# Processes, all of them ours and all of them ended; part of scripts/bench.

work=$(mktemp -d "${TMPDIR:-/tmp}/fedlink-bench.XXXXXX")
servers=()
cleanup() {
  local code=$?
  trap - EXIT
  for pid in "${servers[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${servers[@]}"; do wait "$pid" 2>/dev/null || true; done
  [[ ! -e $work/pg/data/postmaster.pid ]] || as_postgres "$pg/pg_ctl" -D "$work/pg/data" -m immediate stop >/dev/null || true
  rm -rf "$work"
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Starts a server, waits until it says where it listens, and sets: pid, url, ops.
start() {
  local line fifo=$work/fifo said
  rm -f "$fifo"
  mkfifo -m 600 "$fifo"
  "$@" >/dev/null 2>"$fifo" &
  pid=$!
  servers+=("$pid")
  url='' ops='' said=''
  exec {said_by}<"$fifo"
  while [[ -z $url ]] && IFS= read -r -t 120 -u "$said_by" line; do
    said+=$line$'\n'
    [[ $line =~ listening\ on\ (http://[0-9.:]+) ]] && url=${BASH_REMATCH[1]}
    [[ $line =~ operations\ on\ http://([0-9.]+):([0-9]+) ]] && ops=${BASH_REMATCH[1]}/${BASH_REMATCH[2]}
  done
  [[ -n $url ]] || fail "$1 does not start:" "$said"
  # What it says later is told at once, unless it is the way of things.
  { grep -v --line-buffered '"level":"INFO"' <&"$said_by" >&2 || true; } &
  exec {said_by}<&-
}

# Without ceremony: told to stop, a server serves on for a while, so that balancers see it.
stop() {
  kill -KILL "$1"
  wait "$1" 2>/dev/null || true
}

as_postgres() {
  if [[ $(id -u) -eq 0 ]]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Postgres listens on a port only because "by hand" and fedlink are to reach it as they would in a fleet. It cleans up when it
# is told to: otherwise that would fall into some slices and not into others.
start_postgres() {
  local port
  pg=$(postgres_binaries)
  mkdir "$work/pg"
  chmod 711 "$work"
  [[ $(id -u) -ne 0 ]] || chown postgres "$work/pg"
  as_postgres "$pg/initdb" -D "$work/pg/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null
  for _ in 1 2 3; do
    port=$((20000 + RANDOM % 12000))
    if as_postgres "$pg/pg_ctl" -D "$work/pg/data" -l "$work/pg/log" -w start -o "-c listen_addresses=127.0.0.1 -p $port \
      -k $work/pg -c fsync=off -c shared_buffers=256MB -c max_wal_size=4GB -c checkpoint_timeout=1h -c autovacuum=off" >/dev/null; then
      postgres_pid=$(as_postgres head -n 1 "$work/pg/data/postmaster.pid")
      postgres_url=postgres://postgres@127.0.0.1:$port
      return
    fi
  done
  fail "Postgres does not start:" "$(as_postgres cat "$work/pg/log")"
}

# A statement in one of its databases.
sql() {
  PGOPTIONS=--client-min-messages=warning "$pg/psql" -qX -v ON_ERROR_STOP=1 "$postgres_url/$1" -c "$2"
}
