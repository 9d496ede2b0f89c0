# shellcheck shell=bash
# Instructions in user space per request, which no neighbour changes; part of scripts/bench.

# How many are counted, one after the other: how calls fall together would change what is counted.
readonly calls=1000

# Sets `call` to the command that makes these calls to a server.
set_call() {
  local last
  last=$(printf '%08d' $((calls - 1)))
  call=(curl -sSf --fail-early -o "$work/counted-body" -H "Authorization: Bearer ${token_of[$1]}"
    "${url_of[$1]}/blitz/api/v3/users/user-[00000000-$last]$2")
}

by_perf() {
  perf stat -x, -e instructions:u -p "$1" -o "$work/counted" -- "${call[@]}"
  awk -F, '$3 ~ /^instructions/ { print $1 }' "$work/counted"
}

by_callgrind() {
  callgrind_control -i on "$1" >/dev/null 2>&1
  "${call[@]}"
  callgrind_control -i off "$1" >/dev/null 2>&1
  rm -f "$work/callgrind.$1"*
  callgrind_control -d "$1" >/dev/null 2>&1
  cat "$work/callgrind.$1"* | awk '$1 == "totals:" { sum += $2 } END { printf "%.0f", sum }'
}

count_calls() {
  local server=$1 what=$2 call counted
  set_call "$server" "$what"
  counted=$("by_$counter" "${pid_of[$server]}")
  [[ $counted -gt 0 ]] || fail "$counter counts nothing of $server at $what"
  figures[$server $what, instructions]=" $(ratio "$counted" "$calls")"
}

# The first calls are not counted: they note that tokens are handed out, which is written within 5 s, and see what is read often.
count_instructions() {
  local server what call
  note "counting instructions ($counter)"
  [[ $counter != callgrind ]] || under=(valgrind -q --tool=callgrind --instr-atstart=no --fair-sched=yes
    "--callgrind-out-file=$work/callgrind.%p")
  serve_engine sqlite
  serve_engine postgres
  serve_bare
  for server in "${!pid_of[@]}"; do
    for what in "$fed_token" "$list"; do
      [[ $server == "bare $what" || $server != bare* ]] || continue
      set_call "$server" "$what"
      "${call[@]}"
    done
  done
  sleep 7
  for server in "${!pid_of[@]}"; do
    note "  $server"
    for what in "$fed_token" "$list"; do
      [[ $server == "bare $what" || $server != bare* ]] || continue
      count_calls "$server" "$what"
    done
  done
  stop_all
  under=()
}

instructions_row() {
  local what=$1 engine=$2 words=$3 server now counted
  local cells=("$words") ratios=()
  now=$(figure "$engine now $what, instructions")
  for server in "$engine now" "$engine by hand" "bare $what"; do
    counted=$(figure "$server $what, instructions")
    cells+=("$(printf '%.0f' "$counted")")
    [[ $server == *now ]] || ratios+=("$(ratio "$now" "$counted")")
  done
  line "${cells[@]}" "${ratios[@]}" -- "$(ratio "$now" "$(figure "$engine before $what, instructions")")"
}

print_instructions() {
  printf '\n'
  header "instructions per request ($counter)" fedlink "by hand" bare "× by hand" "× bare" -- "× before"
  instructions_row "$fed_token" sqlite "fedToken, SQLite"
  instructions_row "$list" sqlite "list, SQLite"
  instructions_row "$fed_token" postgres "fedToken, Postgres (client side)"
  instructions_row "$list" postgres "list, Postgres (client side)"
}
