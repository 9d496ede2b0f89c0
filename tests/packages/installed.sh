#!/usr/bin/env bash
# Installs the package in a Debian of its own, where systemd is process 1 (of a namespace), and does there what docs/packages.md shows,
# word for word; in another one what docs/tutorial.md does. Then runs the image's files, without a shell or a daemon, as its
# configuration says.
#
#   tests/packages/installed.sh PROGRAM
#
# Needs root, debootstrap, and what they are made of: namespaces, and a cgroup to put systemd into. `scripts/test --long` calls it.
# DEBIAN=trixie takes that Debian; without it, it is this machine's, whose libraries the program is linked against.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
work=$(mktemp -d /var/tmp/fedlink-installed.XXXXXX)
suite=${DEBIAN:-$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")}
readonly program work suite groups=$work/cgroup debian=$PWD/target/debian/$suite newer=0.2.0

fail() {
  printf 'tests/packages/installed.sh: %s\n' "$@" >&2
  exit 1
}

clean() {
  if mountpoint -q "$groups"; then
    find "$groups/fedlink-$$" -depth -type d -exec rmdir {} + 2>/dev/null || true
    umount "$groups"
  fi
  rm -rf "$work"
}

[[ $(id -u) -eq 0 ]] || fail "only root can install a package and start systemd"
trap clean EXIT

# It is made once, and kept for as long as it has what is needed.
debian() {
  local included=ca-certificates,curl,postgresql,sudo,systemd
  [[ $(cat "$debian/made" 2>/dev/null) != "$included" ]] || return 0
  rm -rf "$debian"
  mkdir -p "$debian"
  debootstrap --variant=minbase --include="$included" "$suite" "$debian/root" >"$debian/log" || fail "see $debian/log"
  echo "$included" >"$debian/made"
}

packages() {
  PACKAGE_FEDLINK=$program PACKAGE_QUICK=1 PACKAGE_TO=$work/old scripts/package
  PACKAGE_FEDLINK=$program PACKAGE_QUICK=1 PACKAGE_TO=$work/new PACKAGE_VERSION=$newer scripts/package
}

# The first block of a kind under a heading of the page.
shown() {
  awk -v heading="## $1" -v fence="\`\`\`$2" '
    /^## / { here = $0 == heading }
    here && $0 == fence { inside = 1; next }
    inside && /^```/ { exit }
    inside' docs/packages.md
}

# The blocks of the tutorial, numbered, and what each says.
tutorial() {
  mkdir "$1"
  awk -v folder="$1" '
    /^```sh$/ { file = sprintf("%s/%02d.sh", folder, ++n); next }
    /^```text$/ { file = sprintf("%s/%02d.text", folder, n); next }
    /^```$/ { file = ""; next }
    /^```/ { print "what is " $0 "?" >"/dev/stderr"; exit 1 }
    file { print >file }' docs/tutorial.md
}

# A Debian of its own for a script, which is run by a unit once systemd is up; it is process 1 that ends the namespace afterwards.
furnish() {
  local root=$1 script=$2 part
  cp -a "$debian/root" "$root"
  mkdir "$root/root/page"
  cp "$work"/old/*.deb "$work"/new/*.deb "$root/root"
  for part in Install "The first settings" Upgrade Remove; do
    shown "$part" sh >"$root/root/page/$part"
    [[ -s $root/root/page/$part ]] || fail "docs/packages.md shows nothing to run under $part"
  done
  shown "The first settings" toml >"$root/root/page/settings"
  tutorial "$root/root/tutorial"
  cp "tests/packages/$script" "$root/root/inside.sh"
  echo "127.0.0.1 localhost $HOSTNAME" >"$root/etc/hosts"
  # Nobody is there to say yes.
  echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/yes"
  cat >"$root/etc/systemd/system/inside.service" <<UNIT
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/bash /root/inside.sh
WorkingDirectory=/root
StandardOutput=file:/root/said
StandardError=inherit
UNIT
  mkdir -p "$root/etc/systemd/system/default.target.wants"
  ln -s ../inside.service "$root/etc/systemd/system/default.target.wants/inside.service"
  mkfifo "$root/root/said"
}

# systemd finds what it would find in a container: its own processes, mounts, network and cgroups.
boot() {
  local root=$1 group=$groups/fedlink-$$/${1##*/}
  mkdir -p "$groups"
  mountpoint -q "$groups" || mount -t cgroup2 cgroup2 "$groups" || fail "no cgroup can be made here: systemd has to have one"
  mkdir -p "$group"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --cgroup --ipc --mount --net --pid --uts --fork --kill-child --propagation private \
      bash -euc '
        cd "$1"
        mount --bind . . && cd "$1"
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        mount -t tmpfs -o mode=755 tmpfs dev
        for device in full null random tty urandom zero; do
          touch "dev/$device"
          mount --bind "/dev/$device" "dev/$device"
        done
        mkdir dev/pts dev/shm
        mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
        ln -s pts/ptmx dev/ptmx
        ln -s /proc/self/fd dev/fd
        mount -t tmpfs tmpfs run
        mount -t tmpfs tmpfs tmp
        mkdir -p outside
        pivot_root . outside
        umount -l /outside
        # What systemd mounts for one service reaches its namespace: secrets do.
        mount --make-rshared /
        exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=null --show-status=0
      ' boot "$root"
  ) </dev/null >"$work/console" 2>&1 &
}

# Runs a script of this folder to its end.
inside() {
  local root=$work/${1%.sh} line last=
  furnish "$root" "$1"
  boot "$root"
  while IFS= read -r line; do
    printf '   %s\n' "$line"
    last=$line
  done <"$root/root/said"
  wait "$!" || true
  [[ $last == "all of it" ]] || fail "what is done inside broke off" "$(cat "$work/console")"
}

# The image's files as a container has them: a root that can't be written to, its user, its environment, its two volumes.
image() {
  local files=$work/image rootfs=$work/rootfs path
  local -a environment
  mkdir "$files" "$rootfs"
  tar -xf "$work"/old/*.oci.tar -C "$files"
  path() { grep -o '"'"$2"'":{[^}]*sha256:[0-9a-f]*' "$1" | grep -o '[0-9a-f]*$'; }
  local manifest config layer
  manifest=$files/blobs/sha256/$(grep -o 'sha256:[0-9a-f]*' "$files/index.json" | cut -d : -f 2)
  config=$files/blobs/sha256/$(path "$manifest" config)
  layer=$files/blobs/sha256/$(grep -o 'sha256:[0-9a-f]*' "$manifest" | tail -n 1 | cut -d : -f 2)
  tar -xzf "$layer" -C "$rootfs" --numeric-owner --same-owner
  mapfile -t environment < <(grep -o '"Env":\[[^]]*' "$config" | grep -o '"[^"]*=[^"]*"' | tr -d '"')
  [[ ${#environment[@]} -eq 4 ]] || fail "the image's environment: ${environment[*]}"
  # shellcheck disable=SC2016
  unshare --mount --net --pid --fork --kill-child --propagation private bash -euc '
    rootfs=$1 log=$2
    shift 2
    ip link set lo up
    for volume in etc/fedlink/secrets var/lib/fedlink; do
      mkdir -p "$rootfs.volumes/$volume"
      chown --reference="$rootfs/$volume" "$rootfs.volumes/$volume"
    done
    mount --bind "$rootfs" "$rootfs"
    mount -o remount,bind,ro "$rootfs"
    for volume in etc/fedlink/secrets var/lib/fedlink; do mount --bind "$rootfs.volumes/$volume" "$rootfs/$volume"; done
    contained() {
      exec env -i "$@" unshare --setgid 65532 --setuid 65532 --root "$rootfs" --wd /var/lib/fedlink /usr/bin/fedlink "${command[@]}"
    }
    command=(keys add)
    (contained "$@")
    command=(serve)
    mkfifo "$log"
    contained "$@" 2>"$log" &
    server=$!
    exec 3<"$log"
    while IFS= read -r line <&3; do [[ $line != *"listening on"* ]] || break; done
    cat <&3 >/dev/null &
    curl -sSf --retry 30 --retry-all-errors http://127.0.0.1:9090/readyz
    echo
    curl -sSf http://127.0.0.1:8080/.well-known/oauth-authorization-server/blitz >/dev/null
    kill -TERM "$server"
    wait "$server"
  ' contained "$rootfs" "$work/log" "${environment[@]}"
}

debian
packages
printf '\n-- the package, where systemd %s is process 1\n' "$(chroot "$debian/root" systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')"
inside inside.sh
printf '\n-- the tutorial\n'
inside tutorial.sh
printf '\n-- the image, in namespaces\n'
image
printf '%s\n' "" "!! NOT RUN HERE: docker load and compose, which need a daemon; the image's layout and compose's settings are tested without one."
