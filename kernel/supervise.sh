#!/bin/sh
# What Jupyter starts: sh supervise.sh NODE [flags] MAIN CONNECTION_FILE. Runs that command, the kernel, and waits for it.
#
# The kernel's descriptors 1 and 2 are pipes that the kernel reads itself, so that all that a cell causes to be written
# reaches the notebook. When the kernel ends in another way than by itself (no memory, a crash, a kill), report_death.js
# says so in the notebook, which the dead process cannot. A shell, because it needs 1 MB and no time to start.
#
# The kernel finds: 3 and 4, the terminal's standard output and error; 8, the file where it notes what runs; and the
# pipes in the folder PHI3LAB_SUPERVISOR, which it deletes. "alive" ends when this process does.
if ! { folder=$(mktemp -d "${TMPDIR:-/tmp}/phi3lab.XXXXXX") && mkfifo "$folder/stdout" "$folder/stderr" "$folder/alive"; } 2>/dev/null; then
  exec "$@" # Without a place for pipes the kernel runs without them.
fi
trap 'rm -rf "$folder"' EXIT
exec 3>&1 4>&2 5<>"$folder/stdout" 6<>"$folder/stderr" 7<>"$folder/alive" 8<>"$folder/running"
PHI3LAB_SUPERVISOR=$folder PHI3LAB_PARENT=$PPID "$@" >&5 2>&6 5>&- 6>&- 7>&- &
kernel=$!
for signal in INT TERM HUP; do
  trap "kill -$signal $kernel 2>/dev/null" "$signal"
done
while :; do
  wait "$kernel"
  status=$?
  kill -0 "$kernel" 2>/dev/null || break # A signal for the kernel ended the wait.
done
if [ "$status" -ne 0 ]; then
  node=$1
  for argument; do
    main=${connection-}
    connection=$argument
  done
  "$node" "$(dirname "$main")/protocol/report_death.js" "$connection" "$status" >&3 2>&4
fi
exit "$status"
