#!/bin/sh
# The code of the store beside a copy of the same memory. QUICK=1: seconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
# What is measured is a program of its own, whose name cargo picks.
if [ -z "${NETKIT:-}" ]; then
    NETKIT=$(cargo build --release --quiet --bench coding --manifest-path "$root/Cargo.toml" \
        --target-dir "${CARGO_TARGET_DIR:-$root/target}" --message-format=json-render-diagnostics |
        sed -n 's/.*"name":"coding".*"executable":"\([^"]*\)".*/\1/p')
fi
export NETKIT
exec "$here/run.sh" coding "$@"
