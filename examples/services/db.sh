#!/bin/sh
# Stands in for a database: it is there, and closes its files before it ends.

stop() {
	echo "TERM: closing files"
	exit 0
}
trap stop TERM

echo "open for connections"
# In the background, so that a signal is heard at once, not after the sleep.
while :; do
	sleep 1 &
	wait $!
done
