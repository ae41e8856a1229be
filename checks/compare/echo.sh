#!/bin/sh
# Echo servers: netkit beside references and peers. QUICK=1: about a minute.
exec "$(dirname "$0")/run.sh" echo "$@"
