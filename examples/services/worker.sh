#!/bin/sh
# Stands in for a worker that tells what it has done when it gets USR1.

jobs=0
stop() {
	echo "TERM: stopping after $jobs jobs"
	exit 0
}
trap 'echo "USR1: $jobs jobs are done"' USR1
trap stop TERM

echo "working; ask how it goes with: kill -USR1 $PPID"
# In the background, so that a signal is heard at once, not after the sleep.
while :; do
	sleep 1 &
	wait $!
	jobs=$((jobs + 1))
done
