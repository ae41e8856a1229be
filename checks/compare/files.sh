#!/bin/sh
# File servers: netkit beside other servers. QUICK=1: about a minute.
exec "$(dirname "$0")/run.sh" files "$@"
