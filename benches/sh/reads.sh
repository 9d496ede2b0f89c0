# shellcheck shell=bash
# fedToken and list: CPU time per request, start and memory; part of scripts/bench.

# --- the start ------------------------------------------------------------------------------------------------------

# Milliseconds from the start of a version to its first good answer at /readyz, and its memory then, in MiB.
measure_start() {
  local version=$1 began=${EPOCHREALTIME//[.,]/} status=
  start "${binary_of[$version]}" --config "$work/sqlite-$version.toml" serve
  until [[ $status == *\ 200\ * ]]; do
    exec {connection}<>"/dev/tcp/$ops"
    printf 'GET /readyz HTTP/1.0\r\n\r\n' >&"$connection"
    IFS= read -r status <&"$connection" || true
    exec {connection}>&-
  done
  took[$version]=$(ratio $((${EPOCHREALTIME//[.,]/} - began)) 1000)
  sleep 1
  memory[$version]=$(awk '$1 == "VmRSS:" { printf "%.2f", $2 / 1024 }' "/proc/$pid/status")
  figures[start $version]+=" ${took[$version]}" figures[memory $version]+=" ${memory[$version]}"
  stop "$pid"
}

measure_starts() {
  local round
  local -A took memory
  note "starting"
  for ((round = 1; round <= starts; round++)); do
    if [[ -z $against ]]; then
      measure_start now
      continue
    fi
    in_turn "$round" measure_start now before
    keep_ratio start "${took[now]}" "${took[before]}"
    keep_ratio memory "${memory[now]}" "${memory[before]}"
  done
}

# --- the servers ----------------------------------------------------------------------------------------------------

declare -A url_of pid_of token_of
# What servers run under, if anything.
under=()
# A server under a name, and the token it is called with; without one, it is asked for it.
serve() {
  local server=$1 token=$2
  start "${under[@]}" "${@:3}"
  url_of[$server]=$url pid_of[$server]=$pid
  token_of[$server]=${token:-$(get_token "$url")}
}

# "By hand" reads what fedlink reads, its tokens as well.
serve_engine() {
  local engine=$1 version from
  for version in "${versions[@]}"; do
    serve "$engine $version" '' "${binary_of[$version]}" --config "$work/$engine-$version.toml" serve
  done
  from=$(database "$engine" now)
  serve "$engine by hand" "${token_of[$engine now]}" "$yardstick" "$engine" "${from#sqlite:}" "$work/fedlink.keys"
}

serve_bare() {
  local what
  for what in "$fed_token" "$list"; do
    serve "bare $what" unchecked "$yardstick" bare "$(body_of "$what")"
  done
}

stop_all() {
  local server
  for server in "${!pid_of[@]}"; do stop "${pid_of[$server]}"; done
  url_of=() pid_of=() token_of=()
}

# The bytes of an answer in a file of their own.
body_of() {
  printf '%s/body%s\n' "$work" "${1//\//.}"
}

answer() {
  curl -sSf -H "Authorization: Bearer ${token_of[$1]}" "${url_of[$1]}/blitz/api/v3/users/user-00000042$2"
}

# What a server answers to whoever has no token of it.
answer_to_strangers() {
  curl -sS -o "$work/refusal" -w '%{http_code}' -H "Authorization: Bearer nobody" "${url_of[$1]}/blitz/api/v3/users/user-00000042$2"
}

# All that a batch asks for is there.
check_batch() {
  local server=$1 entries tokens
  entries=$(printf '{"subject":"user-%08d","fp":"bench:bench_1"},' $(seq 0 $((batch_size - 1))))
  tokens=$(curl -sSf -H "Authorization: Bearer ${token_of[$server]}" -H 'Content-Type: application/json' \
    -d "{\"tokens\":[${entries%,}]}" "${url_of[$server]}/blitz/api/v3/fedTokens" | grep -o '"token":' | wc -l)
  [[ $tokens -eq $batch_size ]] || fail "$server gives $tokens of $batch_size tokens at $batch"
}

# All give the same answers and refuse whom they don't know, or nothing here can be compared.
start_servers() {
  local what server
  serve_engine sqlite
  serve_engine postgres
  check_batch "sqlite now"
  check_batch "postgres now"
  serve large '' "$fedlink" --config "$work/sqlite-large.toml" serve
  serve "large by hand" "${token_of[large]}" "$yardstick" sqlite "$work/large.db" "$work/fedlink.keys"
  for what in "$fed_token" "$list"; do
    answer "sqlite now" "$what" >"$(body_of "$what")"
    for server in "${!url_of[@]}"; do
      answer "$server" "$what" | cmp - "$(body_of "$what")" >&2 || fail "$server answers otherwise at $what"
      [[ $(answer_to_strangers "$server" "$what") == 401 ]] || fail "$server lets strangers in at $what"
    done
  done
  serve_bare
}

# --- the load -------------------------------------------------------------------------------------------------------

cat >"$work/load.lua" <<'LUA'
local what, among, step, random, headers, jwts
local turn = 0

function init(args)
  what, among, step, random = args[1], tonumber(args[2]), tonumber(args[3]), args[4] == "random"
  headers = { Authorization = "Bearer " .. os.getenv("TOKEN"), ["Content-Type"] = "application/json" }
  math.randomseed(1)
  if what == "/seen" or what == "/unseen" then
    jwts = {}
    for line in io.lines(os.getenv("JWTS")) do
      jwts[#jwts + 1] = line
      if #jwts == tonumber(args[5]) then break end
    end
    headers = { Authorization = "Basic " .. os.getenv("BASIC"), ["Content-Type"] = "application/x-www-form-urlencoded" }
    turn = math.floor(os.time() % 6 * #jwts / 6)
  end
end

-- In turn: of more than are remembered each has been forgotten before it comes again.
local function exchange()
  turn = turn % #jwts + 1
  return wrk.format("POST", "/blitz/oauth/te", headers, "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&audience=bench:bench_1" ..
    "&subject_token_type=urn:ietf:params:oauth:token-type:access_token&subject_token=" .. jwts[turn])
end

-- As many users as a batch may have, from one at random on: none may stand there twice.
local function batch()
  local first, entries = math.random(among), {}
  for n = 1, 1000 do
    entries[n] = string.format('{"subject":"user-%08d","fp":"bench:bench_1"}', (first + n) % among * step)
  end
  return wrk.format("POST", "/blitz/api/v3/fedTokens", headers, '{"tokens":[' .. table.concat(entries, ",") .. "]}")
end

function request()
  if what == "/fedTokens" then return batch() end
  if jwts then return exchange() end
  turn = random and math.random(among) or turn % among + 1
  return wrk.format("GET", string.format("/blitz/api/v3/users/user-%08d%s", (turn - 1) * step, what), headers)
end

function done(summary)
  local e = summary.errors
  io.write(string.format("result %d %d\n", summary.requests, e.connect + e.read + e.write + e.timeout + e.status))
end
LUA

# Of the large database as many subjects as of the small one, spread over all of it: last uses are noted for as many.
readonly apart=$((links / subjects))
# Calls a server for all subjects, at random or in turn; gives "requests errors". Batches come one after the other, as they are
# worked at.
load() {
  local order=$1 duration=$2 server=$3 what=$4 step=1 connections=32 few=$jwts basic
  basic=$(printf 'exchange:%s' "$BENCH_SECRET" | base64)
  [[ $server != large* ]] || step=$apart
  [[ $what != "$batch" ]] || connections=1
  [[ $what != "$seen" ]] || few=$seen_jwts
  TOKEN=${token_of[$server]} BASIC=$basic JWTS=$work/jwts wrk -t1 -c"$connections" -d"${duration}s" -s "$work/load.lua" "${url_of[$server]}" -- "$what" "$subjects" "$step" "$order" "$few" |
    sed -n 's/^result //p'
}

# One slice: CPU µs per request of a server, and what Postgres spent on it.
run_slice() {
  local server=$1 what=$2 before before_own requests errors
  before=$(ticks "${pid_of[$server]}") before_own=$(postgres_ticks)
  read -r requests errors < <(load random "$slice" "$server" "$what")
  [[ $requests -gt 0 && $errors -eq 0 ]] || fail "$server: $errors of $requests requests failed at $what"
  # What a batch costs is told for each of its tokens.
  [[ $what != "$batch" ]] || requests=$((requests * batch_size))
  spent[$server]=$(per_request $(($(ticks "${pid_of[$server]}") - before)) "$requests")
  spent_own[$server]=$(per_request $(($(postgres_ticks) - before_own)) "$requests")
  figures[$server $what]+=" ${spent[$server]}"
  figures[$server $what, Postgres]+=" ${spent_own[$server]}"
}

# Two servers in turn, and the ratio of what they spent.
run_pair() {
  local round=$1 what=$2 one=$3 other=$4
  local -A spent spent_own
  in_turn "$round" run_slice "$one" "$other" "$what"
  keep_ratio "$one / $other $what" "${spent[$one]}" "${spent[$other]}"
  keep_ratio "$one / $other $what, Postgres" "${spent_own[$one]}" "${spent_own[$other]}"
}

# A slice of batches, or of single tokens, of the same server.
run_slice_of() {
  local what=$1 engine=$2
  run_slice "$engine now" "$what"
  spent_at[$what]=$(awk -v a="${spent[$engine now]}" -v b="${spent_own[$engine now]}" 'BEGIN { print a + b }')
}

# What a token costs in a batch, against one that is asked for alone; with what Postgres spends on it.
run_batch_pair() {
  local round=$1 engine=$2
  local -A spent spent_own spent_at
  in_turn "$round" run_slice_of "$batch" "$fed_token" "$engine"
  keep_ratio "$engine batch" "${spent_at[$batch]}" "${spent_at[$fed_token]}"
}

# What an exchange costs, against fedToken; with what Postgres spends on it.
run_exchange_pair() {
  local round=$1 engine=$2 what=$3
  local -A spent spent_own spent_at
  in_turn "$round" run_slice_of "$what" "$fed_token" "$engine"
  keep_ratio "$engine $what" "${spent_at[$what]}" "${spent_at[$fed_token]}"
}

# What is held against what is made by hand: its ratios are judged by hundredths, and two runs are to agree.
run_pairs_by_hand() {
  local round=$1 turn
  for ((turn = 1; turn <= often; turn++)); do run_pair $((round * often + turn)) "${@:2}"; done
}

run_round() {
  local round=$1 what engine
  for engine in sqlite postgres; do
    run_batch_pair "$round" "$engine"
    for what in "$seen" "$unseen"; do run_exchange_pair "$round" "$engine" "$what"; done
  done
  for what in "$fed_token" "$list"; do
    for engine in sqlite postgres; do
      run_pairs_by_hand "$round" "$what" "$engine now" "$engine by hand"
      run_pair "$round" "$what" "$engine now" "bare $what"
      [[ -z $against ]] || run_pair "$round" "$what" "$engine now" "$engine before"
    done
    run_pair "$round" "$what" large "sqlite now"
    run_pairs_by_hand "$round" "$what" large "large by hand"
  done
}

# Each token is handed out once, since that is noted; then there is time to write the notes (every 5 s, in one batch).
warm() {
  local server version
  note "warming"
  for server in "${!url_of[@]}"; do
    [[ $server == bare* ]] || load "in turn" "$warm_up" "$server" "$fed_token" >/dev/null
  done
  sleep 7
  for version in "${versions[@]}"; do sql "$version" 'VACUUM ANALYZE'; done
}

measure_reads() {
  local round
  warm
  for ((round = 1; round <= pairs; round++)); do
    note "pair $round of $pairs"
    run_round "$round"
  done
}

# --- the table ------------------------------------------------------------------------------------------------------

# A figure in a unit.
micros() {
  printf '%.1f µs' "$(figure "$1")"
}

read_row() {
  local what=$1 engine=$2 words=$3
  line "$words" "$(micros "$engine now $what")" "$(micros "$engine by hand $what")" "$(micros "bare $what $what")" \
    "$(spread "$engine now / $engine by hand $what")" "$(spread "$engine now / bare $what $what")" \
    "≤ 1.3 × by hand; goal ≤ 3 × bare" -- "$(spread "$engine now / $engine before $what")"
}

own_row() {
  local what=$1 words=$2
  line "$words" "$(micros "postgres now $what, Postgres")" "$(micros "postgres by hand $what, Postgres")" '' \
    "$(spread "postgres now / postgres by hand $what, Postgres")" '' '' -- \
    "$(spread "postgres now / postgres before $what, Postgres")"
}

batch_row() {
  local engine=$1 words=$2
  line "$words" "$(micros "$engine now $batch")" '' '' '' '' "≤ 0.2 × one alone: $(spread "$engine batch")" -- ''
}

exchange_row() {
  local what=$1 engine=$2 words=$3 budget=$4
  line "$words" "$(micros "$engine now $what")" '' '' '' '' "$budget: $(spread "$engine $what")" -- ''
}

scale_row() {
  local what=$1 words=$2
  line "$words" "$(micros "large $what")" "$(micros "large by hand $what")" '' "$(spread "large / large by hand $what")" '' \
    "≤ 1.3 × of $subjects: $(spread "large / sqlite now $what")" -- ''
}

print_reads() {
  header "CPU per request" fedlink "by hand" bare "× by hand" "× bare" budget -- "× before"
  read_row "$fed_token" sqlite "fedToken, SQLite"
  read_row "$list" sqlite "list, SQLite"
  read_row "$fed_token" postgres "fedToken, Postgres (client side)"
  read_row "$list" postgres "list, Postgres (client side)"
  own_row "$fed_token" "fedToken, Postgres' own"
  own_row "$list" "list, Postgres' own"
  batch_row sqlite "a token of fedTokens (batches of $batch_size), SQLite"
  batch_row postgres "a token of fedTokens (batches of $batch_size), Postgres (client side)"
  exchange_row "$seen" sqlite "exchange, a JWT seen before, SQLite" "≤ 1.15 × fedToken"
  exchange_row "$seen" postgres "exchange, a JWT seen before, Postgres (client side)" "≤ 1.15 × fedToken"
  exchange_row "$unseen" sqlite "exchange, a JWT not seen, SQLite" "and one signature"
  exchange_row "$unseen" postgres "exchange, a JWT not seen, Postgres (client side)" "and one signature"
  scale_row "$fed_token" "fedToken, SQLite, of $links links instead of $subjects"
  scale_row "$list" "list, SQLite, of $links links instead of $subjects"
  line "start to ready (SQLite, $subjects links)" "$(printf '%.0f ms' "$(figure "start now")")" '' '' '' '' "≤ 150 ms" -- "$(spread start)"
  line "idle memory (SQLite)" "$(printf '%.1f MiB' "$(figure "memory now")")" '' '' '' '' "≤ 30 MiB" -- "$(spread memory)"
  line binary "$(printf '%.1f MiB' "$(ratio "$(stat -Lc %s "$fedlink")" 1048576)")" '' '' '' '' "≤ 25 MiB" -- \
    "$([[ -z $against ]] || ratio "$(stat -Lc %s "$fedlink")" "$(stat -Lc %s "$against")")"
}
