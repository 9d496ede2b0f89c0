#!/usr/bin/env bash
# What installed.sh has done inside a Debian where systemd is process 1: docs/tutorial.md, block by block, in one shell as whoever reads
# it has. tutorial/NN.sh is a block, and tutorial/NN.text what the page says that it says.
set -Eeuo pipefail
readonly blocks=/root/tutorial
# A folder that has the package, and nothing else.
mkdir /root/reader
cd /root/reader
cp /root/fedlink_0.1.0_*.deb .

say() {
  printf '%s\n' "$*"
}

broke_off() {
  say "!! $step, line $1"
  cat /root/output
  systemctl status --no-pager fedlink.service sandbox.service || true
  journalctl --no-pager --output=cat --lines=40 --unit=fedlink.service || true
}
trap 'broke_off "$LINENO"' ERR

# Whether a line of the page is one of what was said; … stands for anything.
said() {
  local shown=$1 line
  for line in '\' '*' '?' '['; do shown=${shown//"$line"/\\"$line"}; done
  shown=${shown//…/*}
  while IFS= read -r line; do
    # shellcheck disable=SC2053
    [[ $line != $shown ]] || return 0
  done </root/output
  say "nothing like $1"
  return 1
}

for block in "$blocks"/*.sh; do
  step=${block##*/}
  say "block $step"
  # shellcheck disable=SC1090
  . "$block" >/root/output 2>&1
  [[ ! -e ${block%.sh}.text ]] || while IFS= read -r shown; do said "$shown"; done <"${block%.sh}.text"
done
[[ ! -e /usr/bin/fedlink && ! -e /var/lib/fedlink ]]
say "all of it"
