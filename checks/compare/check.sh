#!/bin/sh
# Port checks: netkit beside bare loops and peers. QUICK=1: about a minute.
exec "$(dirname "$0")/run.sh" check "$@"
