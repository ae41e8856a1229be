#!/bin/sh
# The test command of the README: installs what the tests need, then format,
# lints, tests and documentation, everything with warnings denied.
set -eu
cd "$(dirname "$0")/.."

# command:Debian package, for everything the tests start.
needed='nc.openbsd:netcat-openbsd nc.traditional:netcat-traditional
busybox:busybox microsocks:microsocks danted:dante-server tinyproxy:tinyproxy
ssh:openssh-client ncat:ncat socat:socat python3:python3
nft:nftables ip:iproute2 strace:strace prlimit:util-linux nsenter:util-linux
unshare:util-linux setpriv:util-linux cc:gcc perl:perl openssl:openssl fish:fish
mandoc:mandoc nginx:nginx-light sshd:openssh-server ssh-keygen:openssh-client
unbound:unbound dnsmasq:dnsmasq-base chromium:chromium
wget:wget curl:curl mkfifo:coreutils
prometheus-blackbox-exporter:prometheus-blackbox-exporter
/usr/lib/postgresql/*/bin/postgres:postgresql'

missing=''
packages=''
# Servers are not on a user's path.
PATH="$PATH:/usr/sbin"
for pair in $needed; do
    # One that has its version in its path is looked for by a pattern.
    # shellcheck disable=SC2086
    command -v ${pair%%:*} >/dev/null 2>&1 && continue
    missing="$missing ${pair%%:*}"
    packages="$packages ${pair##*:}"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing what the tests need:$packages"
        apt-get update -qq
        # shellcheck disable=SC2086 # one word a package
        # Installed to be started by the tests alone: runlevel 1 starts no service.
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends $packages >/dev/null
    else
        echo "missing for the tests:$missing" >&2
        echo "install these packages, or run this as root on Debian:$packages" >&2
        exit 1
    fi
fi

echo '== format'
cargo fmt --all --check
echo '== lints'
cargo clippy --locked --all-targets -- -D warnings
echo '== tests'
# A job in the background ignores SIGINT, and so would everything that the tests start.
env --default-signal=INT cargo test --locked
echo '== documentation'
RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps
echo '== all passed'
