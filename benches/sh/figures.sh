# shellcheck shell=bash
# What is measured, kept under names, and what is made of it; part of scripts/bench.

# Each a list of numbers, with a space before each.
declare -A figures

hertz=$(getconf CLK_TCK)
readonly hertz

# CPU time of processes so far, in clock ticks: their own and that of children that have ended.
ticks() {
  local process stat sum=0 fields
  for process in "$@"; do
    read -r stat 2>/dev/null <"/proc/$process/stat" || continue
    # The name may hold anything; what follows its last parenthesis starts with field 3.
    read -ra fields <<<"${stat##*) }"
    sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
  done
  printf '%s\n' "$sum"
}

# Of Postgres and all of its processes.
postgres_ticks() {
  local backends
  mapfile -t backends < <(pgrep -P "$postgres_pid")
  ticks "$postgres_pid" "${backends[@]}"
}

# Microseconds of so many clock ticks, for each of so many requests.
per_request() {
  awk -v ticks="$1" -v requests="$2" -v hertz="$hertz" 'BEGIN { printf "%.3f", ticks / hertz * 1e6 / requests }'
}

# By so many figures.
ratio() {
  awk -v a="$1" -v b="$2" -v digits="${3:-2}" 'BEGIN { if (b > 0) printf "%.*f", digits, a / b; else printf "–" }'
}

# Keeps the ratio of two figures under a name.
keep_ratio() {
  figures[$1]+=" $(ratio "$2" "$3" 4)"
}

sorted() {
  tr ' ' '\n' <<<"${figures[$1]:-}" | grep '^[0-9]' | sort -n || true
}

# The median of what is kept under a name.
figure() {
  sorted "$1" | awk '{ at[NR] = $1 } END { if (NR) printf "%.4f", (at[int((NR + 1) / 2)] + at[int(NR / 2) + 1]) / 2 }'
}

# The same with its quartiles: "1.21 (1.19–1.24)"; nothing if there is nothing.
spread() {
  sorted "$1" | awk '
    { at[NR] = $1 }
    END {
      quarter = int((NR + 3) / 4)
      if (NR) printf "%.2f", (at[int((NR + 1) / 2)] + at[int(NR / 2) + 1]) / 2
      if (NR > 1) printf " (%.2f–%.2f)", at[quarter], at[NR + 1 - quarter]
    }'
}

# Calls a function for each of two, in turn: who is first alternates with the number of the round.
in_turn() {
  local round=$1 measured=$2 one=$3 other=$4
  if ((round % 2)); then
    "$measured" "$one" "${@:5}"
    "$measured" "$other" "${@:5}"
  else
    "$measured" "$other" "${@:5}"
    "$measured" "$one" "${@:5}"
  fi
}

# A line of a table in Markdown. What comes after `--` is printed where there is an earlier binary to compare with.
line() {
  local cell cells=()
  for cell in "$@"; do
    if [[ $cell != -- ]]; then cells+=("$cell"); elif [[ -z $against ]]; then break; fi
  done
  printf '|'
  printf ' %s |' "${cells[@]}"
  printf '\n'
}

# The first, and what stands under it.
header() {
  line "$@"
  line "$@" | sed 's/[^|]*[^|]/ --- /g'
}
