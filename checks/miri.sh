#!/bin/sh
# The loop's tests under Miri, sockets included: undefined behaviour and leaks.
# Needs a nightly toolchain with the miri and rust-src components.
set -eu
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
    echo 'cannot run Miri: no nightly toolchain with it is at hand' >&2
    echo 'hint: rustup toolchain install nightly --component miri,rust-src' >&2
    exit 1
fi
MIRIFLAGS='-Zmiri-disable-isolation' cargo +nightly miri test --lib reactor
