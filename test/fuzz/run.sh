#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# run.sh SECONDS JOBS TARGET... - search with each fuzz target for so many seconds, JOBS of them at a time. All
# targets run, whatever one finds; the last lines name those that found something, and the exit status is 1 then.
set -eu
seconds=$1 jobs=$2
shift 2
found=build/fuzz/found
mkdir -p "$found"
rm -f "$found"/*.log "$found"/*.failed

# shellcheck disable=SC2016 # the inner shell is to expand it
printf '%s\n' "$@" | xargs -n 1 -P "$jobs" sh -c '
  found=$1 seconds=$2 target=$3 name=${3##*/}
  mkdir -p "$found/$name"
  echo "  $name"
  "$target" -max_total_time="$seconds" -max_len=65536 -timeout=30 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="$found/$name/" "$found/$name" "test/fuzz/corpus/$name" >"$found/$name.log" 2>&1 ||
    { echo "$name" >"$found/$name.failed"; cat "$found/$name.log"; }
' sh "$found" "$seconds"

status=0
for log in "$found"/*.failed; do
  [ -e "$log" ] || break
  [ $status = 1 ] || echo 'Fuzz targets with a finding:' >&2
  status=1
  name=$(cat "$log")
  echo "  $name: see $found/$name.log, and the input in $found/$name/" >&2
done
exit $status
