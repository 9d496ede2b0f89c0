# shellcheck shell=bash
# Links whose tokens have expired, and as many whose tokens are fresh, all asked for at once; part of scripts/bench.

# What the storm's client prints, and the provider after it.
readonly storm_fields=(took failed quiet quiet_tail reads tail crowded crowded_tail asked refused)

# Databases of their own, of which each storm gets a copy: it leaves nothing expired behind.
make_storm_databases() {
  local engine version
  "$yardstick" lines --expired "$stale" >"$work/storm-lines"
  for engine in sqlite postgres; do
    for version in "${versions[@]}"; do import "$engine" "$version" "storm_$version" "$work/storm-lines" "$issuer"; done
    settings "$(database "$engine" storm)" "$issuer" >"$work/$engine-storm.toml"
  done
}

copy_for_storm() {
  case $1 in
    sqlite)
      rm -f "$work"/storm.db*
      copy_sqlite "storm_$2" storm
      ;;
    postgres)
      sql postgres 'DROP DATABASE IF EXISTS storm'
      sql postgres "CREATE DATABASE storm TEMPLATE storm_$2"
      ;;
  esac
}

# One storm on a version; keeps its figures, and in `latest` for the ratios.
storm() {
  local version=$1 engine=$2 values i
  copy_for_storm "$engine" "$version"
  curl -sSf -X POST "$issuer/again"
  start "${binary_of[$version]}" --config "$work/$engine-storm.toml" serve
  read -ra values < <(TOKEN=$(get_token "$url") "$yardstick" storm "$url" "$stale" | tr '\n' ' ' && curl -sSf "$issuer/counts")
  stop "$pid"
  [[ ${#values[@]} -eq ${#storm_fields[@]} ]] || fail "the storm tells nothing ($engine, $version)"
  for i in "${!storm_fields[@]}"; do
    latest[$version ${storm_fields[i]}]=${values[i]}
    figures[storm $engine $version ${storm_fields[i]}]+=" ${values[i]}"
  done
}

storm_round() {
  local round=$1 engine=$2 field
  local -A latest
  note "storm $round of $storms ($engine)"
  if [[ -z $against ]]; then
    storm now "$engine"
    return
  fi
  in_turn "$round" storm now before "$engine"
  for field in took quiet quiet_tail reads tail crowded crowded_tail; do
    keep_ratio "storm $engine $field" "${latest[now $field]}" "${latest[before $field]}"
  done
}

measure_storms() {
  local provider issuer round engine
  start "$yardstick" provider "$stale" "$answer_takes"
  provider=$pid issuer=$url
  make_storm_databases
  for ((round = 1; round <= storms; round++)); do
    for engine in sqlite postgres; do storm_round "$round" "$engine"; done
  done
  stop "$provider"
}

# --- the table ------------------------------------------------------------------------------------------------------

# What must be the same in every storm: all there was.
all_of() {
  sorted "$1" | uniq | paste -sd ' '
}

counts_row() {
  local words=$1 field=$2 budget=$3
  line "$words" "$(all_of "storm sqlite now $field")" "$(all_of "storm postgres now $field")" "$budget" -- '' ''
}

# A median and a 99th percentile, each the median of all storms.
reads_row() {
  local words=$1 budget=$2 median=$3 tail=$4 engine cells=() ratios=()
  for engine in sqlite postgres; do
    cells+=("$(printf '%.2f / %.2f ms' "$(figure "storm $engine now $median")" "$(figure "storm $engine now $tail")")")
    ratios+=("$(spread "storm $engine $median") / $(spread "storm $engine $tail")")
  done
  line "$words" "${cells[@]}" "$budget" -- "${ratios[@]}"
}

time_row() {
  local ideal engine took cells=()
  ideal=$(awk -v n="$stale" -v ms="$answer_takes" -v limit="$max_concurrency" 'BEGIN { printf "%.2f", n * ms / limit / 1000 }')
  for engine in sqlite postgres; do
    took=$(figure "storm $engine now took")
    cells+=("$(spread "storm $engine now took") s: $(ratio "$took" "$ideal")")
  done
  line time "${cells[@]}" "≤ 1.2 × $ideal s" -- "$(spread "storm sqlite took")" "$(spread "storm postgres took")"
}

print_storms() {
  printf '\n'
  header "$stale links expire at once, the provider takes $answer_takes ms" SQLite Postgres budget -- "SQLite, × before" "Postgres, × before"
  counts_row "calls to the provider" asked "exactly $stale"
  counts_row "refused by it" refused 0
  counts_row "failed requests" failed 0
  time_row
  reads_row "reads of fresh tokens meanwhile, p50 / p99" "as before" reads tail
  reads_row "the same before" "" quiet quiet_tail
  reads_row "the same while as many ask for fresh tokens" "" crowded crowded_tail
}
