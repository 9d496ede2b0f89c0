# shellcheck shell=bash
# What greedy peers take from who reads fresh tokens; part of scripts/bench.

readonly greedy_kinds=(lists parameters bodies heads pipelines rows sign-ins)
# Where a signed-in user's lists pass over so many accounts.
declare -rA strangers=([sqlite]=20000 [postgres]=100000)
# What the memory may be above what it was before, in MiB, to count as given back; and how long that may take, in seconds.
readonly given_back=16 patience=60
# No secret either.
export GREEDY_PASSWORD="correct horse battery of the bench"

resident_memory() {
  awk '$1 == "VmRSS:" { printf "%d", $2 / 1024 }' "/proc/$1/status"
}

make_greedy_database() {
  local engine=$1 config=$work/$1-greedy.toml
  import "$engine" now greedy "$work/greedy-lines" "$nobody"
  printf '[session]\nsecret = { env = "BENCH_SECRET" }\n' >>"$config"
  printf '%s\n' "$GREEDY_PASSWORD" | "$fedlink" --config "$config" account create --id greedy --type staff --admin \
    --email greedy@example.com --email-verified --password-stdin >&2
  case $engine in
    sqlite) "$yardstick" strangers "$work/greedy.db" "${strangers[sqlite]}" >&2 ;;
    postgres)
      sql greedy "INSERT INTO accounts (subject, account_type, name, created)
        SELECT 'stranger-' || n, 'resident', 'Somebody With A Name ' || n, now() FROM generate_series(1, ${strangers[postgres]}) n"
      sql greedy 'VACUUM ANALYZE'
      ;;
  esac
}

# The session of somebody who may list all there are.
sign_in() {
  local query="mutation { authenticateUserWithEmailAndPassword(data: { dv: 1, sender: { dv: 1, fingerprint: \\\"bench-one\\\" }, \
userType: staff, email: \\\"greedy@example.com\\\", password: \\\"$GREEDY_PASSWORD\\\" }) { token } }"
  curl -sSf -H 'Content-Type: application/json' -d "{\"query\": \"$query\"}" "$1/admin/api" |
    sed -n 's/.*"token":"\([^"]*\)".*/\1/p'
}

# Each kind on a server of its own: what one leaves behind is not the next one's.
measure_greedy() {
  local engine kind values before meanwhile waited
  "$yardstick" lines 1000 >"$work/greedy-lines"
  for engine in sqlite postgres; do
    make_greedy_database "$engine"
    for kind in "${greedy_kinds[@]}"; do
      note "greedy peers: $kind ($engine)"
      start "$fedlink" --config "$work/$engine-greedy.toml" serve
      TOKEN=$(get_token "$url") GREEDY=$(sign_in "$url")
      [[ -n $GREEDY ]] || fail "nobody is signed in ($engine)"
      # What there is once all parts have been used once is where it has to come back to.
      sleep 1
      before=$(resident_memory "$pid")
      read -ra values < <(TOKEN=$TOKEN GREEDY=$GREEDY "$yardstick" greedy "$url" 1000 "$kind")
      [[ ${#values[@]} -eq 5 ]] || fail "the readers tell nothing ($engine, $kind)"
      meanwhile=$(resident_memory "$pid") waited=0
      while (($(resident_memory "$pid") > before + given_back && waited < patience)); do
        sleep 1
        waited=$((waited + 1))
      done
      figures[greedy $engine $kind]="${values[0]} | ${values[1]} / ${values[2]} ms | ${values[3]} / ${values[4]} ms \
| $before, $meanwhile, $(resident_memory "$pid") MiB after $waited s"
      stop "$pid"
    done
  done
}

print_greedy() {
  local engine kind
  printf '\n'
  header "what greedy peers do" engine "reads that fail" "p50 / p99 without" "beside them" "memory before, at their end, afterwards"
  for kind in "${greedy_kinds[@]}"; do
    for engine in sqlite postgres; do line "$kind" "$engine" "${figures[greedy $engine $kind]}"; done
  done
}
