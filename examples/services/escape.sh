#!/bin/sh
# Starts a daemon the old way: forked twice, so that its parent is gone, and in
# a session of its own where there is a setsid(1) to make one.

if [ "${1:-}" = daemon ]; then
	echo "daemon: pid $$, on my own"
	while :; do sleep 1; done
fi

if command -v setsid >/dev/null; then
	(setsid "$0" daemon &)
else
	("$0" daemon &)
fi
echo "I have left a daemon behind"
while :; do sleep 1; done
