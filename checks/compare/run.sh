#!/bin/sh
# Builds netkit and the references and starts the runner; see README.md.
# NETKIT=path measures that binary instead of building one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

case " $* " in
*" --without-netkit "*) ;;
*)
    if [ -z "${NETKIT:-}" ]; then
        cargo build --release --quiet --manifest-path "$root/Cargo.toml" \
            --target-dir "${CARGO_TARGET_DIR:-$root/target}"
        NETKIT=${CARGO_TARGET_DIR:-$root/target}/release/netkit
    fi
    set -- "$@" --netkit "$NETKIT"
    ;;
esac

cargo build --release --quiet --locked --manifest-path "$here/Cargo.toml" --target-dir "$here/target"
exec "$here/target/release/compare" "$@"
