#!/bin/sh
# Stands in for a web server that answers what it has begun to answer when it
# gets QUIT, and drops it when it gets TERM.

finish() {
	echo "QUIT: no new requests, finishing the others"
	sleep 1
	echo "all are answered"
	exit 0
}
drop() {
	echo "TERM: requests are lost"
	exit 1
}
trap finish QUIT
trap drop TERM

echo "would listen on port $PORT"
# In the background, so that a signal is heard at once, not after the sleep.
while :; do
	sleep 1 &
	wait $!
done
