#!/bin/sh
# Installs the deb into a root of its own, runs its program, reads the rpm, and has
# systemd rate the unit. What the machine lacks is said and counts as not tested.
#   test.sh DIST NUMBER ARCH
set -eu
dist=$1 number=$2 arch=$3
most=15 # exposure 1.5
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

if command -v dpkg >/dev/null; then
    mkdir -p "$root/var/lib/dpkg"
    : > "$root/var/lib/dpkg/status"
    dpkg --root="$root" --force-not-root --force-script-chrootless --log=/dev/null --install "$dist"/rollcall_"$number"*_"$arch".deb
    test "$(stat -c %a "$root/etc/rollcall/credentials")" = 700
    "$root/usr/bin/rollcall" version | grep -F "rollcall $number "
    test -s "$root/usr/share/doc/rollcall/rollcall.example.yaml"
    dpkg --root="$root" --force-not-root --force-script-chrootless --log=/dev/null --purge rollcall
    test ! -e "$root/usr/bin/rollcall"
    echo "the deb installs, runs and goes"
else
    echo "NOT TESTED without dpkg: the deb"
fi

if command -v rpm >/dev/null; then
    rpm=$(ls "$dist"/rollcall-*.rpm)
    rpm --query --package --list "$rpm" | grep -Fx /usr/lib/systemd/system/rollcall.service
    rpm --query --package --scripts "$rpm" | grep -F 'systemctl try-restart rollcall.service'
    echo "the rpm has what it should"
else
    echo "NOT TESTED without rpm: the rpm"
fi

if command -v systemd-analyze >/dev/null; then
    systemd-analyze security --offline=true --threshold=$most deploy/systemd/rollcall.service | tail -1
else
    echo "NOT TESTED without systemd-analyze: how far the unit is shut in"
fi
