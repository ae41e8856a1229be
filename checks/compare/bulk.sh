#!/bin/sh
# Bulk data and programs: netkit beside netcats. QUICK=1: about two minutes.
exec "$(dirname "$0")/run.sh" bulk "$@"
