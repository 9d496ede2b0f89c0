#!/usr/bin/env bash
# What installed.sh has done inside a Debian where systemd is process 1. The files of page/ are what docs/packages.md shows.
set -euo pipefail
cd /root

say() {
  printf '%s\n' "$*"
}

broke_off() {
  say "!! line $1"
  systemctl status --no-pager fedlink.service || true
  journalctl --no-pager --output=cat --lines=40 --unit=fedlink.service || true
}
trap 'broke_off "$LINENO"' ERR

page() {
  say "page: $1"
  bash -euo pipefail "page/$1" >output 2>&1 || { cat output; return 1; }
}

# Whether a text is there; shows where it isn't.
has() {
  grep -q -- "$1" "$2" || { say "no $1 in $2:"; cat "$2"; return 1; }
}

served_by() {
  systemctl show --value --property=MainPID fedlink.service
}

readonly settings=/etc/fedlink/fedlink.toml secrets=/etc/fedlink/secrets

page Install
has '"status":"ok"' output
has 'made /etc/fedlink/secrets/keyring' output
pid=$(served_by)
[[ $(stat -c %U "/proc/$pid") == fedlink ]]
# Nothing but its state can be written, it has no rights and gets none, and the secrets are copies.
has '^NoNewPrivs:.1$' "/proc/$pid/status"
has '^CapBnd:.0000000000000000$' "/proc/$pid/status"
has '^Seccomp:.2$' "/proc/$pid/status"
[[ $(stat -c '%a %U' $secrets $secrets/keyring /var/lib/fedlink /var/lib/fedlink/fedlink.db | tr '\n' ' ') == \
  "700 fedlink 600 fedlink 700 fedlink 600 fedlink " ]]
cmp $secrets/keyring /run/credentials/fedlink.service/secrets_keyring
cp $secrets/keyring keyring
if nsenter --target "$pid" --mount setpriv --reuid fedlink --regid fedlink --clear-groups cat $secrets/keyring 2>/dev/null; then
  say "the service reaches the secrets themselves"
  exit 1
fi
if nsenter --target "$pid" --mount touch /etc/fedlink/x 2>/dev/null; then
  say "the service writes to its settings"
  exit 1
fi

cat page/settings >>$settings
page "The first settings"
has '"access_token":"' output
has 'ok      keyring' output

say "reload: all of it, or none"
sed -i 's|^public_url .*|public_url = "http://localhost:8080"|' $settings
systemctl reload fedlink.service
echo 'mistyped = 1' | cat - $settings >mistaken && cp $settings good && cp mistaken $settings
if systemctl reload fedlink.service 2>/dev/null; then
  say "a mistake was taken"
  exit 1
fi
journalctl --no-pager --output=cat --unit=fedlink.service >log
has 'mistyped: is no known key' log
cp good $settings
curl -sSf http://127.0.0.1:9090/readyz >/dev/null

say "a secret that is new is told of"
sed 's|^\[\[clients\]\]|&\nrest_password = { file = "secrets/new" }|' good >$settings
echo "a password that is long enough" | sudo -u fedlink tee $secrets/new >/dev/null
if systemctl reload fedlink.service 2>/dev/null; then
  say "it was loaded while it was served"
  exit 1
fi
journalctl --no-pager --output=cat --unit=fedlink.service >log
has 'what is new among the secrets is loaded at the next start' log
systemctl restart fedlink.service

say "a secret that is encrypted on the disk"
systemd-creds encrypt --name=secrets_new $secrets/new /etc/fedlink/new.cred
rm $secrets/new
mkdir -p /etc/systemd/system/fedlink.service.d
printf '[Service]\nLoadCredentialEncrypted=secrets_new:/etc/fedlink/new.cred\n' >/etc/systemd/system/fedlink.service.d/override.conf
systemctl daemon-reload
systemctl restart fedlink.service
# Commands don't see it.
if sudo -u fedlink fedlink check >output 2>&1; then
  say "a command read what is encrypted"
  exit 1
fi
has 'secrets/new cannot be read' output
rm -r /etc/systemd/system/fedlink.service.d /etc/fedlink/new.cred
systemctl daemon-reload
cp good $settings
systemctl restart fedlink.service

say "a keyring that is changed, as the page says"
sudo -u fedlink fedlink keys add >/dev/null
cp $secrets/keyring keyring
systemctl restart fedlink.service
sudo -u fedlink fedlink keys list >output
[[ $(grep -c 'held by' output) -eq 2 ]]
if grep 'nobody who serves' output; then
  say "the service lacks the new key"
  exit 1
fi

pid=$(served_by)
page Upgrade
[[ $(dpkg-query -W -f '${Version}' fedlink) == 0.2.0 && $(served_by) != "$pid" ]]
systemctl is-active --quiet fedlink.service
cmp keyring $secrets/keyring
has 'id        = "console"' $settings
sudo -u fedlink fedlink account show 42 >output
has '^resident 42 ' output
bash -euo pipefail <(tail -n 2 "page/The first settings") >output
has '"access_token":"' output

page Remove
[[ $(served_by) == 0 && ! -e /usr/bin/fedlink ]]
cmp keyring $secrets/keyring
[[ -s /var/lib/fedlink/fedlink.db && -s $settings ]]

say "installed again, it goes on"
apt-get install -qq ./fedlink_0.2.0_amd64.deb >/dev/null 2>&1
cmp keyring $secrets/keyring
systemctl start fedlink.service
sudo -u fedlink fedlink account show 42 >/dev/null

say "purged"
apt-get purge -qq fedlink >output 2>&1
has 'deleted /var/lib/fedlink and /etc/fedlink/secrets, the keyring among them' output
[[ ! -e /var/lib/fedlink && ! -e /etc/fedlink ]]
say "all of it"
