# shellcheck shell=bash
# The databases, and who reads them; part of scripts/bench. Each version of fedlink has its own, of the same lines.

# An issuer whose tokens are exchanged; versions before there was an exchange know none.
issuer_settings() {
  cat <<TOML
[[clients]]
id = "exchange"
secret = { env = "BENCH_SECRET" }
scopes = ["fed_tkn_any"]
at = { "$jwt_issuer" = { audiences = ["https://bench.example"] } }
[[issuers]]
issuer = "$jwt_issuer"
TOML
}

# A database and an issuer.
settings() {
  cat <<TOML
public_url = "http://127.0.0.1:8080"
listen = "127.0.0.1:0"
ops_listen = "127.0.0.1:0"
database_url = "$1"
[vault]
keyring = { file = "$work/fedlink.keys" }
[tokens]
max_concurrency = $max_concurrency
[[clients]]
id = "bench"
name = "Bench"
secret = { env = "BENCH_SECRET" }
scopes = ["blitz_api_sys_ufa", "fed_tkn_any"]
[[providers]]
type = "bench"
name = "bench_1"
title = "Bench"
preset = "oidc"
issuer = "$2"
client_id = "bench"
client_secret = { env = "BENCH_SECRET" }
TOML
}

get_token() {
  curl -sSf -u "bench:$BENCH_SECRET" -d grant_type=client_credentials "$1/blitz/oauth/te" |
    sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}

# The URL of a database: an engine and a name.
database() {
  case $1 in
    sqlite) printf 'sqlite:%s/%s.db\n' "$work" "$2" ;;
    postgres) printf '%s/%s\n' "$postgres_url" "$2" ;;
  esac
}

# A version's database by name, with the lines of a file taken in.
import() {
  local engine=$1 version=$2 name=$3 lines=$4 issuer=$5 began=${EPOCHREALTIME//[.,]/}
  note "importing ($engine, $version)"
  [[ $engine != postgres ]] || sql postgres "CREATE DATABASE $name"
  settings "$(database "$engine" "$name")" "$issuer" >"$work/$engine-$name.toml"
  "${binary_of[$version]}" --config "$work/$engine-$name.toml" import --register "$lines" >&2
  note "$(((${EPOCHREALTIME//[.,]/} - began) / $(wc -l <"$lines"))) µs each"
  [[ $engine != postgres ]] || sql "$name" 'VACUUM ANALYZE'
}

# A SQLite database under another name: nobody may have it open.
copy_sqlite() {
  local end
  for end in .db .db-wal; do
    [[ ! -e $work/$1$end ]] || cp "$work/$1$end" "$work/$2$end"
  done
}

# Accounts become the users of the issuer whose tokens are exchanged, in the databases of all versions: they are compared.
claim_accounts() {
  local engine version
  for engine in sqlite postgres; do issuer_settings >>"$work/$engine-now.toml"; done
  for version in "${versions[@]}"; do
    "$yardstick" claim "$work/$version.db" "$jwt_issuer"
    sql "$version" "UPDATE accounts SET issuer = '$jwt_issuer'"
  done
}

make_databases() {
  local engine version
  start "$yardstick" issuer "$jwts" "$subjects" "$work/jwts"
  readonly jwt_issuer=$url
  "$yardstick" lines "$subjects" >"$work/lines"
  for engine in sqlite postgres; do
    for version in "${versions[@]}"; do import "$engine" "$version" "$version" "$work/lines" "$nobody"; done
  done
  note "seeding $links links"
  copy_sqlite now large
  claim_accounts
  settings "$(database sqlite large)" "$nobody" >"$work/sqlite-large.toml"
  "$yardstick" seed "$work/large.db" "$work/fedlink.keys" "$subjects" "$links" >&2
  note "$(du -m "$work/large.db" | cut -f 1) MiB"
}
